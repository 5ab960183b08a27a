/* SPDX-License-Identifier: MIT */
#include "gpu/estate.h"

#include <string.h>

#include "base/log.h"
#include "buffer/arena.h"
#include "gpu/context.h"
#include "gpu/gpu.h"
#include "gpu/picture.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"

_Static_assert(sizeof(((struct estate_cursor *)NULL)->pixels) ==
                   sizeof(((struct sink_cursor *)NULL)->pixels),
               "the pointer's picture");

/* Whether somebody is told of facts. */
static bool told(const struct gpu *gpu)
{
    return gpu->estate.store != NULL && !gpu->estate.muted;
}

static void put(struct gpu *gpu, enum estate_kind kind, uint32_t id, const void *bytes, size_t size,
                uint32_t *handle)
{
    struct store *store = gpu->estate.store;

    store_erase(store, handle);
    *handle = store_put(store, kind, id, bytes, size);
}

/* ---- what is on the shelf ---- */

static void drop_keys(struct estate *estate)
{
    for (unsigned i = 0; i < estate->drop_count; i++)
        shelf_drop(estate->shelf, estate->drops[i]);
    estate->drop_count = 0;
}

static void drop_later(struct estate *estate, uint64_t *key)
{
    if (*key == 0)
        return;
    if (estate->drop_count == STORE_MAX_CHANGES) {
        store_commit(estate->store, NULL);
        drop_keys(estate);
    }
    estate->drops[estate->drop_count++] = *key;
    *key = 0;
}

/* ---- resources ---- */

static int descriptor_of(const struct resource *resource)
{
    if (resource->picture != NULL)
        return resource->picture->fd;
    return resource->buffer != NULL ? resource->buffer->fd : -1;
}

static struct estate_resource describe(const struct resource *resource)
{
    const struct buffer *buffer = resource->buffer;
    struct estate_resource record = {
        .key = resource->estate.key,
        .size = resource->size,
        .memory = resource->memory,
        .flags = resource->flags,
        .width = resource->width,
        .height = resource->height,
        .format = resource->format,
        .map_info = resource->map_info,
        .has_picture = resource->picture != NULL,
        .has_buffer = buffer != NULL,
        .keeper = resource->renderer != NULL ? (uint8_t)(resource->renderer->index + 1) : 0,
    };

    if (buffer != NULL) {
        record.buffer_kind = buffer->kind;
        record.buffer_size = buffer->size;
        record.fd_offset = buffer->fd_offset;
    }
    return record;
}

void estate_resource(struct resource *resource)
{
    struct gpu *gpu = resource->gpu;
    struct estate_handles *own = &resource->estate;
    struct estate_resource record;
    int fd = descriptor_of(resource);

    if (!told(gpu))
        return;
    if (fd >= 0 && own->key == 0)
        own->key = shelf_put(gpu->estate.shelf, fd);
    record = describe(resource);
    put(gpu, ESTATE_RESOURCE, resource->node.id, &record, sizeof(record), &own->resource);
    if (own->resource != 0 && resource->buffer != NULL && resource->buffer->kind == BUFFER_ARENA)
        arena_track(resource->buffer, store_word(gpu->estate.store, own->resource,
                                                 offsetof(struct estate_resource, word)));
}

void estate_resource_gone(struct resource *resource)
{
    struct estate *estate = &resource->gpu->estate;
    struct estate_handles *own = &resource->estate;

    if (resource->buffer != NULL && resource->buffer->kind == BUFFER_ARENA)
        arena_track(resource->buffer, NULL);
    if (!told(resource->gpu))
        return;
    store_erase(estate->store, &own->uuid);
    store_erase(estate->store, &own->mapping);
    store_erase(estate->store, &own->backing);
    store_erase(estate->store, &own->resource);
    drop_later(estate, &own->key);
}

void estate_backing(struct resource *resource)
{
    struct backing *backing = &resource->backing;

    if (told(resource->gpu) && backing->pins == NULL)
        store_erase(resource->gpu->estate.store, &resource->estate.backing);
    else if (told(resource->gpu))
        put(resource->gpu, ESTATE_BACKING, resource->node.id, backing->pieces,
            backing->piece_count * sizeof(backing->pieces[0]), &resource->estate.backing);
    backing_forget_pieces(backing);
}

void estate_mapping(struct resource *resource)
{
    struct estate_mapping record = {.offset = resource->offset};

    if (!told(resource->gpu))
        return;
    if (resource->state == RESOURCE_UNMAPPED)
        store_erase(resource->gpu->estate.store, &resource->estate.mapping);
    else
        put(resource->gpu, ESTATE_MAPPING, resource->node.id, &record, sizeof(record),
            &resource->estate.mapping);
}

void estate_uuid(struct resource *resource)
{
    if (told(resource->gpu))
        put(resource->gpu, ESTATE_UUID, resource->node.id, resource->uuid, sizeof(resource->uuid),
            &resource->estate.uuid);
}

/* ---- contexts ---- */

void estate_context(struct context *context)
{
    struct estate_context record = {.capset = context->capset};

    if (!told(context->gpu))
        return;
    memcpy(record.name, context->name, sizeof(context->name));
    put(context->gpu, ESTATE_CONTEXT, context->node.id, &record, sizeof(record), &context->record);
}

void estate_context_gone(struct context *context)
{
    if (told(context->gpu))
        store_erase(context->gpu->estate.store, &context->record);
}

void estate_attachment(struct attachment *attachment)
{
    struct gpu *gpu = attachment->context->gpu;
    struct estate_attachment record = {attachment->node.id, attachment->count};

    if (told(gpu))
        put(gpu, ESTATE_ATTACHMENT, attachment->context->node.id, &record, sizeof(record),
            &attachment->record);
}

void estate_attachment_gone(struct attachment *attachment)
{
    struct gpu *gpu = attachment->context->gpu;

    if (told(gpu))
        store_erase(gpu->estate.store, &attachment->record);
}

/* ---- what is shown ---- */

void estate_scanout(struct display *display, unsigned output)
{
    const struct scanout *scanout = &display->scanouts[output];
    struct estate *estate = &display->gpu->estate;
    struct estate_scanout record;

    if (!told(display->gpu))
        return;
    if (scanout->resource == NULL) {
        store_erase(estate->store, &estate->scanouts[output]);
        return;
    }
    record = (struct estate_scanout){
        .resource = scanout->resource->node.id,
        .x = scanout->rect.x,
        .y = scanout->rect.y,
        .shown_width = scanout->rect.width,
        .shown_height = scanout->rect.height,
        .width = scanout->width,
        .height = scanout->height,
        .format = scanout->format,
        .stride = scanout->stride,
        .is_blob = scanout->resource->memory != 0,
        .offset = scanout->offset,
    };
    put(display->gpu, ESTATE_SCANOUT, output, &record, sizeof(record), &estate->scanouts[output]);
}

static uint64_t place_of(const struct cursor *cursor)
{
    return (uint64_t)(uint32_t)cursor->y << 32 | (uint32_t)cursor->x;
}

void estate_cursor(struct display *display, unsigned output)
{
    const struct cursor *cursor = &display->cursors[output];
    struct estate *estate = &display->gpu->estate;
    struct estate_cursor record;

    if (!told(display->gpu))
        return;
    if (!cursor->visible) {
        store_erase(estate->store, &estate->cursors[output]);
        return;
    }
    record.place = place_of(cursor);
    record.hot_x = cursor->picture.hot_x;
    record.hot_y = cursor->picture.hot_y;
    memcpy(record.pixels, cursor->picture.pixels, sizeof(record.pixels));
    put(display->gpu, ESTATE_CURSOR, output, &record, sizeof(record), &estate->cursors[output]);
}

void estate_cursor_place(struct display *display, unsigned output)
{
    struct estate *estate = &display->gpu->estate;

    if (told(display->gpu) && estate->cursors[output] != 0)
        __atomic_store_n(store_word(estate->store, estate->cursors[output],
                                    offsetof(struct estate_cursor, place)),
                         place_of(&display->cursors[output]), __ATOMIC_RELEASE);
}

void estate_outputs(struct display *display)
{
    struct estate *estate = &display->gpu->estate;
    struct estate_outputs record = {.count = display->count};

    if (!told(display->gpu))
        return;
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        record.modes[i].width = display->outputs[i].mode.width;
        record.modes[i].height = display->outputs[i].mode.height;
        record.modes[i].hz = display->outputs[i].mode.hz;
    }
    put(display->gpu, ESTATE_OUTPUTS, 0, &record, sizeof(record), &estate->outputs);
    store_commit(estate->store, NULL); /* nobody is answered for it */
}

/* ---- requests ---- */

void estate_commit(struct request *request, bool waits)
{
    struct estate *estate = &request->gpu->estate;
    struct store_answer answer = {.type = request->result, .size = (uint32_t)request->answer.used};

    if (!told(request->gpu) || request->record != 0)
        return;
    if (answer.size <= STORE_MAX_ANSWER && (waits || store_is_changed(estate->store)))
        answer.tag = request->tag;
    else if (!store_is_changed(estate->store))
        return;
    if (answer.tag != 0)
        memcpy(answer.bytes, request->answer.start, answer.size);
    request->record = store_commit(estate->store, &answer);
    drop_keys(estate);
}

bool estate_recall(struct request *request, uint32_t *type)
{
    struct estate *estate = &request->gpu->estate;
    struct store_answer answer;

    if (!told(request->gpu) || request->tag == 0 || !request->chain->again)
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
    if (told(request->gpu))
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
    put(gpu, ESTATE_DEATH, 0, death, sizeof(*death), &estate->death_record);
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
