/* SPDX-License-Identifier: MIT */
#include "gpu/estate.h"

#include <string.h>

#include "buffer/arena.h"
#include "gpu/context.h"
#include "gpu/gpu.h"
#include "gpu/picture.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"
#include "gpu/uuid.h"

_Static_assert(sizeof(((struct estate_cursor *)NULL)->pixels) ==
                   sizeof(((struct sink_cursor *)NULL)->pixels),
               "the pointer's picture");

/* The resource's place on the shelf is free once its record is erased. */
static void drop_later(struct estate *estate, uint64_t *key)
{
    if (*key != 0 && shelf_drops_is_full(&estate->drops)) {
        store_commit(estate->store);
        shelf_drops_carry_out(&estate->drops);
    }
    shelf_drops_add(&estate->drops, key);
}

/* ---- resources ---- */

static int descriptor_of(const struct resource *resource)
{
    return resource->buffer != NULL ? resource->buffer->fd : -1;
}

static uint64_t place_in_window(const struct resource *resource)
{
    bool mapped = resource->state == RESOURCE_MAPPED || resource->state == RESOURCE_UNMAPPING;

    return mapped ? resource->offset + 1 : 0;
}

static struct estate_resource describe(const struct resource *resource)
{
    const struct buffer *buffer = resource->buffer;
    struct estate_resource record = {
        .key = resource->estate.key,
        .memory = resource->memory,
        .flags = resource->flags,
        .map_info = resource->map_info,
        .place = place_in_window(resource),
        .has_picture = resource->is_image,
        .has_buffer = buffer != NULL,
        .keeper = resource->keeper,
    };

    if (resource->memory != 0) {
        record.size = resource->bytes;
    } else {
        record.width = resource->width;
        record.height = resource->height;
        record.format = resource->format;
    }
    if (buffer != NULL) {
        record.buffer_kind = (uint8_t)buffer->kind;
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

    if (!estate_is_told(&gpu->estate))
        return;
    if (fd >= 0 && own->key == 0)
        own->key = shelf_put(gpu->estate.shelf, fd);
    record = describe(resource);
    store_replace(gpu->estate.store, ESTATE_RESOURCE, resource->node.id, &record, sizeof(record),
                  &own->resource);
    if (own->resource != 0 && resource->buffer != NULL && resource->buffer->kind == BUFFER_ARENA)
        arena_track(resource->buffer, store_word(gpu->estate.store, own->resource,
                                                 offsetof(struct estate_resource, word)));
}

void estate_picture(struct resource *resource)
{
    struct estate *estate = &resource->gpu->estate;
    struct estate_handles *own = &resource->estate;
    uint64_t lost = own->key; /* of pixels that a worker before us could not bring back */

    if (own->resource == 0)
        return;
    own->key = shelf_put(estate->shelf, resource->picture->fd);
    __atomic_store_n(
        store_word(estate->store, own->resource, offsetof(struct estate_resource, key)),
        own->key != 0 ? own->key : ESTATE_KEY_LOST, __ATOMIC_RELEASE);
    shelf_drop(estate->shelf, lost);
}

void estate_resource_gone(struct resource *resource)
{
    struct estate *estate = &resource->gpu->estate;
    struct estate_handles *own = &resource->estate;

    if (resource->buffer != NULL && resource->buffer->kind == BUFFER_ARENA)
        arena_track(resource->buffer, NULL);
    if (!estate_is_told(estate))
        return;
    if (resource->uuid != NULL)
        store_erase(estate->store, &resource->uuid->record);
    store_erase(estate->store, &own->backing);
    store_erase(estate->store, &own->resource);
    drop_later(estate, &own->key);
}

void estate_backing(struct resource *resource, struct backing *backing)
{
    bool told = estate_is_told(&resource->gpu->estate);

    if (told && (backing == NULL || resource->pins == NULL))
        store_erase(resource->gpu->estate.store, &resource->estate.backing);
    else if (told)
        store_replace(resource->gpu->estate.store, ESTATE_BACKING, resource->node.id,
                      backing->pieces, backing->piece_count * sizeof(backing->pieces[0]),
                      &resource->estate.backing);
    if (backing != NULL)
        backing_forget_pieces(backing);
}

void estate_mapping(struct resource *resource)
{
    if (estate_is_told(&resource->gpu->estate))
        store_set(resource->gpu->estate.store, resource->estate.resource,
                  offsetof(struct estate_resource, place), place_in_window(resource));
}

void estate_uuid(struct resource *resource)
{
    if (estate_is_told(&resource->gpu->estate))
        store_replace(resource->gpu->estate.store, ESTATE_UUID, resource->node.id,
                      resource->uuid->bytes, sizeof(resource->uuid->bytes),
                      &resource->uuid->record);
}

/* ---- contexts ---- */

void estate_context(struct context *context)
{
    struct estate_context record = {.capset = context->capset};

    if (!estate_is_told(&context->gpu->estate))
        return;
    memcpy(record.name, context->name, sizeof(context->name));
    store_replace(context->gpu->estate.store, ESTATE_CONTEXT, context->node.id, &record,
                  sizeof(record), &context->record);
}

void estate_context_gone(struct context *context)
{
    if (estate_is_told(&context->gpu->estate))
        store_erase(context->gpu->estate.store, &context->record);
}

void estate_attachment(struct attachment *attachment)
{
    struct gpu *gpu = attachment->context->gpu;
    struct estate_attachment record = {attachment->node.id, attachment->count};

    if (estate_is_told(&gpu->estate))
        store_replace(gpu->estate.store, ESTATE_ATTACHMENT, attachment->context->node.id, &record,
                      sizeof(record), &attachment->record);
}

void estate_attachment_gone(struct attachment *attachment)
{
    struct gpu *gpu = attachment->context->gpu;

    if (estate_is_told(&gpu->estate))
        store_erase(gpu->estate.store, &attachment->record);
}

/* ---- what is shown ---- */

void estate_scanout(struct display *display, unsigned output)
{
    const struct scanout *scanout = &display->scanouts[output];
    struct estate *estate = &display->gpu->estate;
    struct estate_scanout record;

    if (!estate_is_told(estate))
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
    store_replace(display->gpu->estate.store, ESTATE_SCANOUT, output, &record, sizeof(record),
                  &estate->scanouts[output]);
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

    if (!estate_is_told(estate))
        return;
    if (!cursor->visible) {
        store_erase(estate->store, &estate->cursors[output]);
        return;
    }
    record.place = place_of(cursor);
    record.hot_x = cursor->picture.hot_x;
    record.hot_y = cursor->picture.hot_y;
    memcpy(record.pixels, cursor->picture.pixels, sizeof(record.pixels));
    store_replace(display->gpu->estate.store, ESTATE_CURSOR, output, &record, sizeof(record),
                  &estate->cursors[output]);
}

void estate_cursor_place(struct display *display, unsigned output)
{
    struct estate *estate = &display->gpu->estate;

    if (estate_is_told(estate) && estate->cursors[output] != 0)
        __atomic_store_n(store_word(estate->store, estate->cursors[output],
                                    offsetof(struct estate_cursor, place)),
                         place_of(&display->cursors[output]), __ATOMIC_RELEASE);
}

void estate_outputs(struct display *display)
{
    struct estate *estate = &display->gpu->estate;
    struct estate_outputs record = {.count = display->count};

    if (!estate_is_told(estate))
        return;
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        record.modes[i].width = display->outputs[i].mode.width;
        record.modes[i].height = display->outputs[i].mode.height;
        record.modes[i].hz = display->outputs[i].mode.hz;
    }
    store_replace(display->gpu->estate.store, ESTATE_OUTPUTS, 0, &record, sizeof(record),
                  &estate->outputs);
    store_commit(estate->store); /* nobody is answered for it */
}
