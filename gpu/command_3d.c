/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "gpu/answer.h"
#include "gpu/command.h"
#include "gpu/command_resource.h"
#include "gpu/context.h"
#include "gpu/gpu.h"
#include "gpu/renderer.h"
#include "gpu/resource_command.h"
#include "gpu/texture_size.h"

static uint32_t create_result(struct request *request, int result)
{
    struct resource *resource = request->resource;

    if (result == 0 && !resource->gone)
        estate_resource(resource);
    if (result == 0)
        return VIRTIO_GPU_RESP_OK_NODATA;
    /* One that leaves is ended by its UNREF. An output may show it already. */
    if (!resource->gone && !resource->leaving)
        resource_command_end(request->gpu, resource);
    return request_fail(request, result, "the renderer made no resource");
}

static void create_done(void *data, int result)
{
    answer_give(data, create_result(data, result));
}

static void read_description(struct reader *args, struct renderer_resource *what)
{
    what->target = reader_u32(args);
    what->format = reader_u32(args);
    what->bind = reader_u32(args);
    what->width = reader_u32(args);
    what->height = reader_u32(args);
    what->depth = reader_u32(args);
    what->array_size = reader_u32(args);
    what->last_level = reader_u32(args);
    what->nr_samples = reader_u32(args);
    what->flags = reader_u32(args);
}

uint32_t command_3d_create(struct gpu *gpu, struct request *request)
{
    uint32_t id = reader_u32(&request->args);
    struct renderer *renderer = gpu_renderer(gpu, 0);
    struct renderer_resource what;
    struct resource *resource;
    int result;

    read_description(&request->args, &what);
    if (renderer->impl->create_3d == NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_UNSPEC, "nothing here draws with GL");
    if (id == 0 || resource_find(gpu, id) != NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
                              "resource %u is 0 or taken", id);
    resource = resource_create(gpu, id);
    if (resource == NULL)
        return request_fail(request, -errno, "no resource could be made");
    resource_name(resource, request);
    result = resource_charge(resource, GPU_QUOTA_TEXTURES, texture_size(&what));
    if (result < 0) {
        resource_destroy(resource);
        return request_fail(request, result, "no resource could be made");
    }
    resource_set_renderer(resource, renderer);
    resource->width = what.width;
    resource->height = what.height;
    resource->format = what.format;
    request->renderer = renderer;
    result = renderer->impl->create_3d(renderer, resource, &what, create_done, request);
    return result == -EINPROGRESS ? REQUEST_PENDING : create_result(request, result);
}

static uint32_t transfer_result(struct request *request, int result)
{
    if (result == 0)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return request_fail(request, result, "the renderer did not copy");
}

static void transfer_done(void *data, int result)
{
    answer_give(data, transfer_result(data, result));
}

static void read_transfer(struct reader *args, struct renderer_transfer *transfer)
{
    transfer->box.x = reader_u32(args);
    transfer->box.y = reader_u32(args);
    transfer->box.z = reader_u32(args);
    transfer->box.w = reader_u32(args);
    transfer->box.h = reader_u32(args);
    transfer->box.d = reader_u32(args);
    transfer->offset = reader_u64(args);
}

/* Who copies: the context's renderer if it knows the resource, else the one whose it is. */
static struct renderer *renderer_of(struct context *context, struct resource *resource)
{
    if (context != NULL && (resource->known & (1u << context->renderer->index)) != 0)
        return context->renderer;
    return resource_renderer(resource);
}

static uint32_t transfer(struct gpu *gpu, struct request *request, bool from_host)
{
    struct renderer_transfer what = {.from_host = from_host};
    struct context *context = context_find(gpu, request->ctx_id);
    struct renderer *renderer;
    struct resource *resource;
    uint32_t type;
    int result;

    read_transfer(&request->args, &what);
    type = command_resource_peek(gpu, request, &resource);
    what.level = reader_u32(&request->args);
    what.stride = reader_u32(&request->args);
    what.layer_stride = reader_u32(&request->args);
    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (request->ctx_id != 0 && context == NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID,
                              "there is no context %u", request->ctx_id);
    renderer = renderer_of(context, resource);
    if (renderer == NULL || renderer->impl->transfer == NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
                              "resource %u is no renderer's", resource->node.id);
    request->renderer = renderer;
    result = renderer->impl->transfer(renderer, context, resource, &what, transfer_done, request);
    return result == -EINPROGRESS ? REQUEST_PENDING : transfer_result(request, result);
}

uint32_t command_3d_transfer_to_host(struct gpu *gpu, struct request *request)
{
    return transfer(gpu, request, false);
}

uint32_t command_3d_transfer_from_host(struct gpu *gpu, struct request *request)
{
    return transfer(gpu, request, true);
}
