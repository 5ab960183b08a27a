/* SPDX-License-Identifier: MIT */
#include "gpu/control.h"

#include "base/log.h"
#include "base/probe_point.h"
#include "base/stats.h"
#include "base/trace.h"
#include "base/units.h"
#include "gpu/answer.h"
#include "gpu/command.h"
#include "gpu/gpu.h"

static struct virtqueue *control_queue(const struct control *control)
{
    return &control->gpu->device.host->queues[control->hand.queue];
}

static void control_run(struct control *control);

static int control_more(sd_event_source *source, void *data)
{
    control_run(data);
    return 0;
}

int control_init(struct control *control, struct gpu *gpu, unsigned queue,
                 struct quota quotas[static 2])
{
    struct hand *hand = &control->hand;
    int result;

    *control = (struct control){.gpu = gpu};
    hand_init(hand, queue, &quotas[0], &quotas[1]);
    result = sd_event_add_defer(gpu->device.host->loop, &hand->wake, control_more, control);
    if (result < 0)
        return result;
    /* Whoever else waits goes first: among equals, sd-event takes what is deferred before all. */
    result = sd_event_source_set_priority(hand->wake, SD_EVENT_PRIORITY_NORMAL + 1);
    if (result < 0)
        return result;
    return sd_event_source_set_enabled(hand->wake, SD_EVENT_OFF);
}

void control_finish(struct control *control)
{
    control->hand.wake = sd_event_source_disable_unref(control->hand.wake);
    hand_finish(&control->hand);
}

void control_reset(struct control *control)
{
    struct request *request;

    sd_event_source_set_enabled(control->hand.wake, SD_EVENT_OFF);
    control->pushed = false;
    while ((request = TAILQ_FIRST(&control->hand.requests)) != NULL) {
        if (request->chain != NULL)
            virtqueue_drop(control_queue(control), request->chain);
        hand_drop(request);
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
    struct stats *stats = request->gpu->device.host->stats;

    log_debug("%s in context %u is answered %s", virtio_gpu_command_name(request->type),
              request->ctx_id, virtio_gpu_answer_name(request->result));
    stats_add(&stats->commands, 1);
    if (!request_answer_is_error(request->result))
        return;
    stats_add(&stats->command_errors, 1);
    if (!request->said)
        control_log(request);
}

static void control_push(struct control *control, struct request *request)
{
    struct guest_memory *memory = control->gpu->device.host->memory;
    uint32_t written = request_write_answer(request, memory, request->result);

    HOSTBLOB_PROBE3(gpu_answer, request->type, request->result, request->tag);
    control_count(request);
    virtqueue_push(control_queue(control), request->chain, written);
    control->pushed = true;
    hand_drop(request);
}

/* Calls the driver once for all of this turn's answers. */
static void control_call(struct control *control)
{
    struct device_host *host = control->gpu->device.host;

    if (control->pushed)
        host->call(host, control->hand.queue);
    control->pushed = false;
}

/* ---- the ring ---- */

/* The same with a line in the trace; apart, for it is seldom wanted. */
static __attribute__((noinline, cold)) uint32_t control_run_traced(struct gpu *gpu,
                                                                   struct request *request)
{
    uint64_t start = units_now_ns();
    uint32_t type = command_run(gpu, request);

    trace_put(&(struct trace_event){
        .phase = TRACE_WHOLE,
        .category = "command",
        .name = virtio_gpu_command_name(request->type),
        .start = start,
        .args = {{"context", request->ctx_id}, {"tag", request->tag}},
    });
    return type;
}

static inline __attribute__((always_inline)) void control_do(struct control *control,
                                                             struct request *request)
{
    uint32_t type;

    estate_runs(request);
    type =
        TRACE_ON() ? control_run_traced(control->gpu, request) : command_run(control->gpu, request);
    estate_idle(control->gpu);
    if (type != REQUEST_PENDING)
        answer_give(request, type);
}

static void control_begin(struct control *control, struct request *request, struct chain *chain)
{
    struct guest_memory *memory = control->gpu->device.host->memory;
    uint32_t type = request_init(request, control->gpu, &control->hand, chain, memory);

    HOSTBLOB_PROBE3(gpu_command, request->type, request->ctx_id, request->tag);
    answer_expect(request);
    if (!request_answer_is_error(type) && estate_is_poison(request))
        type = request_refuse(request, VIRTIO_GPU_RESP_ERR_UNSPEC, "two workers died at it");
    if (request_answer_is_error(type) || estate_recall(request, &type))
        answer_give(request, type);
    else
        control_do(control, request);
}

/* Sees to a request that was waited for: one that is done again may wait once more. */
static void control_resume(struct control *control, struct request *request)
{
    if (request->state == REQUEST_READY) {
        control_push(control, request);
        return;
    }
    hand_work(request);
    request_rewind(request);
    control_do(control, request);
}

/* The ring began anew without a reset: its old requests are nobody's. */
static void control_orphan(struct control *control)
{
    struct virtqueue *queue = control_queue(control);
    struct request *request = TAILQ_FIRST(&control->hand.requests);
    struct request *next;

    for (; request != NULL; request = next) {
        next = TAILQ_NEXT(request, in_hand);
        if (request->chain == NULL || virtqueue_holds(queue, request->chain))
            continue;
        virtqueue_drop(queue, request->chain);
        request->chain = NULL;
        if (request->state != REQUEST_WORKS && request->state != REQUEST_FENCED)
            hand_drop(request);
    }
}

/* What is older than the ring's next goes first, also if it has to wait for the worker. */
static bool control_has_room(const struct control *control)
{
    return control->hand.held == 0 && hand_has_room(&control->hand);
}

/* What was carried out at once is answered at once, unless others come first. */
static void control_settle(struct control *control, struct request *request)
{
    if (request->state == REQUEST_READY && hand_next(&control->hand) == request)
        control_push(control, request);
    else
        hand_keep(request);
}

/* Takes the next request of the ring and carries it out. False when there is none. */
static bool control_take(struct control *control)
{
    struct virtqueue *queue = control_queue(control);
    struct chain *chain = virtqueue_pop(queue);
    struct request *request;

    if (chain == NULL)
        return false;
    request = hand_take(&control->hand);
    if (request != NULL) {
        control_begin(control, request, chain);
        control_settle(control, request);
        return true;
    }
    log_stranger("a request is given back unanswered: out of memory");
    virtqueue_push(queue, chain, 0);
    control->pushed = true;
    return true;
}

/* One step: an older request that can go on, or the next of the ring. False: there is none. */
static bool control_step(struct control *control)
{
    struct request *request = hand_next(&control->hand);

    if (request == NULL)
        return control_has_room(control) && control_take(control);
    control_resume(control, request);
    return true;
}

/* Whether there is anything left for another step. */
static bool control_has_more(struct control *control)
{
    return hand_next(&control->hand) != NULL ||
           (control_has_room(control) && virtqueue_waits(control_queue(control)));
}

static void control_run(struct control *control)
{
    struct virtqueue *queue = control_queue(control);
    unsigned steps = CONTROL_BATCH;

    if (!virtqueue_running(queue))
        return;
    if (control->generation != queue->generation)
        control_orphan(control);
    control->generation = queue->generation;
    control->hand.runs = true;
    while (steps > 0 && control_step(control))
        steps--;
    control->hand.runs = false;
    control_call(control);
    sd_event_source_set_enabled(control->hand.wake, steps == 0 && control_has_more(control)
                                                        ? SD_EVENT_ONESHOT
                                                        : SD_EVENT_OFF);
}

void control_ready(struct control *control)
{
    hand_let_go(&control->hand);
    control_run(control);
}
