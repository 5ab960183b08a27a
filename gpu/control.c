/* SPDX-License-Identifier: MIT */
#include "gpu/control.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/stats.h"
#include "gpu/command.h"
#include "gpu/context.h"
#include "gpu/fence.h"
#include "gpu/gpu.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"

static struct virtqueue *control_queue(const struct control *control)
{
    return &control->gpu->device.host->queues[control->queue];
}

static void control_wake(struct control *control)
{
    sd_event_source_set_enabled(control->more, SD_EVENT_ONESHOT);
}

static int control_more(sd_event_source *source, void *data)
{
    control_run(data);
    return 0;
}

int control_init(struct control *control, struct gpu *gpu, unsigned queue)
{
    int result;

    *control = (struct control){.gpu = gpu, .queue = queue};
    TAILQ_INIT(&control->requests);
    result = sd_event_add_defer(gpu->device.host->loop, &control->more, control_more, control);
    if (result < 0)
        return result;
    return sd_event_source_set_enabled(control->more, SD_EVENT_OFF);
}

void control_finish(struct control *control)
{
    control->more = sd_event_source_disable_unref(control->more);
    free(control->spare);
    control->spare = NULL;
}

/* ---- requests in hand ---- */

static struct request *control_take(struct control *control)
{
    struct request *request = control->spare;

    if (request == NULL)
        request = malloc(sizeof(*request));
    else
        control->spare = NULL;
    if (request == NULL)
        return NULL;
    TAILQ_INSERT_TAIL(&control->requests, request, in_hand);
    control->count++;
    return request;
}

static bool is_waiting(const struct request *request)
{
    return request->state == REQUEST_AGAIN || request->state == REQUEST_READY;
}

static void request_enter_state(struct request *request, enum request_state state)
{
    struct control *control = request->control;

    control->waiting -= is_waiting(request);
    control->held -= request->state == REQUEST_HELD;
    request->state = state;
    control->waiting += is_waiting(request);
    control->held += state == REQUEST_HELD;
}

/* The chain must have been given back. */
static void control_drop(struct request *request)
{
    struct control *control = request->control;

    request_enter_state(request, REQUEST_WORKS);
    fence_leave(request);
    control->bytes -= request->size;
    request_finish(request);
    TAILQ_REMOVE(&control->requests, request, in_hand);
    control->count--;
    if (control->spare == NULL)
        control->spare = request;
    else
        free(request);
}

void control_reset(struct control *control)
{
    struct request *request;

    sd_event_source_set_enabled(control->more, SD_EVENT_OFF);
    control->pushed = false;
    while ((request = TAILQ_FIRST(&control->requests)) != NULL) {
        if (request->chain != NULL)
            virtqueue_drop(control_queue(control), request->chain);
        control_drop(request);
    }
}

/* ---- answers ---- */

static void control_log(const struct request *request)
{
    const char *name = virtio_gpu_command_name(request->type);

    log_stranger("%s (0x%x) is answered %s: %s", name, request->type,
                 virtio_gpu_answer_name(request->result),
                 request->reason[0] ? request->reason : "no reason given");
}

static void control_count(const struct request *request)
{
    struct stats *stats = request->control->gpu->device.host->stats;

    log_debug("%s in context %u is answered %s", virtio_gpu_command_name(request->type),
              request->ctx_id, virtio_gpu_answer_name(request->result));
    stats_add(&stats->commands, 1);
    if (!request_answer_is_error(request->result))
        return;
    stats_add(&stats->command_errors, 1);
    control_log(request);
}

static void control_push(struct request *request)
{
    struct control *control = request->control;
    struct gpu *gpu = control->gpu;
    uint32_t written = request_write_answer(request, gpu->device.host->memory, request->result);

    control_count(request);
    virtqueue_push(control_queue(control), request->chain, written);
    control->pushed = true;
    control_drop(request);
}

void control_deliver(struct request *request)
{
    struct control *control = request->control;

    if (request->chain == NULL) {
        control_drop(request);
    } else if (virtqueue_running(control_queue(control))) {
        control_push(request);
        if (!control->running) /* calls the driver once for all of this turn's answers */
            control_wake(control);
    } else {
        request_enter_state(request, REQUEST_READY);
    }
}

static void fence_done(void *data, int result)
{
    fence_settle(data);
}

/* The work was given to a renderer: it says when that is complete. What it cannot fence is. */
static int ask_fence(struct request *request)
{
    struct renderer *renderer = request->renderer;
    struct context *context = NULL;

    if (renderer == NULL || renderer->impl->fence == NULL)
        return 0;
    if ((request->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX) != 0) {
        context = context_find(request->control->gpu, request->ctx_id);
        if (context == NULL)
            return 0;
    }
    return renderer->impl->fence(renderer, context, request->ring_idx, fence_done, request);
}

void control_answer(struct request *request, uint32_t type)
{
    request->result = type;
    if ((request->flags & VIRTIO_GPU_FLAG_FENCE) == 0) {
        control_deliver(request);
        return;
    }
    request_enter_state(request, REQUEST_FENCED);
    if (request_answer_is_error(type) || ask_fence(request) != -EINPROGRESS)
        fence_settle(request);
}

void control_again(struct request *request)
{
    if (request->chain == NULL) {
        control_drop(request);
        return;
    }
    request_enter_state(request, REQUEST_AGAIN);
    control_wake(request->control);
}

void control_hold(struct request *request)
{
    if (request->chain == NULL)
        control_drop(request);
    else
        request_enter_state(request, REQUEST_HELD);
}

/* ---- the ring ---- */

static struct fence_timeline *timeline_of(struct request *request)
{
    struct gpu *gpu = request->control->gpu;
    struct context *context;

    if ((request->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX) == 0)
        return &gpu->timeline;
    context = context_find(gpu, request->ctx_id);
    if (context == NULL || request->ring_idx >= VIRTIO_GPU_MAX_RINGS)
        return NULL;
    return &context->timelines[request->ring_idx];
}

static void control_do(struct request *request)
{
    uint32_t type = command_run(request->control->gpu, request);

    if (type != REQUEST_PENDING)
        control_answer(request, type);
}

static void control_begin(struct control *control, struct request *request, struct chain *chain)
{
    uint32_t type = request_init(request, control, chain, control->gpu->device.host->memory);
    struct fence_timeline *timeline;

    control->bytes += request->size;
    if ((request->flags & VIRTIO_GPU_FLAG_FENCE) != 0 && (timeline = timeline_of(request)) != NULL)
        fence_enter(timeline, request);
    if (request_answer_is_error(type))
        control_answer(request, type);
    else
        control_do(request);
}

static struct request *first_waiting(struct control *control)
{
    struct request *request;

    TAILQ_FOREACH(request, &control->requests, in_hand)
    if (is_waiting(request))
        return request;
    return NULL;
}

/* What waited for the ring to run, by arrival. One that is done again may wait once more, and each
 * may answer others: so the search begins anew. */
static void control_resume(struct control *control)
{
    struct request *request;

    for (unsigned done = 0; done < CONTROL_BATCH && control->waiting > 0; done++) {
        request = first_waiting(control);
        if (request->state == REQUEST_READY) {
            control_push(request);
            continue;
        }
        request_enter_state(request, REQUEST_WORKS);
        request_rewind(request);
        control_do(request);
    }
}

/* The ring began anew without a reset: its old requests are nobody's. */
static void control_orphan(struct control *control)
{
    struct virtqueue *queue = control_queue(control);
    struct request *request = TAILQ_FIRST(&control->requests);
    struct request *next;

    for (; request != NULL; request = next) {
        next = TAILQ_NEXT(request, in_hand);
        if (request->chain == NULL || virtqueue_holds(queue, request->chain))
            continue;
        virtqueue_drop(queue, request->chain);
        request->chain = NULL;
        if (is_waiting(request) || request->state == REQUEST_HELD)
            control_drop(request);
    }
}

static void control_call(struct control *control)
{
    struct device_host *host = control->gpu->device.host;

    if (control->pushed)
        host->call(host, control->queue);
    control->pushed = false;
}

static bool control_has_room(const struct control *control)
{
    return control->count < CONTROL_MAX_REQUESTS && control->bytes < CONTROL_MAX_BYTES;
}

/* Takes the next request of the ring and carries it out. False when there is none. */
static bool control_next(struct control *control)
{
    struct virtqueue *queue = control_queue(control);
    struct chain *chain = virtqueue_pop(queue);
    struct request *request;

    if (chain == NULL)
        return false;
    request = control_take(control);
    if (request != NULL) {
        control_begin(control, request, chain);
        return true;
    }
    log_stranger("a request is given back unanswered: out of memory");
    virtqueue_push(queue, chain, 0);
    control->pushed = true;
    return true;
}

void control_run(struct control *control)
{
    struct virtqueue *queue = control_queue(control);
    unsigned done = 0;

    if (!virtqueue_running(queue))
        return;
    if (control->generation != queue->generation)
        control_orphan(control);
    control->generation = queue->generation;
    control->running = true;
    control_resume(control);
    /* What is older than the ring's next goes first. */
    while (control->waiting == 0 && control->held == 0 && done < CONTROL_BATCH &&
           control_has_room(control) && control_next(control))
        done++;
    control->running = false;
    control_call(control);
    if (done == CONTROL_BATCH || control->waiting > 0)
        control_wake(control);
}

void control_ready(struct control *control)
{
    struct request *request;

    if (control->held > 0)
        TAILQ_FOREACH(request, &control->requests, in_hand)
    if (request->state == REQUEST_HELD)
        request_enter_state(request, REQUEST_AGAIN);
    control_run(control);
}
