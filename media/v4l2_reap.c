/* SPDX-License-Identifier: MIT */
#include "media/v4l2_reap.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "media/media.h"
#include "media/v4l2_context.h"

static struct v4l2_reap *reap_of(struct v4l2_work *work)
{
    return (struct v4l2_reap *)(void *)work; /* it comes first */
}

/* ---- on a thread ---- */

static int take_frame(struct v4l2_reap *reap, const struct v4l2_queue *queue)
{
    struct v4l2_buffer *frame = &reap->frame[reap->frames];
    struct v4l2_plane *planes = reap->planes[reap->frames];
    int r;

    *frame = (struct v4l2_buffer){.type = queue->type,
                                  .memory = queue->user ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP};
    memset(planes, 0, sizeof(reap->planes[0]));
    if (V4L2_TYPE_IS_MULTIPLANAR(queue->type)) {
        frame->length = VIDEO_MAX_PLANES;
        frame->m.planes = planes;
    }
    r = v4l2_node_ioctl(reap->context->node, VIDIOC_DQBUF, frame);
    if (r != 0)
        return r;
    if (!V4L2_TYPE_IS_OUTPUT(queue->type) && v4l2_queue_copy(queue, frame, planes) != 0)
        frame->flags |= V4L2_BUF_FLAG_ERROR;
    reap->frames++;
    return 0;
}

static void take_frames(struct v4l2_reap *reap, const struct v4l2_queue *queue)
{
    int r = 0;

    if (!queue->streaming || queue->queued == 0 || queue->ended || reap->error != 0)
        return;
    while (r == 0 && reap->frames < V4L2_REAP_FRAMES)
        r = take_frame(reap, queue);
    if (r == 0)
        reap->again = true;
    else if (r == -EPIPE)
        reap->ended = true;
    else if (r != -EAGAIN) {
        reap->error = r;
        reap->broken = r == -ENODEV || r == -ENXIO ? 0 : queue->type;
    }
}

/* Without a subscription too: a node that is gone says so here. */
static void take_events(struct v4l2_reap *reap)
{
    int r = 0;

    while (r == 0 && reap->events < V4L2_REAP_EVENTS) {
        reap->event[reap->events] = (struct v4l2_event){0};
        r = v4l2_node_ioctl(reap->context->node, VIDIOC_DQEVENT, &reap->event[reap->events]);
        if (r == 0)
            reap->events++;
    }
    if (r == 0)
        reap->again = true;
    else if (r == -ENODEV || r == -ENXIO)
        reap->error = r;
}

static void run(struct v4l2_work *work)
{
    struct v4l2_reap *reap = reap_of(work);

    reap->frames = 0;
    reap->events = 0;
    reap->error = 0;
    reap->broken = 0;
    reap->again = false;
    reap->ended = false;
    take_events(reap);
    take_frames(reap, &reap->context->output);
    take_frames(reap, &reap->context->capture);
}

/* ---- on the loop ---- */

static void deliver_frame(struct v4l2_context *context, const struct v4l2_buffer *frame,
                          const struct v4l2_plane *planes)
{
    struct v4l2_queue *queue = v4l2_context_queue(context, frame->type);
    struct media *media = context->proxy->media;
    struct stats *stats = media->device.host->stats;

    if (queue == NULL)
        return;
    if (queue == &context->capture) {
        uint32_t lost = frame->sequence - queue->sequence;

        stats_add(&stats->frames, 1);
        if (lost < 0x80000000u)
            stats_add(&stats->frames_dropped, lost);
    }
    v4l2_queue_done(queue, context->session, &media->events, frame, planes);
}

static void deliver_events(struct v4l2_context *context)
{
    struct session *session = v4l2_context_session(context);
    struct v4l2_reap *reap = &context->reap;

    for (unsigned i = 0; i < reap->events && session != NULL; i++)
        subscription_raise_one(session, &context->proxy->media->events, &reap->event[i]);
}

static void deliver_error(struct v4l2_context *context)
{
    struct v4l2_reap *reap = &context->reap;
    struct v4l2_queue *queue = v4l2_context_queue(context, reap->broken);

    if (queue == NULL) {
        v4l2_context_lose(context);
        return;
    }
    log_stranger("%s: the driver fails with error %d, its buffers come back as errors",
                 context->proxy->path, -reap->error);
    v4l2_queue_fail(queue, context->session, &context->proxy->media->events);
}

static void done(struct v4l2_work *work)
{
    struct v4l2_reap *reap = reap_of(work);
    struct v4l2_context *context = reap->context;

    reap->idle = reap->frames == 0 && reap->events == 0 && reap->error == 0 && !reap->ended;
    deliver_events(context);
    for (unsigned i = 0; i < reap->frames; i++)
        deliver_frame(context, &reap->frame[i], reap->planes[i]);
    if (reap->ended)
        context->capture.ended = true;
    if (reap->error != 0)
        deliver_error(context);
    if (reap->again && reap->error == 0)
        v4l2_reap_start(reap);
    else
        context_settled(&context->context); /* may end the context */
}

void v4l2_reap_init(struct v4l2_reap *reap, struct v4l2_context *context)
{
    reap->context = context;
    reap->work = (struct v4l2_work){.run = run, .done = done};
}

void v4l2_reap_start(struct v4l2_reap *reap)
{
    if (!reap->work.waiting)
        v4l2_lane_give(&reap->context->proxy->lane, &reap->work);
}
