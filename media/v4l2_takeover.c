/* SPDX-License-Identifier: MIT */
#include "media/v4l2_takeover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "media/media.h"
#include "media/v4l2_context.h"

/* No page of ours is there: the driver lets go of what it had, and finds nothing. */
#define NO_ADDRESS 4096u

/* ---- on a thread ---- */

static int query(const struct v4l2_node *node, const struct v4l2_queue *queue, uint32_t index,
                 struct v4l2_found *found)
{
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(queue->type);
    int r;

    *found = (struct v4l2_found){.buffer = {.index = index, .type = queue->type}};
    if (multi) {
        found->buffer.length = VIDEO_MAX_PLANES;
        found->buffer.m.planes = found->planes;
    }
    r = v4l2_node_ioctl(node, VIDIOC_QUERYBUF, &found->buffer);
    return r == 0 && multi && found->buffer.length > VIDEO_MAX_PLANES ? -EIO : r;
}

/* Linux keeps the pages that it was given at an address, and does not look again when it gets the
 * same one: ours may be another's, by chance. */
static void forget_address(const struct v4l2_node *node, const struct v4l2_queue *queue,
                           uint32_t index)
{
    const struct v4l2_queue_buffer *known = v4l2_queue_find(queue, index);
    struct v4l2_found nothing = {
        .buffer = {.index = index, .type = queue->type, .memory = V4L2_MEMORY_USERPTR}};

    if (known == NULL || known->user.planes == 0)
        return;
    if (V4L2_TYPE_IS_MULTIPLANAR(queue->type)) {
        nothing.buffer.length = known->user.planes;
        nothing.buffer.m.planes = nothing.planes;
        for (unsigned i = 0; i < known->user.planes; i++) {
            nothing.planes[i].length = known->user.plane[i].length;
            nothing.planes[i].m.userptr = NO_ADDRESS;
        }
    } else {
        nothing.buffer.length = known->user.plane[0].length;
        nothing.buffer.m.userptr = NO_ADDRESS;
    }
    if (v4l2_node_ioctl(node, VIDIOC_QBUF, &nothing.buffer) == 0)
        log_warning("v4l2: the driver takes a buffer that has no memory.");
}

static void give_up_user(const struct v4l2_node *node, const struct v4l2_queue *queue)
{
    uint32_t type = queue->type;

    v4l2_node_ioctl(node, VIDIOC_STREAMOFF, &type);
    for (uint32_t i = 0; i < V4L2_QUEUE_MAX; i++)
        forget_address(node, queue, i);
    v4l2_node_ioctl(node, VIDIOC_STREAMOFF, &type); /* if it has taken one after all */
    if (queue->streaming && v4l2_node_ioctl(node, VIDIOC_STREAMON, &type) != 0)
        log_warning("v4l2: a stream of the guest's own memory does not start again.");
}

/* Where every frame is copied, the host's memory is mapped anew. Nobody else looks at the queue
 * before this is done. */
static int map_copied(const struct v4l2_node *node, struct v4l2_queue *queue)
{
    for (unsigned i = 0; i < V4L2_QUEUE_MAX; i++) {
        struct v4l2_queue_buffer *known = v4l2_queue_find(queue, i);

        for (unsigned p = 0; known != NULL && p < known->planes; p++) {
            struct v4l2_queue_plane *plane = &known->plane[p];
            void *map;

            if (plane->bytes == NULL)
                continue;
            map = node->calls->mmap(plane->length, node->fd, plane->offset);
            if (map == MAP_FAILED)
                return -errno;
            plane->map = map;
        }
    }
    return 0;
}

static int look(struct v4l2_takeover *takeover, unsigned i)
{
    const struct v4l2_node *node = takeover->context->node;
    struct v4l2_queue *queue = takeover->queues[i].queue;
    int r = 0;

    if (queue->type == 0)
        return 0;
    if (queue->user)
        give_up_user(node, queue);
    takeover->queues[i].found = calloc(V4L2_QUEUE_MAX, sizeof(struct v4l2_found));
    if (takeover->queues[i].found == NULL)
        return -ENOMEM;
    for (unsigned *n = &takeover->queues[i].count; *n < V4L2_QUEUE_MAX && r == 0; *n += r == 0)
        r = query(node, queue, *n, &takeover->queues[i].found[*n]);
    return r == 0 || r == -EINVAL ? map_copied(node, queue) : r;
}

static void run(struct v4l2_work *work)
{
    struct v4l2_takeover *takeover = (struct v4l2_takeover *)(void *)work; /* it comes first */
    struct v4l2_capability about;
    uint32_t caps;

    takeover->result = v4l2_node_query(takeover->context->node, &caps, &about);
    for (unsigned i = 0; i < 2 && takeover->result == 0; i++)
        takeover->result = look(takeover, i);
}

/* ---- on the loop ---- */

/* The host does not have it any more: its frame was taken, and nobody was told. */
static void lose_frame(struct v4l2_takeover *takeover, struct v4l2_queue *queue,
                       struct v4l2_found *found)
{
    struct v4l2_context *context = takeover->context;

    found->buffer.flags |= V4L2_BUF_FLAG_ERROR;
    log_warning("A frame that the worker before this one took, and did not pass on, comes back as "
                "an error: buffer %u of session %u.",
                found->buffer.index, context->session);
    v4l2_queue_done(queue, context->session, &context->proxy->media->events, &found->buffer,
                    found->planes);
}

static void compare(struct v4l2_takeover *takeover, struct v4l2_queue *queue,
                    struct v4l2_found *found)
{
    uint32_t index = found->buffer.index, flags = found->buffer.flags;
    bool has = (flags & (V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_DONE)) != 0;
    bool prepared = !has && (flags & V4L2_BUF_FLAG_PREPARED) != 0;
    struct v4l2_queue_buffer *known = v4l2_queue_find(queue, index);

    if (known == NULL && (has || prepared))
        known = v4l2_queue_buffer(queue, index);
    if (known == NULL)
        return;
    if (known->queued && !has) {
        lose_frame(takeover, queue, found);
    } else if (!known->queued && has) {
        known->queued = true;
        known->untold = _IOC_NR(VIDIOC_QBUF);
        queue->queued++;
    } else if (!known->prepared && prepared) {
        known->untold = _IOC_NR(VIDIOC_PREPARE_BUF);
    }
    known->prepared = prepared;
}

static void settle_queue(struct v4l2_takeover *takeover, unsigned i)
{
    struct v4l2_queue *queue = takeover->queues[i].queue;
    unsigned count = takeover->queues[i].count;
    struct v4l2_context *context = takeover->context;

    if (queue->type == 0)
        return;
    queue->surplus = count > queue->count ? count - queue->count : 0;
    if (queue->user)
        v4l2_queue_fail(queue, context->session, &context->proxy->media->events);
    for (unsigned n = 0; n < count && !queue->user; n++)
        compare(takeover, queue, &takeover->queues[i].found[n]);
}

static void done(struct v4l2_work *work)
{
    struct v4l2_takeover *takeover = (struct v4l2_takeover *)(void *)work;
    struct v4l2_context *context = takeover->context;
    struct ioctl_call *call = takeover->call;
    int r = takeover->result;

    for (unsigned i = 0; i < 2 && r == 0; i++)
        settle_queue(takeover, i);
    if (r == 0)
        r = v4l2_context_listen_init(context);
    if (r != 0) {
        log_warning("%s: the session of another worker cannot go on: error %d.",
                    context->proxy->path, -r);
        v4l2_context_lose(context);
    }
    v4l2_takeover_finish(takeover);
    if (call == NULL)
        return;
    r = v4l2_request_start(&context->request, call);
    if (r != -EINPROGRESS)
        context_answer(&context->context, r, call->tail_answer);
}

void v4l2_takeover_init(struct v4l2_takeover *takeover, struct v4l2_context *context)
{
    *takeover = (struct v4l2_takeover){
        .work = {.run = run, .done = done},
        .context = context,
        .queues = {{.queue = &context->output}, {.queue = &context->capture}},
    };
}

void v4l2_takeover_start(struct v4l2_takeover *takeover)
{
    v4l2_lane_give(&takeover->context->proxy->lane, &takeover->work);
}

void v4l2_takeover_finish(struct v4l2_takeover *takeover)
{
    takeover->call = NULL;
    for (unsigned i = 0; i < 2; i++) {
        free(takeover->queues[i].found);
        takeover->queues[i].found = NULL;
        takeover->queues[i].count = 0;
    }
}
