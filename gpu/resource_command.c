/* SPDX-License-Identifier: MIT */
#include "gpu/resource_command.h"

#include <errno.h>

#include "gpu/answer.h"
#include "gpu/command.h"
#include "gpu/command_resource.h"
#include "gpu/gpu.h"
#include "gpu/hand.h"
#include "gpu/scanout.h"
#include "gpu/uuid.h"

/* ---- work that every renderer has a part in that knows the resource ---- */

typedef int part_operation(struct renderer *renderer, struct resource *resource,
                           renderer_done *done, void *data);

/* What the whole ends with: the answer. */
typedef uint32_t parts_end(struct request *request);

static void part_done(struct request *request, int result, parts_end *end)
{
    if (result < 0 && request->error == 0)
        request->error = result;
    if (--request->parts == 0)
        answer_give(request, end(request));
}

/* Asks each of them; 'error' is what went wrong before, or 0. Returns the answer, or
 * REQUEST_PENDING: then 'done' ends with part_done. */
static uint32_t parts_ask(struct request *request, int error, part_operation *operation,
                          renderer_done *done, parts_end *end)
{
    struct resource *resource = request->resource;
    struct gpu *gpu = resource->gpu;
    int result;

    request->parts = 1;
    request->error = error;
    for (unsigned i = 0; i < gpu->renderer_count; i++) {
        if ((resource->known & (1u << i)) == 0)
            continue;
        result = operation(gpu->renderers[i], resource, done, request);
        if (result == -EINPROGRESS)
            request->parts++;
        else if (result < 0 && request->error == 0)
            request->error = result;
    }
    return --request->parts == 0 ? end(request) : REQUEST_PENDING;
}

/* ---- backing ---- */

static uint32_t attach_end(struct request *request)
{
    struct resource *resource = request->resource;

    if (request->error != 0 && !resource->gone)
        resource_drop_backing(resource);
    if (request->error != 0)
        return request_fail(request, request->error, "the renderer took no guest pages");
    if (!resource->gone)
        estate_backing(resource, &request->backing);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static void attach_done(void *data, int result)
{
    part_done(data, result, attach_end);
}

static int attach_part(struct renderer *renderer, struct resource *resource, renderer_done *done,
                       void *data)
{
    if (renderer->impl->attach_backing == NULL)
        return 0;
    return renderer->impl->attach_backing(renderer, resource, resource->pins, done, data);
}

uint32_t resource_command_attach_backing(struct gpu *gpu, struct request *request)
{
    struct resource *resource;
    uint32_t type = command_resource_find(gpu, request, &resource);
    uint32_t entries = reader_u32(&request->args);
    struct backing *backing = &request->backing;
    int result;

    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (resource->memory == VIRTIO_GPU_BLOB_MEM_HOST3D)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "a HOST3D blob has no guest pages");
    if (resource->pins != NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_UNSPEC, "it has its guest pages");
    if (entries == 0)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "no guest pages are given");
    result = backing_init(backing, &request->args, entries, gpu->device.host->memory);
    if (result == 0 && backing_size(backing->pins) < resource_size(resource)) {
        backing_finish(backing);
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "the guest pages are fewer than the blob needs");
    }
    if (result == 0)
        result = resource_set_backing(resource, backing);
    if (result < 0)
        return request_fail(request, result, "the guest pages are not usable");
    return parts_ask(request, 0, attach_part, attach_done, attach_end);
}

static uint32_t detach_end(struct request *request)
{
    if (!request->resource->gone)
        estate_backing(request->resource, NULL);
    if (request->error == 0)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return request_fail(request, request->error, "the renderer kept the guest pages");
}

static void detach_done(void *data, int result)
{
    part_done(data, result, detach_end);
}

static int detach_part(struct renderer *renderer, struct resource *resource, renderer_done *done,
                       void *data)
{
    if (renderer->impl->detach_backing == NULL)
        return 0;
    return renderer->impl->detach_backing(renderer, resource, done, data);
}

/* The driver uses the pages for something else as soon as this is answered. */
uint32_t resource_command_detach_backing(struct gpu *gpu, struct request *request)
{
    struct resource *resource;
    uint32_t type = command_resource_find(gpu, request, &resource);

    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (resource->pins == NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
                              "resource %u has no guest pages", resource->node.id);
    scanout_forget_pages(gpu, resource);
    resource_drop_backing(resource);
    return parts_ask(request, 0, detach_part, detach_done, detach_end);
}

/* ---- unref ---- */

void resource_command_end(struct gpu *gpu, struct resource *resource)
{
    uuid_release(resource);
    scanout_forget(gpu, resource);
    resource_destroy(resource);
}

/* Whatever went wrong, the driver forgets the id, and so do we. */
static uint32_t unref_end(struct request *request)
{
    resource_command_end(request->gpu, request->resource);
    if (request->error == 0)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return request_fail(request, request->error, "the resource was not let go of cleanly");
}

static void unref_part_done(void *data, int result)
{
    part_done(data, result, unref_end);
}

static int unref_part(struct renderer *renderer, struct resource *resource, renderer_done *done,
                      void *data)
{
    if (renderer->impl->destroy_resource == NULL)
        return 0;
    return renderer->impl->destroy_resource(renderer, resource, done, data);
}

/* 'window' is what it said of the mapping: 0 or -errno. */
static uint32_t unref(struct request *request, int window)
{
    request->resource->leaving = true;
    return parts_ask(request, window, unref_part, unref_part_done, unref_end);
}

static void unref_unmapped(struct request *request, int result)
{
    uint32_t type;

    if (result == -ECANCELED) {
        hand_hold(request);
        return;
    }
    type = unref(request, result);
    if (type != REQUEST_PENDING)
        answer_give(request, type);
}

/* Linux gives the place in the window to the next blob, and the pages to somebody else, as soon as
 * this is answered: so the mapping must be gone before, and the renderers done. */
uint32_t resource_command_unref(struct gpu *gpu, struct request *request)
{
    struct resource *resource;
    uint32_t type = command_resource_find(gpu, request, &resource);
    int result;

    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (resource->state != RESOURCE_MAPPED)
        return unref(request, 0);
    result = resource_unmap(request, unref_unmapped);
    if (result == 0)
        return REQUEST_PENDING;
    return unref(request, result < 0 && result != -ENOENT ? result : 0);
}
