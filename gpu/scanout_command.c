/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/probe_point.h"
#include "base/trace.h"
#include "gpu/command.h"
#include "gpu/command_resource.h"
#include "gpu/display.h"
#include "gpu/gpu.h"
#include "gpu/guest_buffer.h"
#include "gpu/picture.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"

static uint32_t invalid(struct request *request, const char *reason)
{
    return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, "%s", reason);
}

static struct rect read_rect(struct reader *args)
{
    struct rect rect;

    rect.x = reader_u32(args);
    rect.y = reader_u32(args);
    rect.width = reader_u32(args);
    rect.height = reader_u32(args);
    return rect;
}

/* The output that a command names next, and the resource after it: what SET_SCANOUT and
 * SET_SCANOUT_BLOB have in common. *resource is NULL for the resource 0, which switches it off. */
static uint32_t read_target(struct gpu *gpu, struct request *request, uint32_t *output,
                            struct resource **resource)
{
    struct reader ahead;

    *output = reader_u32(&request->args);
    *resource = NULL;
    if (*output >= gpu->display.count)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID,
                              "there is no output %u", *output);
    ahead = request->args;
    if (reader_u32(&ahead) != 0)
        return command_resource_find(gpu, request, resource);
    reader_skip(&request->args, 4);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t check_frame(struct request *request, const struct scanout *shown)
{
    if (!picture_format_is_known(shown->format))
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "nothing is shown in format %u", shown->format);
    if (rect_is_empty(&shown->rect) || !rect_is_inside(&shown->rect, shown->width, shown->height) ||
        shown->rect.width > PICTURE_MAX_SIDE || shown->rect.height > PICTURE_MAX_SIDE)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "%u x %u pixels at %u, %u are not in %u x %u", shown->rect.width,
                              shown->rect.height, shown->rect.x, shown->rect.y, shown->width,
                              shown->height);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static bool can_read(const struct resource *resource)
{
    const struct renderer *renderer = resource_renderer(resource);

    return renderer != NULL && renderer->impl->read != NULL;
}

/* What shows a 2D or 3D resource. */
static uint32_t choose_image(struct request *request, struct scanout *shown)
{
    uint32_t type;

    shown->source = shown->resource->is_image ? SCANOUT_PICTURE : SCANOUT_RENDERER;
    if (shown->resource->width == 0)
        return invalid(request, "a blob has no size in pixels");
    if (shown->source == SCANOUT_RENDERER && !can_read(shown->resource))
        return invalid(request, "the renderer cannot read it");
    shown->width = shown->resource->width;
    shown->height = shown->resource->height;
    shown->format = shown->resource->format;
    type = check_frame(request, shown);
    if (type == VIRTIO_GPU_RESP_OK_NODATA && shown->source == SCANOUT_PICTURE &&
        resource_picture(shown->resource) == NULL)
        return request_fail(request, -errno, "its pixels have no memory");
    return type;
}

uint32_t scanout_set(struct gpu *gpu, struct request *request)
{
    struct scanout shown = {.rect = read_rect(&request->args)};
    uint32_t output, type;

    type = read_target(gpu, request, &output, &shown.resource);
    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (shown.resource == NULL) {
        scanout_hide(&gpu->display, output);
        return VIRTIO_GPU_RESP_OK_NODATA;
    }
    type = choose_image(request, &shown);
    if (type == VIRTIO_GPU_RESP_OK_NODATA)
        scanout_show(&gpu->display, output, &shown);
    return type;
}

/* More guest pages than these are copied. */
#define MAX_PAGE_BUFFERS 64u

/* Whether the guest's pages are there as a dmabuf. */
static bool has_pages_buffer(struct resource *resource)
{
    struct gpu *gpu = resource->gpu;
    struct buffer *buffer;

    if (resource->pages_tried || gpu->page_buffers >= MAX_PAGE_BUFFERS)
        return resource->pages != NULL;
    resource->pages_tried = true;
    buffer = guest_buffer_create(gpu->device.host->memory, resource->pins);
    if (buffer != NULL)
        resource_set_pages(resource, buffer);
    return buffer != NULL;
}

/* Finds out where the pixels of a blob are. */
static uint32_t choose_source(struct request *request, struct scanout *shown)
{
    struct resource *resource = shown->resource;
    uint64_t end = shown->offset + (uint64_t)shown->stride * (shown->height - 1) +
                   (uint64_t)shown->width * PICTURE_BYTES_PER_PIXEL; /* below 2^65 / 2 */

    if (resource->memory == 0)
        return invalid(request, "the resource is no blob");
    if (shown->stride < (uint64_t)shown->width * PICTURE_BYTES_PER_PIXEL)
        return invalid(request, "the lines lie upon each other");
    if (end > resource->bytes)
        return invalid(request, "the blob is too small for it");
    shown->source = SCANOUT_BUFFER;
    if (resource->buffer != NULL && resource->buffer->size >= end)
        return VIRTIO_GPU_RESP_OK_NODATA;
    if (resource->memory == VIRTIO_GPU_BLOB_MEM_GUEST && resource->pins != NULL) {
        if (!has_pages_buffer(resource))
            shown->source = SCANOUT_PAGES;
        return VIRTIO_GPU_RESP_OK_NODATA;
    }
    shown->source = SCANOUT_RENDERER;
    if (resource->memory != VIRTIO_GPU_BLOB_MEM_GUEST && can_read(resource) && shown->offset == 0)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return invalid(request, "its memory cannot be read");
}

uint32_t scanout_set_blob(struct gpu *gpu, struct request *request)
{
    struct scanout shown = {.rect = read_rect(&request->args)};
    uint32_t output, type;

    type = read_target(gpu, request, &output, &shown.resource);
    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (shown.resource == NULL) {
        scanout_hide(&gpu->display, output);
        return VIRTIO_GPU_RESP_OK_NODATA;
    }
    shown.width = reader_u32(&request->args);
    shown.height = reader_u32(&request->args);
    shown.format = reader_u32(&request->args);
    reader_skip(&request->args, 4);
    shown.stride = reader_u32(&request->args);
    reader_skip(&request->args, 3 * 4); /* of planes that these formats do not have */
    shown.offset = reader_u32(&request->args);
    type = check_frame(request, &shown);
    if (type == VIRTIO_GPU_RESP_OK_NODATA)
        type = choose_source(request, &shown);
    if (type == VIRTIO_GPU_RESP_OK_NODATA)
        scanout_show(&gpu->display, output, &shown);
    return type;
}

int scanout_restore(struct gpu *gpu, unsigned output, struct scanout *shown, bool is_blob)
{
    struct request nobody = {.gpu = gpu}; /* whose refusal is read by nobody */
    uint32_t type = is_blob ? check_frame(&nobody, shown) : choose_image(&nobody, shown);

    if (type == VIRTIO_GPU_RESP_OK_NODATA && is_blob)
        type = choose_source(&nobody, shown);
    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type == VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
    scanout_show(&gpu->display, output, shown);
    return 0;
}

/* Only the pixels of a blob are told by who shows them. */
static void note_flush(const struct resource *resource, const struct rect *rect)
{
    HOSTBLOB_PROBE3(gpu_flush, resource->node.id, rect->width, rect->height);
    if (TRACE_ON())
        trace_put(&(struct trace_event){
            .phase = TRACE_INSTANT,
            .category = "frame",
            .name = "flush",
            .args = {{"resource", resource->node.id},
                     {"width", rect->width},
                     {"height", rect->height},
                     {"scanouts", resource->scanouts}},
        });
}

uint32_t scanout_flush(struct gpu *gpu, struct request *request)
{
    struct rect rect = read_rect(&request->args);
    struct resource *resource;
    uint32_t type = command_resource_find(gpu, request, &resource);

    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (resource->width != 0 && !rect_is_inside(&rect, resource->width, resource->height))
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "%u x %u pixels at %u, %u are not in %u x %u", rect.width,
                              rect.height, rect.x, rect.y, resource->width, resource->height);
    note_flush(resource, &rect);
    request->parts = 1;
    request->error = 0;
    if (resource->scanouts != 0)
        stats_add(&gpu->device.host->stats->frames, 1);
    for (unsigned i = 0; resource->scanouts >> i != 0; i++)
        if ((resource->scanouts >> i & 1) != 0)
            scanout_update(&gpu->display, i, &rect, request);
    if (--request->parts > 0)
        return REQUEST_PENDING;
    return audience_flush_result(request);
}
