/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/units.h"
#include "gpu/command.h"
#include "gpu/context.h"
#include "gpu/control.h"
#include "gpu/gpu.h"
#include "gpu/resource.h"

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
    uint64_t most = gpu_max_bytes(gpu);

    if (blob->size == 0 || blob->size % page != 0)
        return invalid(request, "the size is 0 or not a multiple of the page size");
    if (from_guest(blob))
        return VIRTIO_GPU_RESP_OK_NODATA;
    if (window != 0 && blob->size > window)
        return invalid(request, "the blob is larger than the window");
    if (gpu->bytes > most || blob->size > most - gpu->bytes)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY,
                              "%llu bytes more are more than the guest may have",
                              (unsigned long long)blob->size);
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
    return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Reads the memory entries that the request ends with, and gives them to the resource. */
static uint32_t add_backing(struct gpu *gpu, struct request *request, struct resource *resource,
                            uint32_t entries)
{
    struct backing backing;
    int result = backing_init(&backing, &request->args, entries, gpu->device.host->memory);

    if (result == 0 && entries > 0 && backing.size < resource->size) {
        backing_finish(&backing);
        return invalid(request, "the guest pages are fewer than the blob needs");
    }
    if (result == 0)
        result = resource_set_backing(resource, &backing);
    if (result < 0)
        return request_fail(request, result, "the guest pages are not usable");
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t add_buffer(struct gpu *gpu, struct request *request, struct resource *resource,
                           const struct blob_request *blob)
{
    struct renderer_blob wanted = {blob->memory, blob->flags, blob->blob_id, blob->size};
    struct buffer *buffer = NULL;
    int result = gpu->renderer->impl->create_blob(gpu->renderer, blob->context, &wanted, &buffer);

    if (result < 0)
        return request_fail(request, result, "the renderer made no blob");
    if (buffer != NULL)
        resource_set_buffer(resource, buffer);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t create(struct gpu *gpu, struct request *request, const struct blob_request *blob)
{
    struct resource *resource = resource_create(gpu, blob->id);
    uint32_t type = VIRTIO_GPU_RESP_OK_NODATA;

    if (resource == NULL)
        return request_fail(request, -errno, "no resource could be made");
    resource->memory = blob->memory;
    resource->flags = blob->flags;
    resource->size = blob->size;
    if (from_guest(blob))
        type = add_backing(gpu, request, resource, blob->entries);
    if (!request_answer_is_error(type) && from_host(blob))
        type = add_buffer(gpu, request, resource, blob);
    if (request_answer_is_error(type))
        resource_destroy(resource);
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

/* The resource that the request names first, remembered in it; NULL, with a reason, if there is
 * none. */
static struct resource *find(struct gpu *gpu, struct request *request)
{
    uint32_t id = reader_u32(&request->args);

    request->resource = resource_find(gpu, id);
    if (request->resource == NULL)
        request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID, "there is no resource %u",
                       id);
    return request->resource;
}

uint32_t blob_attach_backing(struct gpu *gpu, struct request *request)
{
    struct resource *resource = find(gpu, request);
    uint32_t entries = reader_u32(&request->args);

    if (resource == NULL)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (resource->memory == VIRTIO_GPU_BLOB_MEM_HOST3D)
        return invalid(request, "a HOST3D blob has no guest pages");
    if (resource->backing.count > 0)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_UNSPEC, "it has its guest pages");
    if (entries == 0)
        return invalid(request, "no guest pages are given");
    return add_backing(gpu, request, resource, entries);
}

uint32_t blob_detach_backing(struct gpu *gpu, struct request *request)
{
    struct resource *resource = find(gpu, request);

    if (resource == NULL)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (resource->backing.count == 0)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
                              "resource %u has no guest pages", resource->node.id);
    resource_drop_backing(resource);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Undoes what was mapped for a command that will come again. */
static void stale_unmap_done(void *data, int result)
{
    struct request *request = data;

    control_answer(request->control, VIRTIO_GPU_RESP_ERR_UNSPEC);
}

static void map_done(void *data, int result)
{
    struct request *request = data;
    struct control *control = request->control;

    if (result == -ECANCELED) {
        control_hold(control);
        return;
    }
    if (result == 0 && control_is_stale(control) &&
        resource_unmap(request->resource, stale_unmap_done, request) == 0)
        return;
    if (result < 0) {
        control_answer(control, request_fail(request, result, "the window refused it"));
        return;
    }
    writer_u32(&request->answer, VIRTIO_GPU_MAP_CACHE_CACHED);
    writer_u32(&request->answer, 0);
    control_answer(control, VIRTIO_GPU_RESP_OK_MAP_INFO);
}

uint32_t blob_map(struct gpu *gpu, struct request *request)
{
    struct resource *resource = find(gpu, request);
    uint64_t window = gpu->device.host->port->size;
    uint64_t offset;
    int result;

    reader_skip(&request->args, 4);
    offset = reader_u64(&request->args);
    if (resource == NULL)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (resource->buffer == NULL || (resource->flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE) == 0)
        return invalid(request, "the resource is not mappable");
    if (window == 0)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_UNSPEC, "the guest has no window");
    if (resource->state != RESOURCE_UNMAPPED)
        return invalid(request, "the resource is mapped");
    if (offset % units_page_size() != 0 || resource->buffer->size > window ||
        offset > window - resource->buffer->size)
        return invalid(request, "the place is not page aligned, or not in the window");
    result = resource_map(resource, offset, map_done, request);
    return result < 0 ? request_fail(request, result, "the window refused it") : REQUEST_PENDING;
}

static void unmap_done(void *data, int result)
{
    struct request *request = data;
    uint32_t type = VIRTIO_GPU_RESP_OK_NODATA;

    if (result == -ECANCELED) {
        control_hold(request->control);
        return;
    }
    if (result < 0)
        type = request_fail(request, result, "the window did not let go");
    control_answer(request->control, type);
}

uint32_t blob_unmap(struct gpu *gpu, struct request *request)
{
    struct resource *resource = find(gpu, request);
    int result;

    if (resource == NULL)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (resource->state != RESOURCE_MAPPED)
        return invalid(request, "the resource is not mapped");
    result = resource_unmap(resource, unmap_done, request);
    if (result == -ENOENT)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return result < 0 ? request_fail(request, result, "the window did not let go")
                      : REQUEST_PENDING;
}

/* The mapping is gone, or cannot be got rid of: the driver forgets the id either way, so do we. */
static uint32_t unref(struct request *request, int result)
{
    resource_destroy(request->resource);
    return result < 0 ? request_fail(request, result, "the window did not let go")
                      : (uint32_t)VIRTIO_GPU_RESP_OK_NODATA;
}

static void unref_done(void *data, int result)
{
    struct request *request = data;
    struct control *control = request->control;

    if (result == -ECANCELED)
        control_hold(control);
    else if (control_is_stale(control)) /* it comes again, and wants to find the resource */
        control_answer(control, VIRTIO_GPU_RESP_ERR_UNSPEC);
    else
        control_answer(control, unref(request, result));
}

/* Linux gives the place in the window to the next blob as soon as this is answered: so the mapping
 * must be gone before. */
uint32_t blob_unref(struct gpu *gpu, struct request *request)
{
    struct resource *resource = find(gpu, request);
    int result;

    if (resource == NULL)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (resource->state != RESOURCE_MAPPED)
        return unref(request, 0);
    result = resource_unmap(resource, unref_done, request);
    if (result == -ENOENT)
        return unref(request, 0);
    return result < 0 ? unref(request, result) : REQUEST_PENDING;
}
