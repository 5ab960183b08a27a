/* SPDX-License-Identifier: MIT */
#include "gpu/estate.h"

#include <string.h>

#include "base/log.h"
#include "gpu/gpu.h"
#include "gpu/request.h"

/* ---- requests ---- */

void estate_commit(struct request *request)
{
    struct estate *estate = &request->gpu->estate;
    size_t size = request->answer.used;

    if (size <= STORE_MAX_ANSWER)
        request->record = store_commit_answer(estate->store, request->tag, request->result,
                                              request->answer.start, (uint32_t)size);
    else if (store_is_changed(estate->store))
        store_commit(estate->store);
    shelf_drops_carry_out(&estate->drops);
}

/* Apart from what most requests come to. */
static __attribute__((noinline)) bool recall(struct request *request, uint32_t *type)
{
    uint8_t bytes[STORE_MAX_ANSWER];
    struct store_answer answer;

    request->record = store_find_answer(request->gpu->estate.store, request->tag, &answer, bytes);
    if (request->record == 0)
        return false;
    writer_put(&request->answer, answer.bytes, answer.size);
    *type = answer.type;
    return true;
}

bool estate_recall(struct request *request, uint32_t *type)
{
    return request->chain->again && request->tag != 0 && estate_is_told(&request->gpu->estate) &&
           recall(request, type);
}

void estate_over(struct request *request)
{
    if (estate_is_told(&request->gpu->estate))
        store_answered(request->gpu->estate.store, &request->record);
    else
        request->record = 0;
}

bool estate_is_poison(const struct request *request)
{
    return request->chain->again &&
           death_count_is_poison(&request->gpu->estate.deaths, request->tag);
}

void estate_runs(const struct request *request)
{
    const struct device_host *host = request->gpu->device.host;
    const struct journal_running what = {
        .tag = request->tag,
        .life = host->life,
        .type = request->type,
        .context = request->ctx_id,
    };

    journal_runs(host->running, &what);
}

void estate_names(struct gpu *gpu, uint32_t resource)
{
    if (gpu->device.host->running != NULL)
        gpu->device.host->running->resource = resource;
}

void estate_idle(struct gpu *gpu)
{
    journal_runs(gpu->device.host->running, NULL);
}

/* ---- life ---- */

static void count_deaths(struct gpu *gpu)
{
    const struct device_host *host = gpu->device.host;
    const struct journal_running *running = host->running;
    struct death_count *deaths = &gpu->estate.deaths;

    if (death_count_init(deaths, gpu->estate.store, ESTATE_DEATH, running, host->life))
        log_error("The worker before this one died in %s of context %u, resource %u; %s.",
                  virtio_gpu_command_name(running->type), running->context, running->resource,
                  death_count_verdict(deaths));
}

static void read_outputs(struct gpu *gpu)
{
    struct estate *estate = &gpu->estate;
    struct estate_outputs record;

    if (!store_next(estate->store, ESTATE_OUTPUTS, &estate->outputs) ||
        store_read(estate->store, estate->outputs, &record, sizeof(record)) != sizeof(record))
        return;
    if (record.count < gpu->display.count || record.count > VIRTIO_GPU_MAX_SCANOUTS)
        return;
    for (unsigned i = 0; i < record.count; i++) {
        struct output_mode mode = {record.modes[i].width, record.modes[i].height,
                                   record.modes[i].hz};

        if (output_mode_is_valid(&mode))
            gpu->display.outputs[i].mode = mode;
    }
    gpu->display.count = gpu->config.num_scanouts = record.count;
}

void estate_init(struct gpu *gpu)
{
    struct estate *estate = &gpu->estate;

    *estate = (struct estate){.store = gpu->device.host->store, .shelf = gpu->device.host->shelf};
    if (estate->store == NULL)
        return;
    shelf_drops_init(&estate->drops, estate->shelf);
    count_deaths(gpu);
    estate->muted = true; /* until a driver begins, or goes on */
    estate->epoch = estate->store->epoch;
    read_outputs(gpu);
}

void estate_mute(struct gpu *gpu)
{
    gpu->estate.muted = true;
}

void estate_begin(struct gpu *gpu)
{
    struct estate *estate = &gpu->estate;
    struct store *store = estate->store;
    bool outputs = estate->outputs != 0;

    /* Before the first driver: another worker's may go on. */
    if (store == NULL || store->epoch == estate->epoch)
        return;
    *estate = (struct estate){.store = store, .shelf = estate->shelf, .epoch = store->epoch};
    shelf_drops_init(&estate->drops, estate->shelf);
    if (outputs)
        estate_outputs(&gpu->display);
}
