/* SPDX-License-Identifier: MIT */
/*
 * What of an ioctl may reach the host. It comes from a guest that wishes us ill.
 */
#include <errno.h>
#include <string.h>

#include "media/media.h"
#include "media/session.h"
#include "media/v4l2_context.h"

#define NUMBER(name) _IOC_NR(VIDIOC_##name)

/* QUERYCAP, DQBUF, DQEVENT, priorities and CROPCAP are answered inside
 * the guest; overlays, EDIDs, EXPBUF and registers are not passed on. */
bool v4l2_request_knows(uint32_t number)
{
    static const uint8_t known[] = {
        NUMBER(ENUM_FMT),
        NUMBER(G_FMT),
        NUMBER(S_FMT),
        NUMBER(TRY_FMT),
        NUMBER(REQBUFS),
        NUMBER(QUERYBUF),
        NUMBER(QBUF),
        NUMBER(PREPARE_BUF),
        NUMBER(CREATE_BUFS),
        NUMBER(STREAMON),
        NUMBER(STREAMOFF),
        NUMBER(G_PARM),
        NUMBER(S_PARM),
        NUMBER(G_STD),
        NUMBER(S_STD),
        NUMBER(QUERYSTD),
        NUMBER(ENUMSTD),
        NUMBER(ENUMINPUT),
        NUMBER(G_INPUT),
        NUMBER(S_INPUT),
        NUMBER(ENUMOUTPUT),
        NUMBER(G_OUTPUT),
        NUMBER(S_OUTPUT),
        NUMBER(G_CTRL),
        NUMBER(S_CTRL),
        NUMBER(QUERYCTRL),
        NUMBER(QUERY_EXT_CTRL),
        NUMBER(QUERYMENU),
        NUMBER(G_EXT_CTRLS),
        NUMBER(S_EXT_CTRLS),
        NUMBER(TRY_EXT_CTRLS),
        NUMBER(G_TUNER),
        NUMBER(S_TUNER),
        NUMBER(G_AUDIO),
        NUMBER(S_AUDIO),
        NUMBER(ENUMAUDIO),
        NUMBER(G_AUDOUT),
        NUMBER(S_AUDOUT),
        NUMBER(ENUMAUDOUT),
        NUMBER(G_MODULATOR),
        NUMBER(S_MODULATOR),
        NUMBER(G_FREQUENCY),
        NUMBER(S_FREQUENCY),
        NUMBER(ENUM_FREQ_BANDS),
        NUMBER(S_HW_FREQ_SEEK),
        NUMBER(G_SLICED_VBI_CAP),
        NUMBER(ENUM_FRAMESIZES),
        NUMBER(ENUM_FRAMEINTERVALS),
        NUMBER(G_ENC_INDEX),
        NUMBER(ENCODER_CMD),
        NUMBER(TRY_ENCODER_CMD),
        NUMBER(DECODER_CMD),
        NUMBER(TRY_DECODER_CMD),
        NUMBER(G_DV_TIMINGS),
        NUMBER(S_DV_TIMINGS),
        NUMBER(ENUM_DV_TIMINGS),
        NUMBER(QUERY_DV_TIMINGS),
        NUMBER(DV_TIMINGS_CAP),
        NUMBER(SUBSCRIBE_EVENT),
        NUMBER(UNSUBSCRIBE_EVENT),
        NUMBER(G_SELECTION),
        NUMBER(S_SELECTION),
    };

    return memchr(known, (int)number, sizeof(known)) != NULL && number < V4L2_IOCTL_COUNT;
}

/* Finds the queue. Memory is the host's own or the guest's; descriptors are not passed on. */
static int check_queue(struct v4l2_request *request, uint32_t type, uint32_t memory)
{
    request->queue = v4l2_context_queue(request->context, type);
    if (request->queue == NULL)
        return -EINVAL;
    return memory == V4L2_MEMORY_MMAP || memory == V4L2_MEMORY_USERPTR ? 0 : -EINVAL;
}

/* Other formats have pointers to be followed (v4l2_window), or no queue here. */
static int check_format(struct v4l2_request *request, const struct v4l2_format *format)
{
    return check_queue(request, format->type, V4L2_MEMORY_MMAP);
}

static int check_planes(struct v4l2_request *request, struct v4l2_buffer *buffer)
{
    const struct ioctl_call *call = request->call;

    memset(request->planes, 0, sizeof(request->planes));
    if (!V4L2_TYPE_IS_MULTIPLANAR(buffer->type))
        return 0;
    if (buffer->length > VIDEO_MAX_PLANES ||
        call->tail_size < buffer->length * sizeof(request->planes[0]))
        return -EINVAL;
    memcpy(request->planes, call->tail, buffer->length * sizeof(request->planes[0]));
    return 0;
}

/* No address of the guest's is left in it. */
static void clear_addresses(struct v4l2_request *request, struct v4l2_buffer *buffer)
{
    for (unsigned i = 0; i < VIDEO_MAX_PLANES; i++)
        memset(&request->planes[i].m, 0, sizeof(request->planes[i].m));
    if (!V4L2_TYPE_IS_MULTIPLANAR(buffer->type))
        memset(&buffer->m, 0, sizeof(buffer->m));
}

/* Puts addresses of ours into it, where the guest's pages are mapped. */
static int map_user(struct v4l2_request *request, struct v4l2_buffer *buffer)
{
    const struct ioctl_call *call = request->call;
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(buffer->type);
    size_t skip = multi ? buffer->length * sizeof(request->planes[0]) : 0;
    struct v4l2_queue_buffer *known = v4l2_queue_buffer(request->queue, buffer->index);

    if (known == NULL)
        return -errno;
    if (known->queued)
        return -EINVAL; /* and what it has stays as it is */
    if (known->prepared) {
        v4l2_user_to_host(&known->user, buffer, multi ? request->planes : NULL);
        return 0;
    }
    request->user_buffer = known;
    return v4l2_user_init(&request->user, request->context->proxy->media->device.host->memory,
                          buffer, multi ? request->planes : NULL,
                          (const uint8_t *)call->tail + skip, call->tail_size - skip, &known->user);
}

static int check_buffer(struct v4l2_request *request)
{
    struct v4l2_buffer *buffer = request->call->payload;
    bool query = request->call->number == NUMBER(QUERYBUF);
    const struct v4l2_queue_buffer *known;
    int r = check_queue(request, buffer->type, query ? V4L2_MEMORY_MMAP : buffer->memory);

    if (r == 0)
        r = check_planes(request, buffer);
    if (r != 0)
        return r;
    if (!query && (buffer->flags & V4L2_BUF_FLAG_REQUEST_FD))
        return -EBADR; /* as a queue without the request API says */
    if (buffer->index >= V4L2_QUEUE_MAX)
        return -EINVAL;
    known = v4l2_queue_find(request->queue, buffer->index);
    request->is_done =
        request->call->again && known != NULL && known->untold == request->call->number;
    if (!query && known != NULL && known->event.waiting && !request->is_done)
        return -EINVAL; /* the guest has not been given it back yet */
    request->wants_planes = query && !request->queue->user && (known == NULL || known->planes == 0);
    /* Caches are the host's matter. */
    buffer->flags &= ~(V4L2_BUF_FLAG_NO_CACHE_INVALIDATE | V4L2_BUF_FLAG_NO_CACHE_CLEAN);
    buffer->request_fd = 0;
    if (!query && buffer->memory == V4L2_MEMORY_USERPTR)
        return map_user(request, buffer);
    clear_addresses(request, buffer);
    return 0;
}

static int check_subscription(struct v4l2_request *request)
{
    const struct session *session = v4l2_context_session(request->context);

    request->anew = !subscription_has(session, request->call->payload);
    return session->subscription_count >= SUBSCRIPTION_MAX ? -ENOSPC : 0;
}

int v4l2_request_check(struct v4l2_request *request)
{
    struct ioctl_call *call = request->call;
    struct v4l2_requestbuffers *buffers = call->payload;
    struct v4l2_create_buffers *create = call->payload;
    int r;

    switch (call->number) {
    case NUMBER(G_FMT):
    case NUMBER(S_FMT):
    case NUMBER(TRY_FMT):
        return check_format(request, call->payload);
    case NUMBER(REQBUFS):
        buffers->flags = 0;
        return check_queue(request, buffers->type, buffers->memory);
    case NUMBER(CREATE_BUFS):
        create->flags = 0;
        r = check_queue(request, create->format.type, create->memory);
        if (r == 0 && call->again)
            request->surplus = request->queue->surplus;
        return r;
    case NUMBER(STREAMON):
    case NUMBER(STREAMOFF):
        return check_queue(request, *(const uint32_t *)call->payload, V4L2_MEMORY_MMAP);
    case NUMBER(QUERYBUF):
    case NUMBER(QBUF):
    case NUMBER(PREPARE_BUF):
        return check_buffer(request);
    case NUMBER(SUBSCRIBE_EVENT):
        return check_subscription(request);
    default:
        return 0;
    }
}
