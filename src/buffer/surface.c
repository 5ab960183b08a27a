/* SPDX-License-Identifier: MIT */
#include "buffer/surface.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/fourcc.h"
#include "base/units.h"

/* What a pixel takes in each plane; planes after the first have one value for 'across' by 'down'
 * pixels. */
struct format {
    uint32_t fourcc;
    uint8_t planes;
    uint8_t bytes[3];
    uint8_t across, down;
};

static const struct format formats[] = {
    {FOURCC_R8, 1, {1}, 1, 1},
    {FOURCC_R16, 1, {2}, 1, 1},
    {FOURCC_GR88, 1, {2}, 1, 1},
    {FOURCC_RGB565, 1, {2}, 1, 1},
    {FOURCC_BGR888, 1, {3}, 1, 1},
    {FOURCC_RGB888, 1, {3}, 1, 1},
    {FOURCC_XRGB8888, 1, {4}, 1, 1},
    {FOURCC_ARGB8888, 1, {4}, 1, 1},
    {FOURCC_XBGR8888, 1, {4}, 1, 1},
    {FOURCC_ABGR8888, 1, {4}, 1, 1},
    {FOURCC_RGBX8888, 1, {4}, 1, 1},
    {FOURCC_RGBA8888, 1, {4}, 1, 1},
    {FOURCC_BGRX8888, 1, {4}, 1, 1},
    {FOURCC_BGRA8888, 1, {4}, 1, 1},
    {FOURCC_XRGB2101010, 1, {4}, 1, 1},
    {FOURCC_ARGB2101010, 1, {4}, 1, 1},
    {FOURCC_XBGR2101010, 1, {4}, 1, 1},
    {FOURCC_ABGR2101010, 1, {4}, 1, 1},
    {FOURCC_ABGR16161616F, 1, {8}, 1, 1},
    {FOURCC_YUYV, 1, {2}, 1, 1},
    {FOURCC_NV12, 2, {1, 2}, 2, 2},
    {FOURCC_NV21, 2, {1, 2}, 2, 2},
    {FOURCC_P010, 2, {2, 4}, 2, 2},
    {FOURCC_YUV420, 3, {1, 1, 1}, 2, 2},
    {FOURCC_YVU420, 3, {1, 1, 1}, 2, 2},
};

static const struct format *format_find(uint32_t fourcc)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (formats[i].fourcc == fourcc)
            return &formats[i];
    return NULL;
}

unsigned surface_planes(uint32_t fourcc)
{
    const struct format *format = format_find(fourcc);

    return format == NULL ? 0 : format->planes;
}

static uint32_t row_bytes(const struct format *format, unsigned plane, uint32_t width)
{
    uint32_t across = plane == 0 ? 1 : format->across;

    return (width + across - 1) / across * format->bytes[plane];
}

static uint32_t plane_rows(const struct format *format, unsigned plane, uint32_t height)
{
    uint32_t down = plane == 0 ? 1 : format->down;

    return (height + down - 1) / down;
}

int surface_layout_linear(const struct surface *surface, struct surface_layout *layout)
{
    const struct format *format = format_find(surface->fourcc);
    uint64_t size = 0, stride;

    *layout = (struct surface_layout){0};
    if (format == NULL || surface->width == 0 || surface->height == 0)
        return -EINVAL;
    if (surface->width > SURFACE_MOST || surface->height > SURFACE_MOST)
        return -EFBIG;
    for (unsigned i = 0; i < format->planes; i++) {
        units_round_up(row_bytes(format, i, surface->width), SURFACE_ROW, &stride);
        if (size > UINT32_MAX)
            return -EFBIG; /* the next plane could not be told where it begins */
        layout->strides[i] = (uint32_t)stride;
        layout->offsets[i] = (uint32_t)size;
        size += stride * plane_rows(format, i, surface->height);
    }
    layout->planes = format->planes;
    layout->modifier = FOURCC_MODIFIER_LINEAR;
    return units_round_up(size, units_page_size(), &layout->size) ? 0 : -EFBIG;
}

bool surface_layout_holds(const struct surface *surface, const struct surface_layout *layout)
{
    const struct format *format = format_find(surface->fourcc);

    if (format == NULL || layout->planes != format->planes)
        return false;
    for (unsigned i = 0; i < format->planes; i++) {
        uint32_t row = row_bytes(format, i, surface->width);
        uint64_t end = layout->offsets[i] +
                       (uint64_t)layout->strides[i] * (plane_rows(format, i, surface->height) - 1) +
                       row;

        if (layout->strides[i] < row || end > layout->size)
            return false;
    }
    return true;
}

bool surface_layout_equal(const struct surface_layout *a, const struct surface_layout *b)
{
    return a->planes == b->planes && memcmp(a->strides, b->strides, sizeof(a->strides)) == 0 &&
           memcmp(a->offsets, b->offsets, sizeof(a->offsets)) == 0 && a->modifier == b->modifier &&
           a->size == b->size;
}

void surface_format_name(uint32_t fourcc, char text[static 5])
{
    for (unsigned i = 0; i < 4; i++) {
        uint8_t c = (uint8_t)(fourcc >> (8 * i));

        text[i] = c > ' ' && c <= '~' ? (char)c : c == ' ' ? ' ' : '?';
    }
    text[4] = '\0';
}
