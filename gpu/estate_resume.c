/* SPDX-License-Identifier: MIT */
#include "gpu/estate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "buffer/arena.h"
#include "gpu/context.h"
#include "gpu/gpu.h"
#include "gpu/picture.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"
#include "gpu/uuid.h"

/* What came back, for people. */
struct tally {
    unsigned resources, contexts, mappings, scanouts;
    unsigned lost; /* that live in a renderer's library */
    unsigned bad;  /* records that cannot be */
};

/* Brings back what the record 'handle' says. 0; 1: it is lost, as is known of its kind; -errno: it
 * cannot be. */
typedef int restorer(struct gpu *gpu, struct store *store, uint32_t handle, struct tally *tally);

static void leave_out(struct gpu *gpu, const char *what, uint32_t id, int error,
                      struct tally *tally)
{
    device_cannot_resume(gpu->device.host, error);
    tally->bad++;
    log_stranger("The %s of %u cannot be brought back: %s.", what, id, strerror(-error));
}

static struct renderer *keeper_of(const struct gpu *gpu, uint8_t keeper)
{
    struct renderer *renderer =
        keeper > 0 && keeper <= gpu->renderer_count ? gpu->renderers[keeper - 1] : NULL;

    return renderer != NULL && renderer->impl->outlives ? renderer : NULL;
}

/* ---- contexts ---- */

static int restore_context(struct gpu *gpu, struct store *store, uint32_t handle,
                           struct tally *tally)
{
    struct estate_context record;
    struct context *context;

    if (!store_read_whole(store, handle, &record, sizeof(record)) || store_id(store, handle) == 0)
        return -EINVAL;
    record.name[sizeof(context->name) - 1] = '\0';
    context = context_create(gpu, store_id(store, handle), record.capset, record.name);
    if (context == NULL)
        return -errno;
    context->record = handle;
    context->lost = !context->renderer->impl->outlives;
    gpu->mortal -= context->lost;
    gpu_count(gpu);
    tally->contexts++;
    tally->lost += context->lost;
    return 0;
}

static int restore_attachment(struct gpu *gpu, struct store *store, uint32_t handle,
                              struct tally *tally)
{
    struct context *context = context_find(gpu, store_id(store, handle));
    struct estate_attachment record;
    struct attachment *attachment;
    struct resource *resource;
    int result;

    if (!store_read_whole(store, handle, &record, sizeof(record)))
        return -EINVAL;
    resource = resource_find(gpu, record.resource);
    if (context == NULL || resource == NULL || record.count == 0)
        return -ENOENT;
    if (attachment_find(&context->attachments, record.resource) != NULL)
        return -EEXIST;
    result = context_attach(context, resource);
    if (result < 0)
        return result;
    attachment = attachment_find(&context->attachments, record.resource);
    attachment->count = record.count;
    attachment->record = handle;
    return 0;
}

/* ---- resources ---- */

/* The key stays with the resource, whatever became of its descriptor. */
static int take_descriptor(struct gpu *gpu, struct resource *resource, uint64_t key)
{
    if (key == ESTATE_KEY_LOST)
        return -ENOENT;
    resource->estate.key = key;
    return shelf_take(gpu->estate.shelf, key);
}

/* Pixels that could not be kept are black, like those that never had memory: the guest brings new
 * ones with the next frame. */
static int restore_picture(struct resource *resource, const struct estate_resource *record)
{
    struct gpu *gpu = resource->gpu;
    uint64_t size = picture_size(record->format, record->width, record->height);
    int fd;

    if (size == 0 || resource_charge(resource, GPU_QUOTA_MEMORY, size) < 0)
        return -EINVAL;
    resource_set_image(resource, record->format, record->width, record->height);
    if (record->key == 0)
        return 0;
    fd = take_descriptor(gpu, resource, record->key);
    errno = fd < 0 ? -fd : 0;
    if (fd >= 0)
        resource->picture = picture_restore(record->format, record->width, record->height, fd);
    if (resource->picture == NULL) {
        device_cannot_resume(gpu->device.host, -errno);
        log_stranger("The pixels of resource %u are lost with the worker.", resource->node.id);
    }
    return 0;
}

static struct buffer *restore_buffer(struct resource *resource,
                                     const struct estate_resource *record)
{
    struct gpu *gpu = resource->gpu;
    struct exporter *exporter = gpu->device.host->exporter;
    struct buffer *buffer;
    int fd;

    if (record->buffer_kind == BUFFER_ARENA) {
        if (exporter->arena == NULL) {
            errno = EINVAL;
            return NULL;
        }
        return arena_buffer_restore(exporter->arena, record->buffer_size, record->word);
    }
    fd = take_descriptor(gpu, resource, record->key);
    if (fd < 0) {
        errno = -fd;
        return NULL;
    }
    buffer = buffer_imported_create(fd, record->fd_offset, record->buffer_size);
    if (buffer != NULL && record->buffer_kind < BUFFER_IMPORTED)
        buffer->kind = (enum buffer_kind)record->buffer_kind;
    return buffer;
}

static int restore_memory(struct gpu *gpu, struct resource *resource,
                          const struct estate_resource *record)
{
    struct buffer *buffer;
    int error;

    if (record->has_picture)
        return restore_picture(resource, record);
    if (record->memory == 0) {
        resource->width = record->width;
        resource->height = record->height;
        resource->format = record->format;
    }
    if (!record->has_buffer)
        return 0;
    if (resource_charge(resource, GPU_QUOTA_MEMORY, record->size) < 0)
        return -ENOMEM;
    buffer = restore_buffer(resource, record);
    error = buffer == NULL ? errno : 0;
    if (buffer == NULL) {
        device_cannot_resume(gpu->device.host, -error);
        log_stranger("The bytes of blob %u are lost with the worker: %s.", resource->node.id,
                     strerror(error));
        return 0;
    }
    resource_set_buffer(resource, buffer);
    return 0;
}

static int restore_resource(struct gpu *gpu, struct store *store, uint32_t handle,
                            struct tally *tally)
{
    struct estate_resource record;
    struct resource *resource;
    struct renderer *keeper;
    int result;

    if (!store_read_whole(store, handle, &record, sizeof(record)) || store_id(store, handle) == 0 ||
        record.memory > VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST ||
        (record.memory == 0 ? record.has_buffer : record.has_picture) != 0)
        return -EINVAL;
    resource = resource_create(gpu, store_id(store, handle));
    if (resource == NULL)
        return -errno;
    resource->memory = record.memory;
    resource->flags = record.flags;
    if (record.memory != 0)
        resource->bytes = record.size;
    resource->map_info = record.map_info;
    keeper = keeper_of(gpu, record.keeper);
    if (keeper != NULL)
        resource_set_renderer(resource, keeper);
    tally->lost += record.keeper != 0 && keeper == NULL;
    result = restore_memory(gpu, resource, &record);
    if (result < 0 ||
        (resource->buffer != NULL && resource->buffer->size < resource_size(resource))) {
        shelf_drop(gpu->estate.shelf, resource->estate.key);
        resource_destroy(resource);
        return result < 0 ? result : -EINVAL;
    }
    resource->estate.resource = handle;
    if (resource->buffer != NULL && resource->buffer->kind == BUFFER_ARENA)
        arena_track(resource->buffer,
                    store_word(store, handle, offsetof(struct estate_resource, word)));
    tally->resources++;
    return 0;
}

static struct guest_pins *read_pins(struct gpu *gpu, const struct store *store, uint32_t handle)
{
    size_t size = store_size(store, handle);
    size_t count = size / sizeof(struct guest_piece);
    struct guest_piece *pieces;
    struct guest_pins *pins = NULL;

    errno = EINVAL;
    if (size % sizeof(*pieces) != 0 || count == 0 || count > GUEST_PINS_MAX)
        return NULL;
    pieces = malloc(size);
    if (pieces == NULL)
        return NULL;
    store_read(store, handle, pieces, size);
    pins = guest_pins_create(gpu->device.host->memory, pieces, (unsigned)count);
    free(pieces);
    return pins;
}

static int restore_backing(struct gpu *gpu, struct store *store, uint32_t handle,
                           struct tally *tally)
{
    struct resource *resource = resource_find(gpu, store_id(store, handle));
    struct backing backing = {0};
    int result;

    if (resource == NULL || resource->pins != NULL ||
        resource->memory == VIRTIO_GPU_BLOB_MEM_HOST3D)
        return -ENOENT;
    backing.pins = read_pins(gpu, store, handle);
    if (backing.pins == NULL)
        return -errno;
    if (backing_size(backing.pins) < resource_size(resource)) {
        backing_finish(&backing);
        return -EINVAL;
    }
    result = resource_set_backing(resource, &backing);
    if (result == 0)
        resource->estate.backing = handle;
    return result;
}

/* What cannot be mapped is a resource all the same. */
static int restore_mapping(struct gpu *gpu, struct store *store, uint32_t handle,
                           struct tally *tally)
{
    struct resource *resource = resource_find(gpu, store_id(store, handle));
    uint64_t *place = store_word(store, handle, offsetof(struct estate_resource, place));
    int result = -ENOENT;

    if (resource == NULL || resource->estate.resource != handle || *place == 0)
        return 0;
    if (resource->buffer != NULL)
        result = resource_adopt_mapping(resource, *place - 1);
    tally->mappings += result == 0;
    if (result == 0)
        return 0;
    leave_out(gpu, "mapping", store_id(store, handle), result, tally);
    *place = 0;
    return 0;
}

static int restore_uuid(struct gpu *gpu, struct store *store, uint32_t handle, struct tally *tally)
{
    struct resource *resource = resource_find(gpu, store_id(store, handle));
    uint8_t bytes[UUID_BYTES];

    if (resource == NULL || resource->uuid != NULL ||
        !store_read_whole(store, handle, bytes, sizeof(bytes)))
        return -EINVAL;
    return uuid_restore(resource, bytes, handle);
}

/* ---- what is shown ---- */

/* What a renderer drew is gone with it. */
static int restore_scanout(struct gpu *gpu, struct store *store, uint32_t handle,
                           struct tally *tally)
{
    uint32_t output = store_id(store, handle);
    struct estate_scanout record;
    struct scanout shown;
    int result;

    if (!store_read_whole(store, handle, &record, sizeof(record)) || output >= gpu->display.count ||
        gpu->estate.scanouts[output] != 0)
        return -EINVAL;
    shown = (struct scanout){
        .resource = resource_find(gpu, record.resource),
        .rect = {record.x, record.y, record.shown_width, record.shown_height},
        .width = record.width,
        .height = record.height,
        .format = record.format,
        .stride = record.stride,
        .offset = record.offset,
    };
    if (shown.resource == NULL)
        return -ENOENT;
    result = scanout_restore(gpu, output, &shown, record.is_blob != 0);
    if (result < 0)
        return result == -ENOMEM ? result : 1;
    gpu->estate.scanouts[output] = handle;
    tally->scanouts++;
    return 0;
}

static int restore_cursor(struct gpu *gpu, struct store *store, uint32_t handle,
                          struct tally *tally)
{
    uint32_t output = store_id(store, handle);
    struct estate_cursor record;
    struct cursor *cursor;

    if (!store_read_whole(store, handle, &record, sizeof(record)) || output >= gpu->display.count ||
        gpu->estate.cursors[output] != 0)
        return -EINVAL;
    cursor = &gpu->display.cursors[output];
    cursor->visible = true;
    cursor->x = (int32_t)(uint32_t)record.place;
    cursor->y = (int32_t)(uint32_t)(record.place >> 32);
    cursor->picture.hot_x = record.hot_x;
    cursor->picture.hot_y = record.hot_y;
    memcpy(cursor->picture.pixels, record.pixels, sizeof(record.pixels));
    gpu->estate.cursors[output] = handle;
    audience_tell_cursor(&gpu->display.audience, output, &cursor->picture, cursor->x, cursor->y);
    return 0;
}

/* ---- all of it ---- */

/* What others need comes first. */
static const struct {
    enum estate_kind kind;
    const char *name;
    restorer *restore;
} steps[] = {
    {ESTATE_CONTEXT, "context", restore_context},
    {ESTATE_RESOURCE, "resource", restore_resource},
    {ESTATE_BACKING, "backing", restore_backing},
    {ESTATE_ATTACHMENT, "attachment", restore_attachment},
    {ESTATE_RESOURCE, "mapping", restore_mapping},
    {ESTATE_UUID, "uuid", restore_uuid},
    {ESTATE_SCANOUT, "scanout", restore_scanout},
    {ESTATE_CURSOR, "pointer", restore_cursor},
};

static void restore_kind(struct gpu *gpu, unsigned step, struct tally *tally)
{
    struct store *store = gpu->estate.store;
    uint32_t handle = 0;

    while (store_next(store, steps[step].kind, &handle)) {
        int result = steps[step].restore(gpu, store, handle, tally);
        uint32_t gone = handle;

        if (result == 0)
            continue;
        if (result < 0)
            leave_out(gpu, steps[step].name, store_id(store, handle), result, tally);
        store_erase(store, &gone);
    }
    store_commit(store);
}

void estate_resume(struct gpu *gpu)
{
    struct device_host *host = gpu->device.host;
    struct tally tally = {0};

    if (gpu->estate.store == NULL)
        return;
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        restore_kind(gpu, i, &tally);
    if (host->exporter->kind == EXPORTER_ARENA)
        arena_punch_gaps(host->exporter->arena);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        scanout_update(&gpu->display, i, NULL, NULL);
    gpu->estate.muted = false;
    if (gpu->estate.outputs != 0)
        display_outputs_changed(&gpu->display);
    gpu_count(gpu);
    log_info("The guest goes on with %u resources, %u of them mapped, %u contexts and %u outputs; "
             "%u were a renderer's and are lost, %u cannot be brought back.",
             tally.resources, tally.mappings, tally.contexts, tally.scanouts, tally.lost,
             tally.bad);
}
