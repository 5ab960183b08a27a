/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/answer.h"
#include "gpu/command.h"
#include "gpu/command_resource.h"
#include "gpu/display.h"
#include "gpu/gpu.h"
#include "gpu/picture.h"
#include "gpu/pins_reader.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"

#define LINE (SINK_CURSOR_SIDE * PICTURE_BYTES_PER_PIXEL)
#define BYTES (SINK_CURSOR_SIDE * LINE)

/* UPDATE_CURSOR and MOVE_CURSOR: struct virtio_gpu_update_cursor, but for the resource. */
struct cursor_request {
    uint32_t output;
    int32_t x, y; /* Linux sends a corner beyond the left or upper edge as a large number */
    uint32_t hot_x, hot_y;
};

static uint32_t read_place(struct gpu *gpu, struct request *request, struct cursor_request *wanted)
{
    wanted->output = reader_u32(&request->args);
    wanted->x = (int32_t)reader_u32(&request->args);
    wanted->y = (int32_t)reader_u32(&request->args);
    reader_skip(&request->args, 4);
    if (wanted->output < gpu->display.count)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID, "there is no output %u",
                          wanted->output);
}

uint32_t cursor_move(struct gpu *gpu, struct request *request)
{
    struct cursor_request wanted;
    uint32_t type = read_place(gpu, request, &wanted);
    struct cursor *cursor;

    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    cursor = &gpu->display.cursors[wanted.output];
    cursor->x = wanted.x;
    cursor->y = wanted.y;
    estate_cursor_place(&gpu->display, wanted.output);
    if (cursor->visible)
        audience_tell_cursor_move(&gpu->display.audience, wanted.output, cursor->x, cursor->y);
    return type;
}

/* ---- the picture ---- */

/*
 * The picture is in 'pixels', in that format. Its alpha counts even where the format has none:
 * Linux has only ARGB8888 for pointers, but names every dumb buffer that it makes XRGB8888.
 */
static void show(struct display *display, const struct cursor_request *wanted,
                 const uint8_t *pixels, uint32_t format)
{
    struct cursor *cursor = &display->cursors[wanted->output];

    cursor->visible = true;
    cursor->picture.hot_x = wanted->hot_x;
    cursor->picture.hot_y = wanted->hot_y;
    picture_convert(cursor->picture.pixels, pixels, BYTES / 4, picture_format_with_alpha(format));
    estate_cursor(display, wanted->output);
    audience_tell_cursor(&display->audience, wanted->output, &cursor->picture, cursor->x,
                         cursor->y);
}

/* A picture that a renderer brings. */
struct cursor_fetch {
    LIST_ENTRY(cursor_fetch) link; // display::cursor_fetches
    struct display *display;
    struct request *request;
    struct cursor_request wanted;
    uint64_t serial;
    uint32_t format;
    uint8_t pixels[BYTES];
};

void cursor_drop_fetches(struct display *display)
{
    struct cursor_fetch *fetch;

    while ((fetch = LIST_FIRST(&display->cursor_fetches)) != NULL) {
        LIST_REMOVE(fetch, link);
        free(fetch);
    }
}

static uint32_t fetched(struct cursor_fetch *fetch, int result)
{
    struct request *request = fetch->request;
    struct display *display = fetch->display;

    LIST_REMOVE(fetch, link);
    if (result == 0 && display->cursors[fetch->wanted.output].serial == fetch->serial)
        show(display, &fetch->wanted, fetch->pixels, fetch->format);
    free(fetch);
    if (result < 0)
        return request_fail(request, result, "the renderer did not bring the pointer");
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static void fetch_done(void *data, int result)
{
    struct request *request = ((struct cursor_fetch *)data)->request;

    answer_give(request, fetched(data, result));
}

static uint32_t show_rendered(struct gpu *gpu, struct request *request,
                              const struct cursor_request *wanted, struct resource *resource)
{
    static const struct renderer_box box = {0, 0, 0, SINK_CURSOR_SIDE, SINK_CURSOR_SIDE, 1};
    struct renderer *renderer = resource_renderer(resource);
    struct cursor_fetch *fetch;
    int result;

    if (renderer == NULL || renderer->impl->read == NULL)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "the renderer cannot read it");
    fetch = calloc(1, sizeof(*fetch));
    if (fetch == NULL)
        return request_fail(request, -ENOMEM, "no pointer");
    *fetch = (struct cursor_fetch){
        .display = &gpu->display,
        .request = request,
        .wanted = *wanted,
        .serial = gpu->display.cursors[wanted->output].serial,
        .format = resource->format,
    };
    LIST_INSERT_HEAD(&gpu->display.cursor_fetches, fetch, link);
    result = renderer->impl->read(renderer, resource, &box, fetch->pixels, LINE, BYTES, fetch_done,
                                  fetch);
    return result == -EINPROGRESS ? REQUEST_PENDING : fetched(fetch, result);
}

/* A blob says nothing of its pixels: they are B, G, R, A. */
static uint32_t show_blob(struct gpu *gpu, struct request *request,
                          const struct cursor_request *wanted, struct resource *resource)
{
    uint8_t pixels[BYTES];
    struct pins_reader reader;
    const uint8_t *data;

    if (resource->buffer != NULL && resource->buffer->size >= BYTES) {
        data = buffer_data(resource->buffer);
        if (data == NULL || buffer_begin(resource->buffer, BUFFER_READ) < 0)
            return request_refuse(request, VIRTIO_GPU_RESP_ERR_UNSPEC, "it cannot be read");
        memcpy(pixels, data, BYTES);
        buffer_end(resource->buffer, BUFFER_READ);
    } else {
        pins_reader_init(&reader, resource->pins);
        if (pins_reader_get(&reader, 0, pixels, BYTES) < 0)
            return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                                  "it has no 64 x 64 pixels that can be read");
    }
    show(&gpu->display, wanted, pixels, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t show_resource(struct gpu *gpu, struct request *request,
                              const struct cursor_request *wanted, struct resource *resource)
{
    if (resource->memory != 0)
        return show_blob(gpu, request, wanted, resource);
    if (resource->width != SINK_CURSOR_SIDE || resource->height != SINK_CURSOR_SIDE)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "a pointer has 64 x 64 pixels, not %u x %u", resource->width,
                              resource->height);
    if (!picture_format_is_known(resource->format))
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "no pointer has format %u", resource->format);
    if (!resource->is_image)
        return show_rendered(gpu, request, wanted, resource);
    if (resource_picture(resource) == NULL)
        return request_fail(request, -errno, "its pixels have no memory");
    show(&gpu->display, wanted, resource->picture->data, resource->format);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t cursor_update(struct gpu *gpu, struct request *request)
{
    struct cursor_request wanted;
    uint32_t type = read_place(gpu, request, &wanted);
    struct resource *resource = NULL;
    struct reader ahead = request->args;
    struct cursor *cursor;

    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    if (reader_u32(&ahead) != 0)
        type = command_resource_find(gpu, request, &resource);
    else
        reader_skip(&request->args, 4);
    if (type != VIRTIO_GPU_RESP_OK_NODATA)
        return type;
    wanted.hot_x = reader_u32(&request->args);
    wanted.hot_y = reader_u32(&request->args);
    cursor = &gpu->display.cursors[wanted.output];
    cursor->x = wanted.x;
    cursor->y = wanted.y;
    cursor->serial++;
    if (resource != NULL)
        return show_resource(gpu, request, &wanted, resource);
    cursor_hide(&gpu->display, wanted.output);
    return type;
}
