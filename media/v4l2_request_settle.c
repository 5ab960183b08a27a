/* SPDX-License-Identifier: MIT */
/*
 * What the host has said to an ioctl: it changes what is known of the node's queues here, and is
 * put as the guest may see it.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "media/media.h"
#include "media/v4l2_context.h"
#include "media/v4l2_estate.h"

/* What the host says that its queues can, of what the guest can use. */
#define QUEUE_CAPABILITIES                                                                         \
    (V4L2_BUF_CAP_SUPPORTS_MMAP | V4L2_BUF_CAP_SUPPORTS_USERPTR |                                  \
     V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS)

#define NUMBER(name) _IOC_NR(VIDIOC_##name)

/* The guest's view of one plane that the host has. 0 or -errno. */
static int adopt_plane(struct v4l2_request *request, unsigned i, struct v4l2_queue_plane *plane)
{
    struct window *window = &request->context->proxy->media->window;

    if (request->had[i].buffer != NULL) {
        plane->plane = plane_import(window, request->had[i].buffer, plane->length);
        request->had[i].buffer = NULL;
        return plane->plane != NULL ? 0 : -errno;
    }
    plane->plane = plane_create(window, plane->length);
    if (plane->plane == NULL)
        return -errno;
    plane->bytes = buffer_data(plane->plane->buffer);
    if (plane->bytes == NULL) {
        int r = -errno;

        plane_release(plane->plane);
        return r;
    }
    plane->map = request->had[i].map;
    request->had[i].map = NULL;
    return 0;
}

static void say_how(struct v4l2_request *request)
{
    struct v4l2_proxy *proxy = request->context->proxy;
    bool copied = request->error != 0;
    bool *said = copied ? &proxy->said_copied : &proxy->said_mapped;

    if (*said)
        return;
    *said = true;
    if (copied)
        log_warning("%s: its driver lends no buffers (VIDIOC_EXPBUF: error %d), so every frame is "
                    "copied once.",
                    proxy->path, -request->error);
    else
        log_info("%s: the guest sees the driver's own buffers, nothing is copied.", proxy->path);
}

static int adopt_planes(struct v4l2_request *request)
{
    const struct v4l2_buffer *buffer = request->call->payload;
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(buffer->type);
    struct v4l2_queue_buffer *known = v4l2_queue_buffer(request->queue, buffer->index);
    unsigned planes = multi ? buffer->length : 1;
    int r = 0;

    if (known == NULL)
        return -errno;
    for (unsigned i = 0; i < planes && r == 0; i++) {
        struct v4l2_queue_plane *plane = &known->plane[i];

        *plane = (struct v4l2_queue_plane){
            .offset = multi ? request->planes[i].m.mem_offset : buffer->m.offset,
            .length = multi ? request->planes[i].length : buffer->length,
        };
        r = adopt_plane(request, i, plane);
        if (r == 0) {
            plane_name(plane->plane, buffer->index, request->context->session);
            estate_plane(&request->context->proxy->media->estate, plane->plane);
            known->planes++;
        }
    }
    for (; r != 0 && known->planes > 0; known->planes--) {
        struct v4l2_queue_plane *plane = &known->plane[known->planes - 1];

        plane_release(plane->plane);
        if (plane->map != NULL)
            request->context->node->calls->munmap(plane->map, plane->length);
    }
    if (r == 0)
        say_how(request);
    else
        log_warning("v4l2: a buffer has no place in the guest's window: error %d; --window makes "
                    "it larger",
                    -r);
    return r;
}

static void answer_planes(struct v4l2_request *request, struct v4l2_buffer *buffer)
{
    v4l2_queue_describe(request->queue, buffer, request->planes);
    if (!V4L2_TYPE_IS_MULTIPLANAR(buffer->type))
        return;
    request->tail_answer = buffer->length * sizeof(request->planes[0]);
    memcpy(request->call->tail, request->planes, request->tail_answer);
}

/* The host has done what was asked. 0 or -errno. */
static int settle_queued(struct v4l2_request *request, struct v4l2_buffer *buffer)
{
    struct v4l2_queue_buffer *known = v4l2_queue_buffer(request->queue, buffer->index);

    if (known == NULL)
        return -errno;      /* the host has it, and will not give it back before STREAMOFF */
    if (request->is_done) { /* and may have given it back since then */
        buffer->flags |= V4L2_BUF_FLAG_QUEUED;
        buffer->flags &= ~V4L2_BUF_FLAG_DONE;
        return 0;
    }
    request->queue->queued += !known->queued;
    known->queued = true;
    return 0;
}

static int settle_buffer(struct v4l2_request *request)
{
    struct v4l2_buffer *buffer = request->call->payload;
    struct v4l2_queue_buffer *known;
    int r = request->wants_planes ? adopt_planes(request) : 0;

    if (request->user_buffer != NULL)
        v4l2_user_replace(&request->user_buffer->user, &request->user);
    known = v4l2_queue_find(request->queue, buffer->index);
    if (known != NULL && request->call->number != NUMBER(QUERYBUF)) {
        known->prepared = request->call->number == NUMBER(PREPARE_BUF);
        known->untold = 0;
    }
    if (r == 0 && request->call->number == NUMBER(QBUF))
        r = settle_queued(request, buffer);
    if (r != 0)
        return r;
    known = v4l2_queue_find(request->queue, buffer->index);
    if (known != NULL)
        v4l2_estate_buffer(known);
    answer_planes(request, buffer);
    return 0;
}

static void settle_buffers(struct v4l2_request *request)
{
    struct v4l2_requestbuffers *buffers = request->call->payload;
    struct v4l2_context *context = request->context;

    if (request->result == 0 || request->freed)
        v4l2_queue_clear(request->queue, &context->proxy->media->events, context->node->calls);
    if (request->result == 0)
        request->queue->user = buffers->count > 0 && buffers->memory == V4L2_MEMORY_USERPTR;
    if (request->result == 0)
        request->queue->count = buffers->count;
    if (request->result == 0 || request->freed)
        estate_context(&context->context);
    buffers->capabilities &= QUEUE_CAPABILITIES;
    buffers->flags = 0;
}

static void settle_created(struct v4l2_request *request)
{
    struct v4l2_create_buffers *create = request->call->payload;
    size_t rest = offsetof(struct v4l2_create_buffers, capabilities) + sizeof(create->capabilities);

    if (create->count > 0)
        request->queue->user = create->memory == V4L2_MEMORY_USERPTR;
    request->queue->count += create->count;
    request->queue->surplus = 0;
    estate_context(&request->context->context);
    create->capabilities &= QUEUE_CAPABILITIES;
    memset((uint8_t *)create + rest, 0, sizeof(*create) - rest);
}

static void settle_subscription(struct v4l2_request *request, bool wanted)
{
    struct session *session = v4l2_context_session(request->context);
    struct event_queue *events = &request->context->proxy->media->events;

    if (!wanted) {
        subscription_remove(session, events, request->call->payload);
        return;
    }
    request->result = subscription_add(session, request->call->payload);
    for (unsigned i = 0; i < request->events; i++)
        subscription_raise_one(session, events, &request->event[i]);
}

/* No READWRITE is passed on. */
static void settle_parm(struct v4l2_streamparm *parm)
{
    struct v4l2_captureparm *capture =
        &parm->parm.capture; /* the output's has all at the same place */

    capture->readbuffers = 0;
    memset(capture->reserved, 0, sizeof(capture->reserved));
}

/* What the host has done changes what is known here. */
static void settle_good(struct v4l2_request *request)
{
    struct ioctl_call *call = request->call;

    switch (call->number) {
    case NUMBER(QUERYBUF):
    case NUMBER(QBUF):
    case NUMBER(PREPARE_BUF):
        request->result = settle_buffer(request);
        return;
    case NUMBER(CREATE_BUFS):
        settle_created(request);
        return;
    case NUMBER(STREAMON):
        request->queue->streaming = true;
        request->queue->ended = false;
        estate_context(&request->context->context);
        return;
    case NUMBER(STREAMOFF):
        v4l2_queue_stop(request->queue, &request->context->proxy->media->events);
        estate_context(&request->context->context);
        return;
    case NUMBER(DECODER_CMD):
    case NUMBER(ENCODER_CMD): /* of both, the command is the first field, and 0 is START */
        if (*(const uint32_t *)call->payload == 0)
            request->context->capture.ended = false;
        return;
    case NUMBER(G_PARM):
    case NUMBER(S_PARM):
        settle_parm(call->payload);
        return;
    case NUMBER(SUBSCRIBE_EVENT):
    case NUMBER(UNSUBSCRIBE_EVENT):
        settle_subscription(request, call->number == NUMBER(SUBSCRIBE_EVENT));
        return;
    default:
        return;
    }
}

void v4l2_request_settle(struct v4l2_request *request)
{
    if (request->call->number == NUMBER(REQBUFS))
        settle_buffers(request);
    else if (request->result == 0)
        settle_good(request);
}
