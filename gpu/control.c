/* SPDX-License-Identifier: MIT */
#include "gpu/control.h"

#include "base/log.h"
#include "base/stats.h"
#include "gpu/command.h"
#include "gpu/gpu.h"

static struct virtqueue *control_queue(const struct control *control)
{
    return &control->gpu->device.host->queues[control->queue];
}

bool control_is_stale(const struct control *control)
{
    return !virtqueue_holds(control_queue(control), control->request.chain);
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
    control->request.bytes = control->request.small;
    result = sd_event_add_defer(gpu->device.host->loop, &control->more, control_more, control);
    if (result < 0)
        return result;
    return sd_event_source_set_enabled(control->more, SD_EVENT_OFF);
}

void control_finish(struct control *control)
{
    control->more = sd_event_source_disable_unref(control->more);
}

void control_reset(struct control *control)
{
    sd_event_source_set_enabled(control->more, SD_EVENT_OFF);
    control->pushed = false;
    if (!control->busy)
        return;
    virtqueue_drop(control_queue(control), control->request.chain);
    request_finish(&control->request);
    control->busy = false;
    control->held = false;
    control->answer = 0;
}

static void control_log(const struct control *control, uint32_t type)
{
    const struct request *request = &control->request;
    const char *name = virtio_gpu_command_name(request->type);

    log_stranger("%s (0x%x) is answered %s: %s", name, request->type, virtio_gpu_answer_name(type),
                 request->reason[0] ? request->reason : "no reason given");
}

static void control_count(const struct control *control, uint32_t type)
{
    struct stats *stats = control->gpu->device.host->stats;

    log_debug("%s in context %u is answered %s", virtio_gpu_command_name(control->request.type),
              control->request.ctx_id, virtio_gpu_answer_name(type));
    stats_add(&stats->commands, 1);
    if (!request_answer_is_error(type))
        return;
    stats_add(&stats->command_errors, 1);
    control_log(control, type);
}

/* Gives the request in hand back with the answer 'type', now or when the ring runs again. If its
 * driver began anew meanwhile nothing is written: it may have other things there by now. */
static void control_push(struct control *control, uint32_t type)
{
    struct request *request = &control->request;
    uint32_t written = 0;

    control->answer = type;
    if (!control_is_stale(control) && !virtqueue_running(control_queue(control)))
        return;
    if (!control_is_stale(control)) {
        written = request_write_answer(request, control->gpu->device.host->memory, type);
        control_count(control, type);
    }
    virtqueue_push(control_queue(control), request->chain, written);
    request_finish(request);
    control->busy = false;
    control->answer = 0;
    control->pushed = true;
}

static void control_call(struct control *control)
{
    struct device_host *host = control->gpu->device.host;

    if (control->pushed)
        host->call(host, control->queue);
    control->pushed = false;
}

void control_answer(struct control *control, uint32_t type)
{
    if (!control->busy)
        return;
    control_push(control, type);
    /* Not from here: this runs inside whatever the command waited for. */
    sd_event_source_set_enabled(control->more, SD_EVENT_ONESHOT);
}

void control_hold(struct control *control)
{
    control->held = true;
}

/* Takes the held command up again, or drops it. */
static void control_resume(struct control *control)
{
    const struct virtqueue *queue = control_queue(control);
    uint32_t type;

    if (control_is_stale(control)) {
        control_reset(control);
        return;
    }
    if (!queue->started || !queue->enabled)
        return;
    control->held = false;
    request_rewind(&control->request);
    type = command_run(control->gpu, &control->request);
    if (type != REQUEST_PENDING)
        control_push(control, type);
}

void control_run(struct control *control)
{
    struct device_host *host = control->gpu->device.host;
    struct chain *chain = NULL;
    unsigned done = 0;
    uint32_t type;

    if (control->held)
        control_resume(control);
    else if (control->busy && control->answer != 0)
        control_push(control, control->answer);
    while (!control->busy && done < CONTROL_BATCH) {
        chain = virtqueue_pop(control_queue(control));
        if (chain == NULL)
            break;
        done++;
        control->busy = true;
        type = request_init(&control->request, control, chain, host->memory);
        if (!request_answer_is_error(type))
            type = command_run(control->gpu, &control->request);
        if (type != REQUEST_PENDING)
            control_push(control, type);
    }
    control_call(control);
    if (done == CONTROL_BATCH && !control->busy)
        sd_event_source_set_enabled(control->more, SD_EVENT_ONESHOT);
}
