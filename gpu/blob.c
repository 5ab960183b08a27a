/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/units.h"
#include "gpu/answer.h"
#include "gpu/command.h"
#include "gpu/command_resource.h"
#include "gpu/context.h"
#include "gpu/gpu.h"
#include "gpu/hand.h"
#include "gpu/renderer.h"

/* A guest page on every architecture that virtio-gpu's 3D part runs on may be as small as this. */
#define GUEST_PAGE 4096u

/* The fixed part of RESOURCE_CREATE_BLOB. */
struct blob_request {
    uint32_t id;
    uint32_t memory;
    uint32_t flags;
    uint32_t entries;
    uint64_t blob_id;
    uint64_t size;
    struct context *context;
};

static uint32_t invalid(struct request *request, const char *reason)
{
    return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, "%s", reason);
}

static bool from_host(const struct blob_request *blob)
{
    return blob->memory != VIRTIO_GPU_BLOB_MEM_GUEST;
}

static bool from_guest(const struct blob_request *blob)
{
    return blob->memory != VIRTIO_GPU_BLOB_MEM_HOST3D;
}

static uint32_t check_size(struct gpu *gpu, struct request *request,
                           const struct blob_request *blob)
{
    uint64_t page = from_guest(blob) ? GUEST_PAGE : units_page_size();
    uint64_t window = gpu->device.host->port->size;

    if (blob->size == 0 || blob->size % page != 0)
        return invalid(request, "the size is 0 or not a multiple of the page size");
    if (from_guest(blob))
        return VIRTIO_GPU_RESP_OK_NODATA;
    if ((blob->flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE) != 0 && window != 0 &&
        blob->size > window)
        return invalid(request, "the blob is larger than the window");
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t check_kind(struct gpu *gpu, struct request *request, struct blob_request *blob)
{
    if (blob->memory < VIRTIO_GPU_BLOB_MEM_GUEST || blob->memory > VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST)
        return invalid(request, "there is no such kind of blob");
    if ((blob->flags & ~(uint32_t)VIRTIO_GPU_BLOB_FLAGS_KNOWN) != 0)
        return invalid(request, "a flag is unknown");
    if ((blob->flags & VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE) != 0 &&
        !gpu_has(gpu, 1ull << VIRTIO_GPU_F_RESOURCE_UUID))
        return invalid(request, "CROSS_DEVICE needs RESOURCE_UUID");
    if (!from_host(blob))
        return blob->blob_id == 0 ? VIRTIO_GPU_RESP_OK_NODATA
                                  : invalid(request, "a GUEST blob has a blob_id");
    if (!gpu_has(gpu, 1ull << VIRTIO_GPU_F_VIRGL))
        return invalid(request, "HOST3D needs VIRGL");
    if (!from_guest(blob) && blob->entries != 0)
        return invalid(request, "a HOST3D blob has guest pages");
    blob->context = context_find(gpu, request->ctx_id);
    if (blob->context == NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID,
                              "there is no context %u", request->ctx_id);
    return context_check(blob->context, request);
}

/* Reads the memory entries that the request ends with, and gives them to the resource. */
static uint32_t add_backing(struct gpu *gpu, struct request *request, struct resource *resource,
                            uint32_t entries)
{
    struct backing *backing = &request->backing;
    int result = backing_init(backing, &request->args, entries, gpu->device.host->memory);

    if (result == 0 && entries > 0 && backing_size(backing->pins) < resource_size(resource)) {
        backing_finish(backing);
        return invalid(request, "the guest pages are fewer than the blob needs");
    }
    if (result == 0)
        result = resource_set_backing(resource, backing);
    if (result < 0)
        return request_fail(request, result, "the guest pages are not usable");
    return VIRTIO_GPU_RESP_OK_NODATA;
}

/* The renderer has made the blob, or not. */
static uint32_t take_given(struct request *request, int result, const struct renderer_given *given)
{
    struct resource *resource = request->resource;

    resource->making = false;
    if (result < 0) {
        resource_destroy(resource);
        return request_fail(request, result, "the renderer made no blob");
    }
    resource->map_info = given->map_info & VIRTIO_GPU_MAP_CACHE_MASK;
    if (given->buffer != NULL)
        resource_set_buffer(resource, given->buffer);
    estate_resource(resource);
    if (resource->pins != NULL)
        estate_backing(resource, &request->backing);
    resource_settled(resource);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static void blob_done(void *data, int result, const struct renderer_given *given)
{
    answer_give(data, take_given(data, result, given));
}

static uint32_t ask_renderer(struct request *request, const struct blob_request *blob)
{
    struct renderer_blob wanted = {blob->memory, blob->flags, blob->blob_id, blob->size};
    struct renderer *renderer = blob->context->renderer;
    struct resource *resource = request->resource;
    struct renderer_given given = {0};
    int result = -EOPNOTSUPP;

    resource_set_renderer(resource, renderer);
    resource->making = true;
    request->renderer = renderer;
    if (renderer->impl->create_blob != NULL)
        result = renderer->impl->create_blob(renderer, blob->context, resource, &wanted,
                                             resource->pins, &given, blob_done, request);
    return result == -EINPROGRESS ? REQUEST_PENDING : take_given(request, result, &given);
}

static uint32_t create(struct gpu *gpu, struct request *request, const struct blob_request *blob)
{
    struct resource *resource = resource_create(gpu, blob->id);
    uint32_t type = VIRTIO_GPU_RESP_OK_NODATA;
    int result = 0;

    if (resource == NULL)
        return request_fail(request, -errno, "no resource could be made");
    resource_name(resource, request);
    resource->memory = (uint8_t)blob->memory;
    resource->flags = (uint8_t)blob->flags;
    resource->bytes = blob->size;
    if (from_guest(blob))
        type = add_backing(gpu, request, resource, blob->entries);
    else
        result = resource_charge(resource, GPU_QUOTA_MEMORY, blob->size);
    if (result < 0)
        type = request_fail(request, result, "no blob could be made");
    if (request_answer_is_error(type)) {
        resource_destroy(resource);
        return type;
    }
    if (from_host(blob))
        return ask_renderer(request, blob);
    estate_resource(resource);
    estate_backing(resource, &request->backing);
    return type;
}

uint32_t blob_create(struct gpu *gpu, struct request *request)
{
    struct blob_request blob = {0};
    uint32_t type;

    blob.id = reader_u32(&request->args);
    blob.memory = reader_u32(&request->args);
    blob.flags = reader_u32(&request->args);
    blob.entries = reader_u32(&request->args);
    blob.blob_id = reader_u64(&request->args);
    blob.size = reader_u64(&request->args);
    if (blob.id == 0 || resource_find(gpu, blob.id) != NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
                              "resource %u is 0 or taken", blob.id);
    if (request->args.left != (uint64_t)blob.entries * sizeof(struct virtio_gpu_mem_entry))
        return invalid(request, "the number of guest pages does not match the request's size");
    type = check_kind(gpu, request, &blob);
    if (!request_answer_is_error(type))
        type = check_size(gpu, request, &blob);
    return request_answer_is_error(type) ? type : create(gpu, request, &blob);
}

static uint32_t map_answer(struct request *request, const struct resource *resource, int result)
{
    uint32_t cache = resource->map_info;

    if (result < 0)
        return request_fail(request, result, "the window refused it");
    writer_u64(&request->answer,
               cache != 0 ? cache : VIRTIO_GPU_MAP_CACHE_CACHED); /* and padding */
    return VIRTIO_GPU_RESP_OK_MAP_INFO;
}

static void map_done(struct request *request, int result)
{
    if (result == -ECANCELED) {
        hand_hold(request);
        return;
    }
    answer_give(request, map_answer(request, request->resource, result));
}

static uint32_t check_map(struct gpu *gpu, struct request *request, struct resource *resource,
                          uint64_t offset)
{
    uint64_t window = gpu->device.host->port->size;

    if (resource->buffer == NULL || (resource->flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE) == 0)
        return invalid(request, "the resource is not mappable");
    if (window == 0)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_UNSPEC, "the guest has no window");
    if (resource->state != RESOURCE_UNMAPPED)
        return invalid(request, "the resource is mapped");
    if ((offset & (units_page_size() - 1)) != 0 || resource->buffer->size > window ||
        offset > window - resource->buffer->size)
        return invalid(request, "the place is not page aligned, or not in the window");
    return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t blob_map(struct gpu *gpu, struct request *request)
{
    struct resource *resource;
    uint32_t type = command_resource_find(gpu, request, &resource);
    uint64_t offset;
    int result;

    reader_skip(&request->args, 4);
    offset = reader_u64(&request->args);
    if (type == VIRTIO_GPU_RESP_OK_NODATA)
        type = check_map(gpu, request, resource, offset);
    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    result = resource_map(request, offset, map_done);
    return result == 0 ? REQUEST_PENDING : map_answer(request, resource, result);
}

static uint32_t unmap_answer(struct request *request, int result)
{
    return result < 0 ? request_fail(request, result, "the window did not let go")
                      : VIRTIO_GPU_RESP_OK_NODATA;
}

static void unmap_done(struct request *request, int result)
{
    if (result == -ECANCELED) {
        hand_hold(request);
        return;
    }
    answer_give(request, unmap_answer(request, result));
}

uint32_t blob_unmap(struct gpu *gpu, struct request *request)
{
    struct resource *resource;
    uint32_t type = command_resource_find(gpu, request, &resource);
    int result;

    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (resource->state != RESOURCE_MAPPED)
        return invalid(request, "the resource is not mapped");
    result = resource_unmap(request, unmap_done);
    if (result == -ENOENT)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return result == 0 ? REQUEST_PENDING : unmap_answer(request, result);
}
