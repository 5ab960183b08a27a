/* SPDX-License-Identifier: MIT */
#include "gpu/resource.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "gpu/context.h"
#include "gpu/gpu.h"
#include "gpu/hand.h"
#include "gpu/picture.h"
#include "gpu/uuid.h"

_Static_assert(GPU_MAX_RENDERERS <= 8 && VIRTIO_GPU_MAX_SCANOUTS <= 16, "bits of a resource");

struct resource *resource_create(struct gpu *gpu, uint32_t id)
{
    struct resource *resource;
    int result = quota_take(gpu_quota(gpu, GPU_QUOTA_RESOURCES), 1);

    if (result < 0) {
        errno = -result;
        return NULL;
    }
    resource = calloc(1, sizeof(*resource));
    if (resource == NULL) {
        quota_give(gpu_quota(gpu, GPU_QUOTA_RESOURCES), 1);
        return NULL;
    }
    resource->gpu = gpu;
    resource->node.id = id;
    estate_names(gpu, id);
    resource->holds = 1;
    resource->charged = GPU_QUOTA_COUNT;
    LIST_INIT(&resource->attachments);
    TAILQ_INIT(&resource->parked);
    if (id_map_add(&gpu->resources, &resource->node) < 0) {
        quota_give(gpu_quota(gpu, GPU_QUOTA_RESOURCES), 1);
        free(resource);
        errno = EEXIST;
        return NULL;
    }
    gpu_count(gpu);
    return resource;
}

/* What it took of the quotas, but for its backing and attachments. */
static void give_all_back(struct resource *resource)
{
    struct gpu *gpu = resource->gpu;

    if (resource->charged != GPU_QUOTA_COUNT)
        quota_give(gpu_quota(gpu, (enum gpu_quota)resource->charged), resource->bytes);
    if (resource->state != RESOURCE_UNMAPPED)
        quota_give(gpu_quota(gpu, GPU_QUOTA_MAPPINGS), 1);
    quota_give(gpu_quota(gpu, GPU_QUOTA_RESOURCES), 1);
    resource->charged = GPU_QUOTA_COUNT;
}

void resource_destroy(struct resource *resource)
{
    struct gpu *gpu = resource->gpu;

    while (!LIST_EMPTY(&resource->attachments)) {
        estate_attachment_gone(LIST_FIRST(&resource->attachments));
        attachment_destroy(LIST_FIRST(&resource->attachments));
    }
    estate_resource_gone(resource);
    free(resource->uuid);
    resource->uuid = NULL;
    picture_destroy(resource->picture);
    resource->picture = NULL;
    resource_drop_backing(resource);
    buffer_destroy(resource->buffer);
    resource->buffer = NULL;
    if (resource->state == RESOURCE_MAPPED)
        gpu->device.host->census->mapped--;
    id_map_remove(&gpu->resources, &resource->node);
    give_all_back(resource);
    gpu_count(gpu);
    resource->gone = true;
    hand_again_all(&resource->parked);
    resource_release(resource);
}

void resource_release(struct resource *resource)
{
    if (--resource->holds == 0)
        free(resource);
}

void resource_park(struct resource *resource, struct request *request)
{
    resource_name(resource, request);
    request_park(request, &resource->parked);
}

void resource_settled(struct resource *resource)
{
    if (!resource_is_busy(resource))
        hand_again_all(&resource->parked);
}

struct resource *resource_find(struct gpu *gpu, uint32_t id)
{
    return ID_MAP_OF(id_map_find(&gpu->resources, id), struct resource, node);
}

struct renderer *resource_renderer(const struct resource *resource)
{
    return resource->keeper != 0 ? resource->gpu->renderers[resource->keeper - 1] : NULL;
}

void resource_set_renderer(struct resource *resource, const struct renderer *renderer)
{
    resource->keeper = (uint8_t)(renderer->index + 1);
    resource->known = (uint8_t)(1u << renderer->index);
}

int resource_charge(struct resource *resource, enum gpu_quota quota, uint64_t bytes)
{
    int result = quota_take(gpu_quota(resource->gpu, quota), bytes);

    if (result < 0)
        return result;
    assert(resource->charged == GPU_QUOTA_COUNT &&
           (resource->bytes == 0 || resource->bytes == bytes));
    resource->bytes = bytes;
    resource->charged = (uint8_t)quota;
    gpu_count(resource->gpu);
    return 0;
}

/* The context that its buffer is shown as: the first of those that have it. */
static uint32_t owner_of(const struct resource *resource)
{
    const struct attachment *attachment = LIST_FIRST(&resource->attachments);

    while (attachment != NULL && LIST_NEXT(attachment, of_resource) != NULL)
        attachment = LIST_NEXT(attachment, of_resource);
    return attachment != NULL ? attachment->context->node.id : 0;
}

void resource_set_buffer(struct resource *resource, struct buffer *buffer)
{
    buffer->id = resource->node.id;
    resource->buffer = buffer;
}

void resource_set_image(struct resource *resource, uint32_t format, uint32_t width, uint32_t height)
{
    resource->is_image = true;
    resource->width = width;
    resource->height = height;
    resource->format = format;
}

struct picture *resource_picture(struct resource *resource)
{
    assert(resource->is_image);
    if (resource->picture != NULL)
        return resource->picture;
    resource->picture = picture_create(resource->format, resource->width, resource->height);
    if (resource->picture != NULL)
        estate_picture(resource);
    return resource->picture;
}

int resource_set_backing(struct resource *resource, struct backing *backing)
{
    struct gpu *gpu = resource->gpu;
    int result = quota_take(gpu_quota(gpu, GPU_QUOTA_PAGES), backing_count(backing->pins));

    if (result < 0) {
        backing_finish(backing);
        return result;
    }
    resource->pins = backing->pins;
    backing->pins = NULL;
    return 0;
}

void resource_set_pages(struct resource *resource, struct buffer *pages)
{
    resource->pages = pages;
    resource->gpu->page_buffers++;
}

void resource_drop_backing(struct resource *resource)
{
    if (resource->pages != NULL)
        resource->gpu->page_buffers--;
    buffer_destroy(resource->pages);
    resource->pages = NULL;
    resource->pages_tried = false;
    quota_give(gpu_quota(resource->gpu, GPU_QUOTA_PAGES), backing_count(resource->pins));
    guest_pins_unref(resource->pins);
    resource->pins = NULL;
}

/* Enters what the port said. */
static void resource_settle(struct resource *resource, enum resource_state state)
{
    struct device_census *census = resource->gpu->device.host->census;

    if (state == RESOURCE_MAPPED && resource->state == RESOURCE_MAPPING)
        census->mapped++;
    if (state == RESOURCE_UNMAPPED && resource->state == RESOURCE_UNMAPPING)
        census->mapped--;
    if (state == RESOURCE_UNMAPPED)
        quota_give(gpu_quota(resource->gpu, GPU_QUOTA_MAPPINGS), 1);
    resource->state = (uint8_t)state;
    if (state == RESOURCE_MAPPED || state == RESOURCE_UNMAPPED)
        estate_mapping(resource);
}

static void resource_arrive(struct request *request, enum resource_state state, int result)
{
    struct resource *resource = request->resource;

    resource_settle(resource, state);
    resource_hold(resource);
    if (result == -ECANCELED)
        hand_hold_all(&resource->parked);
    request->done(request, result); /* which may destroy the resource */
    if (!resource->gone)
        resource_settled(resource);
    resource_release(resource);
}

static void resource_map_done(void *data, int result)
{
    resource_arrive(data, result < 0 ? RESOURCE_UNMAPPED : RESOURCE_MAPPED, result);
}

static void resource_unmap_done(void *data, int result)
{
    if (result == -ENOENT)
        result = 0;
    resource_arrive(data, result < 0 ? RESOURCE_MAPPED : RESOURCE_UNMAPPED, result);
}

int resource_map(struct request *request, uint64_t offset, request_done *done)
{
    struct resource *resource = request->resource;
    int result;

    assert(resource->buffer != NULL && resource->state == RESOURCE_UNMAPPED);
    result = quota_take(gpu_quota(resource->gpu, GPU_QUOTA_MAPPINGS), 1);
    if (result < 0)
        return result;
    resource->state = RESOURCE_MAPPING;
    resource->offset = offset;
    request->done = done;
    resource->buffer->owner = owner_of(resource);
    result = shm_port_map(resource->gpu->device.host->port, resource->buffer, offset,
                          resource_map_done, request);
    if (result != 0)
        resource_settle(resource, result < 0 ? RESOURCE_UNMAPPED : RESOURCE_MAPPED);
    return result;
}

int resource_adopt_mapping(struct resource *resource, uint64_t offset)
{
    struct gpu *gpu = resource->gpu;
    int result = quota_take(gpu_quota(gpu, GPU_QUOTA_MAPPINGS), 1);

    if (result < 0)
        return result;
    resource->buffer->owner = owner_of(resource);
    result = shm_port_adopt(gpu->device.host->port, resource->buffer, offset);
    if (result < 0) {
        quota_give(gpu_quota(gpu, GPU_QUOTA_MAPPINGS), 1);
        return result;
    }
    resource->offset = offset;
    resource->state = RESOURCE_MAPPED;
    gpu->device.host->census->mapped++;
    return 0;
}

int resource_unmap(struct request *request, request_done *done)
{
    struct resource *resource = request->resource;
    int result;

    assert(resource->state == RESOURCE_MAPPED);
    resource->state = RESOURCE_UNMAPPING;
    request->done = done;
    result = shm_port_unmap(resource->gpu->device.host->port, resource->buffer, resource->offset,
                            resource_unmap_done, request);
    if (result < 0 && result != -ENOENT)
        resource_settle(resource, RESOURCE_MAPPED);
    else if (result != 0)
        resource_settle(resource, RESOURCE_UNMAPPED);
    return result;
}
