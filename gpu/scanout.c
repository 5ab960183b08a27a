/* SPDX-License-Identifier: MIT */
#include "gpu/scanout.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "gpu/display.h"
#include "gpu/gpu.h"
#include "gpu/pins_reader.h"
#include "gpu/resource.h"
#include "gpu/staging.h"

#define BIT(output) (1u << (output))

/* Whether the staging of one scanout serves the other. */
static bool same_shape(const struct scanout *a, const struct scanout *b)
{
    return a->rect.width == b->rect.width && a->rect.height == b->rect.height &&
           a->format == b->format;
}

static bool has_staging(enum scanout_source source)
{
    return source == SCANOUT_PAGES || source == SCANOUT_RENDERER;
}

/* Takes over from the scanout before it the staging, with whatever is copied to it, if that serves.
 */
static void inherit(struct scanout *scanout, const struct scanout *before)
{
    if (!has_staging(scanout->source) || !same_shape(scanout, before)) {
        staging_release(before->staging);
        return;
    }
    scanout->staging = before->staging;
    scanout->filled = before->filled;
    scanout->fetch = before->fetch;
    scanout->again = before->again;
}

static struct buffer *buffer_of(const struct scanout *scanout)
{
    const struct resource *resource = scanout->resource;

    return resource->buffer != NULL ? resource->buffer : resource->pages;
}

void scanout_show(struct display *display, unsigned output, const struct scanout *shown)
{
    struct scanout *scanout = &display->scanouts[output];
    const struct scanout before = *scanout;

    if (before.resource != NULL)
        before.resource->scanouts &= (uint16_t)~BIT(output);
    *scanout = *shown;
    scanout->resource->scanouts |= (uint16_t)BIT(output);
    scanout->serial = ++display->serial;
    scanout->untold = true;
    scanout->stale = true;
    inherit(scanout, &before);
    estate_scanout(display, output);
    audience_tell_scanout(&display->audience, output, scanout->rect.width, scanout->rect.height);
}

void scanout_hide(struct display *display, unsigned output)
{
    struct scanout *scanout = &display->scanouts[output];

    if (scanout->resource == NULL)
        return;
    scanout->resource->scanouts &= (uint16_t)~BIT(output);
    staging_release(scanout->staging);
    *scanout = (struct scanout){0};
    estate_scanout(display, output);
    audience_tell_scanout(&display->audience, output, 0, 0);
}

void scanout_forget(struct gpu *gpu, struct resource *resource)
{
    for (unsigned i = 0; resource->scanouts != 0; i++)
        if ((resource->scanouts & BIT(i)) != 0)
            scanout_hide(&gpu->display, i);
}

void scanout_forget_pages(struct gpu *gpu, struct resource *resource)
{
    const struct scanout *scanout = gpu->display.scanouts;

    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++, scanout++)
        if (scanout->resource == resource &&
            (scanout->source == SCANOUT_PAGES ||
             (scanout->source == SCANOUT_BUFFER && buffer_of(scanout) == resource->pages)))
            scanout_hide(&gpu->display, i);
}

/* Where the picture's first pixel lies in a blob. */
static uint64_t first_byte(const struct scanout *scanout)
{
    return scanout->offset + (uint64_t)scanout->stride * scanout->rect.y +
           (uint64_t)scanout->rect.x * PICTURE_BYTES_PER_PIXEL;
}

/* The bytes from the picture's first pixel to its last. */
static uint64_t byte_count(const struct scanout *scanout)
{
    return (uint64_t)scanout->stride * (scanout->rect.height - 1) +
           (uint64_t)scanout->rect.width * PICTURE_BYTES_PER_PIXEL;
}

/* The guest's pages, where they lie next to each other and need no copy. */
static const uint8_t *pages_in_place(const struct scanout *scanout)
{
    struct pins_reader reader;

    pins_reader_init(&reader, scanout->resource->pins);
    return pins_reader_at(&reader, first_byte(scanout), byte_count(scanout));
}

/* Copies from the guest's pages. Those that lie in place stay there. */
static int copy_pages(struct display *display, struct scanout *scanout, const struct rect *damage)
{
    const struct rect whole = {0, 0, scanout->rect.width, scanout->rect.height};
    int result;

    if (pages_in_place(scanout) != NULL)
        return 0;
    if (scanout->staging == NULL)
        scanout->staging = staging_create(display->gpu, scanout->format, whole.width, whole.height);
    if (scanout->staging == NULL)
        return -errno;
    result = picture_copy_lines(scanout->staging->picture, scanout->stale ? &whole : damage,
                                first_byte(scanout), scanout->stride, scanout->resource->pins);
    if (result == 0) {
        scanout->filled = true;
        scanout->stale = false;
    }
    return result;
}

int scanout_refresh(struct display *display, unsigned output, const struct rect *damage)
{
    struct scanout *scanout = &display->scanouts[output];

    switch (scanout->source) {
    case SCANOUT_PAGES:
        return copy_pages(display, scanout, damage);
    case SCANOUT_RENDERER:
        return -EINPROGRESS;
    case SCANOUT_PICTURE:
    case SCANOUT_BUFFER:
        break;
    }
    return 0;
}

static void frame_picture(const struct picture *picture, const struct rect *rect,
                          struct sink_frame *frame)
{
    frame->pixels = picture->data + (size_t)rect->y * picture->stride +
                    (size_t)rect->x * PICTURE_BYTES_PER_PIXEL;
    frame->stride = picture->stride;
}

static int frame_staging(const struct scanout *scanout, struct sink_frame *frame)
{
    const struct rect whole = {0, 0, scanout->rect.width, scanout->rect.height};

    if (!scanout->filled)
        return -EINPROGRESS;
    frame_picture(scanout->staging->picture, &whole, frame);
    return 0;
}

static void frame_dmabuf(const struct scanout *scanout, struct sink_frame *frame)
{
    const struct buffer *buffer = buffer_of(scanout);
    uint64_t offset = buffer->fd_offset + scanout->offset;

    if (!buffer->dmabuf || offset > UINT32_MAX)
        return;
    frame->dmabuf = buffer->fd;
    frame->fourcc = picture_format_fourcc(scanout->format);
    frame->dmabuf_stride = scanout->stride;
    frame->dmabuf_offset = (uint32_t)offset;
    frame->dmabuf_width = scanout->width;
    frame->dmabuf_height = scanout->height;
    frame->dmabuf_x = scanout->rect.x;
    frame->dmabuf_y = scanout->rect.y;
}

/* Reading needs what buffer_begin does (caches, the driver's own fences) and nothing of
 * buffer_end's: so whoever reads afterwards need not be waited for. */
static int frame_buffer(const struct scanout *scanout, struct sink_frame *frame)
{
    struct buffer *buffer = buffer_of(scanout);
    const uint8_t *data = buffer_data(buffer);
    int result;

    if (data == NULL)
        return -errno;
    result = buffer_begin(buffer, BUFFER_READ);
    if (result < 0)
        return result;
    buffer_end(buffer, BUFFER_READ);
    frame->pixels = data + first_byte(scanout);
    frame->stride = scanout->stride;
    frame_dmabuf(scanout, frame);
    return 0;
}

static int frame_pages(struct display *display, struct scanout *scanout, struct sink_frame *frame)
{
    const struct rect whole = {0, 0, scanout->rect.width, scanout->rect.height};
    int result = 0;

    frame->pixels = pages_in_place(scanout);
    frame->stride = scanout->stride;
    if (frame->pixels != NULL)
        return 0;
    if (scanout->stale)
        result = copy_pages(display, scanout, &whole);
    return result < 0 ? result : frame_staging(scanout, frame);
}

int scanout_frame(struct display *display, unsigned output, struct sink_frame *frame)
{
    struct scanout *scanout = &display->scanouts[output];

    if (scanout->resource == NULL)
        return -ENOENT;
    *frame = (struct sink_frame){
        .width = scanout->rect.width,
        .height = scanout->rect.height,
        .format = scanout->format,
        .serial = scanout->serial,
        .dmabuf = -1,
    };
    switch (scanout->source) {
    case SCANOUT_PICTURE:
        frame_picture(scanout->resource->picture, &scanout->rect, frame);
        return 0;
    case SCANOUT_BUFFER:
        return frame_buffer(scanout, frame);
    case SCANOUT_PAGES:
        return frame_pages(display, scanout, frame);
    case SCANOUT_RENDERER:
        break;
    }
    return frame_staging(scanout, frame);
}
