/* SPDX-License-Identifier: MIT */
#include "media/v4l2_context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/json_text.h"
#include "base/log.h"
#include "media/estate_parts.h"
#include "media/media.h"
#include "media/v4l2_estate.h"

/* An output queue of which the guest keeps some buffers says all the time that it takes more. So
 * after a wake for nothing the node is left alone that long. */
#define REST_US 4000u

static struct v4l2_context *context_of(struct context *context)
{
    return (struct v4l2_context *)(void *)context; /* it comes first */
}

struct session *v4l2_context_session(const struct v4l2_context *context)
{
    return session_find(&context->proxy->media->sessions, context->session);
}

struct v4l2_queue *v4l2_context_queue(struct v4l2_context *context, uint32_t type)
{
    if (type != 0 && context->capture.type == type)
        return &context->capture;
    if (type != 0 && context->output.type == type)
        return &context->output;
    return NULL;
}

/* ---- listening ---- */

static uint32_t wanted_events(const struct v4l2_context *context)
{
    const struct session *session = v4l2_context_session(context);
    const struct v4l2_queue *capture = &context->capture, *output = &context->output;
    uint32_t events = 0;

    if (capture->streaming && capture->queued > 0 && !capture->ended)
        events |= EPOLLIN;
    if (output->streaming && output->queued > 0)
        events |= EPOLLOUT;
    if (session != NULL && session->subscription_count > 0)
        events |= EPOLLPRI;
    if (events != 0 && context->node->calls->wake != NULL)
        events = context->node->calls->wake(events);
    return events;
}

static int on_ready(sd_event_source *source, int fd, uint32_t revents, void *data)
{
    struct v4l2_context *context = data;

    v4l2_reap_start(&context->reap);
    return 0;
}

static int on_rested(sd_event_source *source, uint64_t usec, void *data)
{
    struct v4l2_context *context = data;

    context->resting = false;
    v4l2_context_listen(context, TAILQ_EMPTY(&context->proxy->lane.works));
    return 0;
}

void v4l2_context_listen(struct v4l2_context *context, bool listen)
{
    uint32_t events = 0;

    if (context->source == NULL)
        return;
    if (context->reap.idle) {
        context->reap.idle = false;
        context->resting = sd_event_source_set_time_relative(context->rest, REST_US) >= 0 &&
                           sd_event_source_set_enabled(context->rest, SD_EVENT_ONESHOT) >= 0;
    }
    if (listen && !context->gone && !context->resting)
        events = wanted_events(context);
    if (events != 0)
        sd_event_source_set_io_events(context->source, events);
    sd_event_source_set_enabled(context->source, events != 0 ? SD_EVENT_ON : SD_EVENT_OFF);
}

int v4l2_context_listen_init(struct v4l2_context *context)
{
    sd_event *loop = context->proxy->media->device.host->loop;
    int r = sd_event_add_time_relative(loop, &context->rest, CLOCK_MONOTONIC, 0, 1000, on_rested,
                                       context);

    if (r >= 0)
        r = sd_event_source_set_enabled(context->rest, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_io(loop, &context->source, context->node->fd, 0, on_ready, context);
    if (r >= 0)
        r = sd_event_source_set_enabled(context->source, SD_EVENT_OFF);
    return r < 0 ? r : 0;
}

void v4l2_context_lose(struct v4l2_context *context)
{
    struct event_queue *events = &context->proxy->media->events;

    if (!context->gone && !context->proxy->said_gone)
        log_warning("%s is gone: its sessions get errors until they close.", context->proxy->path);
    context->proxy->said_gone = true;
    context->gone = true;
    v4l2_queue_fail(&context->capture, context->session, events);
    v4l2_queue_fail(&context->output, context->session, events);
}

/* ---- beginning and end ---- */

static struct v4l2_context *starting(struct v4l2_work *work)
{
    return (struct v4l2_context *)(void *)((char *)work - offsetof(struct v4l2_context, start));
}

static void set_types(struct v4l2_context *context, uint32_t caps)
{
    if (caps & (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_M2M))
        context->capture.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (caps & (V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_M2M_MPLANE))
        context->capture.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    if (caps & (V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_M2M))
        context->output.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    if (caps & (V4L2_CAP_VIDEO_OUTPUT_MPLANE | V4L2_CAP_VIDEO_M2M_MPLANE))
        context->output.type = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
}

static void start_run(struct v4l2_work *work)
{
    struct v4l2_context *context = starting(work);
    struct v4l2_capability about;
    uint32_t caps = 0;
    int r = v4l2_node_open(context->node, context->proxy->path);

    if (r == 0)
        r = v4l2_node_query(context->node, &caps, &about);
    if (r == 0)
        set_types(context, caps);
    /* Nothing is there, which is what a guest expects of a file that it could open before. */
    context->start_result = r == -ENOENT || r == -ENXIO ? -ENODEV : r;
}

static void start_done(struct v4l2_work *work)
{
    struct v4l2_context *context = starting(work);
    int r = context->start_result;

    if (r == 0)
        r = v4l2_context_listen_init(context);
    if (r == 0) {
        context->proxy->said_gone = false;
        estate_shelve(&context->proxy->media->estate, context->node->fd, &context->key);
    }
    context_started(&context->context, r);
}

static int start(struct context *base)
{
    struct v4l2_context *context = context_of(base);

    v4l2_lane_give(&context->proxy->lane, &context->start);
    return -EINPROGRESS;
}

static bool busy(struct context *base)
{
    return context_of(base)->reap.work.waiting;
}

static int forward(struct context *base, struct ioctl_call *call)
{
    return v4l2_request_start(&context_of(base)->request, call);
}

static struct plane *find_plane(struct context *base, uint32_t offset)
{
    struct v4l2_context *context = context_of(base);
    struct plane *plane = v4l2_queue_plane(&context->capture, offset);

    return plane != NULL ? plane : v4l2_queue_plane(&context->output, offset);
}

/* The host knows the format, and would have to be asked in the lane. */
static void put_queue(struct json_text *to, const char *direction, const struct v4l2_queue *queue)
{
    if (queue->type == 0)
        return;
    json_text_open(to, NULL, '{');
    json_text_string(to, "direction", direction);
    json_text_string(to, "memory", queue->user ? "userptr" : "mmap");
    json_text_boolean(to, "streaming", queue->streaming);
    json_text_number(to, "buffers", queue->count);
    json_text_open(to, "states", '{');
    if (queue->queued > 0)
        json_text_number(to, "queued", queue->queued);
    json_text_close(to, '}');
    json_text_close(to, '}');
}

static void list(const struct context *base, struct json_text *to)
{
    const struct v4l2_context *context = (const struct v4l2_context *)(const void *)base;

    put_queue(to, "output", &context->output);
    put_queue(to, "capture", &context->capture);
}

static void resumed(struct context *base)
{
    struct v4l2_context *context = context_of(base);

    if (context->node->fd < 0)
        v4l2_context_lose(context);
    else
        v4l2_takeover_start(&context->takeover);
}

static const struct context_impl impl = {
    .start = start,
    .busy = busy,
    .ioctl = forward,
    .list = list,
    .plane = find_plane,
    .leave = v4l2_estate_leave,
    .resume = v4l2_estate_resume,
    .resumed = resumed,
    .resume_part = v4l2_estate_resume_part,
};

struct v4l2_context *v4l2_context_create(struct v4l2_proxy *proxy, uint32_t session)
{
    struct v4l2_context *context = calloc(1, sizeof(*context));

    if (context == NULL)
        return NULL;
    context->node = v4l2_node_create(proxy->calls);
    if (context->node == NULL) {
        free(context);
        return NULL;
    }
    context->context = (struct context){.impl = &impl, .id = session, .media = proxy->media};
    context->proxy = proxy;
    context->session = session;
    context->start = (struct v4l2_work){.run = start_run, .done = start_done};
    context->capture.estate = context->output.estate = &proxy->media->estate;
    context->capture.session = context->output.session = session;
    v4l2_takeover_init(&context->takeover, context);
    v4l2_request_init(&context->request, context);
    v4l2_reap_init(&context->reap, context);
    LIST_INSERT_HEAD(&proxy->contexts, context, entry);
    return context;
}

static void free_at_close(struct v4l2_context *context, unsigned i, const struct v4l2_queue *queue)
{
    if (queue->count == 0 || context->key == 0)
        return;
    context->node->queues[i].type = queue->type;
    context->node->queues[i].memory = queue->user ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP;
}

void v4l2_context_destroy(struct v4l2_context *context)
{
    struct v4l2_lane *lane = &context->proxy->lane;
    struct event_queue *events = &context->proxy->media->events;
    struct estate *estate = &context->proxy->media->estate;

    context->source = sd_event_source_disable_unref(context->source);
    context->rest = sd_event_source_disable_unref(context->rest);
    v4l2_lane_take_back(lane, &context->start);
    v4l2_lane_take_back(lane, &context->takeover.work);
    v4l2_takeover_finish(&context->takeover);
    v4l2_lane_take_back(lane, &context->request.work);
    v4l2_lane_take_back(lane, &context->reap.work);
    v4l2_request_finish(&context->request);
    if (estate_is_told(estate)) { /* it ends, and is not left to a successor */
        free_at_close(context, 0, &context->capture);
        free_at_close(context, 1, &context->output);
        estate_unshelve(estate, &context->key);
    }
    v4l2_queue_clear(&context->capture, events, context->node->calls);
    v4l2_queue_clear(&context->output, events, context->node->calls);
    LIST_REMOVE(context, entry);
    v4l2_node_leave(context->node, lane);
    free(context);
}
