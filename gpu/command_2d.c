/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "gpu/answer.h"
#include "gpu/command.h"
#include "gpu/command_resource.h"
#include "gpu/gpu.h"
#include "gpu/picture.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"

uint32_t command_2d_create(struct gpu *gpu, struct request *request)
{
    uint32_t id = reader_u32(&request->args);
    uint32_t format = reader_u32(&request->args);
    uint32_t width = reader_u32(&request->args);
    uint32_t height = reader_u32(&request->args);
    uint64_t size = picture_size(format, width, height);
    struct resource *resource;
    int result;

    if (id == 0 || resource_find(gpu, id) != NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
                              "resource %u is 0 or taken", id);
    if (size == 0)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "there is no picture of %u x %u pixels in format %u", width, height,
                              format);
    resource = resource_create(gpu, id);
    if (resource == NULL)
        return request_fail(request, -errno, "no resource could be made");
    result = resource_charge(resource, GPU_QUOTA_MEMORY, size);
    if (result < 0) {
        uint32_t type = request_fail(request, result, "no picture could be made");

        resource_destroy(resource);
        return type;
    }
    resource_set_image(resource, format, width, height);
    estate_resource(resource);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

/* More of them, and the guest waits: a renderer that is stuck must not pile them up. */
#define MAX_COPIES 256u

static void copy_done(void *data, int result)
{
    struct gpu *gpu = data;

    gpu->copies--;
}

static void last_copy_done(void *data, int result)
{
    struct request *request = data;

    request->gpu->copies--;
    answer_give(request, VIRTIO_GPU_RESP_OK_NODATA);
}

/* A renderer that adopted the picture has a copy of its own: it takes the same pixels, in the order
 * of what contexts do with them. Mostly nobody waits: what the outputs show is the picture. Returns
 * OK_NODATA or REQUEST_PENDING. */
static uint32_t transfer_copies(struct gpu *gpu, struct request *request, const struct rect *rect,
                                uint64_t offset)
{
    struct resource *resource = request->resource;
    uint32_t type = VIRTIO_GPU_RESP_OK_NODATA;
    const struct renderer_transfer transfer = {
        .offset = offset,
        .box = {rect->x, rect->y, 0, rect->width, rect->height, 1},
    };

    for (unsigned i = 0; i < gpu->renderer_count; i++) {
        struct renderer *renderer = gpu->renderers[i];
        bool wait = gpu->copies >= MAX_COPIES && type != REQUEST_PENDING;

        if ((resource->known & (1u << i)) == 0 || renderer->impl->transfer == NULL ||
            renderer->impl->transfer(renderer, NULL, resource, &transfer,
                                     wait ? last_copy_done : copy_done,
                                     wait ? (void *)request : gpu) != -EINPROGRESS)
            continue;
        gpu->copies++;
        if (wait)
            type = REQUEST_PENDING;
    }
    return type;
}

uint32_t command_2d_transfer(struct gpu *gpu, struct request *request)
{
    struct resource *resource;
    struct picture *picture;
    struct rect rect;
    uint64_t offset;
    uint32_t type;
    int result;

    rect.x = reader_u32(&request->args);
    rect.y = reader_u32(&request->args);
    rect.width = reader_u32(&request->args);
    rect.height = reader_u32(&request->args);
    offset = reader_u64(&request->args);
    type = command_resource_find(gpu, request, &resource);
    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (!resource->is_image)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "the resource is no 2D one");
    picture = resource_picture(resource);
    if (picture == NULL)
        return request_fail(request, -errno, "its pixels have no memory");
    result = picture_transfer(picture, &rect, offset, resource->pins);
    if (result < 0)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "%u x %u pixels at %u, %u are not in %s", rect.width, rect.height,
                              rect.x, rect.y,
                              result == -ERANGE ? "the guest pages" : "the resource");
    return transfer_copies(gpu, request, &rect, offset);
}
