/* SPDX-License-Identifier: MIT */
#include "gpu/estate.h"

#include <string.h>

#include "base/log.h"
#include "gpu/gpu.h"
#include "gpu/request.h"

/* ---- requests ---- */

void estate_commit(struct request *request, bool waits)
{
    struct estate *estate = &request->gpu->estate;
    struct store_answer answer = {.type = request->result, .size = (uint32_t)request->answer.used};

    if (!estate_is_told(request->gpu) || request->record != 0)
        return;
    if (answer.size <= STORE_MAX_ANSWER && (waits || store_is_changed(estate->store)))
        answer.tag = request->tag;
    else if (!store_is_changed(estate->store))
        return;
    if (answer.tag != 0)
        memcpy(answer.bytes, request->answer.start, answer.size);
    request->record = store_commit(estate->store, &answer);
    estate_drop_keys(estate);
}

bool estate_recall(struct request *request, uint32_t *type)
{
    struct estate *estate = &request->gpu->estate;
    struct store_answer answer;

    if (!estate_is_told(request->gpu) || request->tag == 0 || !request->chain->again)
        return false;
    request->record = store_find_answer(estate->store, request->tag, &answer);
    if (request->record == 0)
        return false;
    writer_put(&request->answer, answer.bytes, answer.size);
    *type = answer.type;
    return true;
}

void estate_over(struct request *request)
{
    if (estate_is_told(request->gpu))
        store_answered(request->gpu->estate.store, &request->record);
    request->record = 0;
}

bool estate_is_poison(const struct request *request)
{
    const struct estate_death *death = &request->gpu->estate.death;

    return request->tag != 0 && request->chain->again && request->tag == death->tag &&
           death->count >= 2;
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

/* Counts how often workers died at the same request, once for each of them. */
static void count_death(struct gpu *gpu, const struct journal_running *running)
{
    struct estate *estate = &gpu->estate;
    struct estate_death *death = &estate->death;

    if (running->tag == 0 || running->life == death->life)
        return;
    death->count = running->tag == death->tag ? death->count + 1 : 1;
    death->tag = running->tag;
    death->life = running->life;
    store_erase(estate->store, &estate->death_record);
    estate->death_record = store_put(estate->store, ESTATE_DEATH, 0, death, sizeof(*death));
    store_commit(estate->store, NULL);
    log_error("The worker before this one died in %s of context %u, resource %u; %s.",
              virtio_gpu_command_name(running->type), running->context, running->resource,
              death->count < 2 ? "it is carried out once more"
                               : "it is answered with an error now, for it was not the first");
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
    if (store_next(estate->store, ESTATE_DEATH, &estate->death_record))
        store_read(estate->store, estate->death_record, &estate->death, sizeof(estate->death));
    if (gpu->device.host->running != NULL && gpu->device.host->life > 1)
        count_death(gpu, gpu->device.host->running);
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
    if (outputs)
        estate_outputs(&gpu->display);
}
