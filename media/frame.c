/* SPDX-License-Identifier: MIT */
#include "media/frame.h"

#include <errno.h>

unsigned frame_planes(const struct frame_format *format)
{
    switch (format->family) {
    case FRAME_SEMIPLANAR:
        return 2;
    case FRAME_PLANAR:
        return 3;
    default:
        return 1;
    }
}

static bool is_subsampled(const struct frame_format *format)
{
    return format->family == FRAME_SEMIPLANAR || format->family == FRAME_PLANAR;
}

/* Bytes of a row, and rows, of a plane. */
static uint32_t row_bytes(const struct frame_format *format, uint32_t width, unsigned plane)
{
    uint32_t half = (width + 1) / 2;

    if (format->family == FRAME_PACKED)
        return half * 4;
    if (plane == 0)
        return width * format->step;
    return format->family == FRAME_SEMIPLANAR ? half * 2 : half;
}

static uint32_t rows_of(const struct frame_format *format, uint32_t height, unsigned plane)
{
    return plane > 0 && is_subsampled(format) ? (height + 1) / 2 : height;
}

/* The stride of a plane in a block that has them all, given the first one's. */
static uint32_t stride_of(const struct frame_format *format, uint32_t first, unsigned plane)
{
    return plane > 0 && format->family == FRAME_PLANAR ? (first + 1) / 2 : first;
}

static int locate_plane(struct frame *frame, unsigned plane, const struct frame_block *block,
                        uint32_t stride, uint64_t *offset)
{
    uint32_t bytes = row_bytes(frame->format, frame->width, plane);
    uint32_t rows = rows_of(frame->format, frame->height, plane);

    if (stride == 0)
        stride = bytes;
    if (stride < bytes)
        return -EINVAL;
    /* The last row has no gap behind it. */
    if (block->data == NULL || *offset + (uint64_t)stride * (rows - 1) + bytes > block->size)
        return -EMSGSIZE;
    frame->plane[plane] = block->data + *offset;
    frame->stride[plane] = stride;
    *offset += (uint64_t)stride * rows;
    return 0;
}

int frame_locate(struct frame *frame, const struct frame_format *format, uint32_t width,
                 uint32_t height, const struct frame_block *blocks, unsigned count)
{
    unsigned planes = frame_planes(format);
    uint64_t offset = 0;
    int r = 0;

    *frame = (struct frame){.format = format, .width = width, .height = height};
    if (width == 0 || height == 0 || width > FRAME_MAX_SIDE || height > FRAME_MAX_SIDE ||
        count == 0 || (count > 1 && count < planes))
        return -EINVAL;
    for (unsigned i = 0; i < planes && r == 0; i++) {
        if (count > 1) {
            offset = 0;
            r = locate_plane(frame, i, &blocks[i], blocks[i].stride, &offset);
        } else {
            uint32_t first = blocks->stride > 0 ? blocks->stride : row_bytes(format, width, 0);

            r = locate_plane(frame, i, blocks, stride_of(format, first, i), &offset);
        }
    }
    return r;
}

int frame_crop(struct frame *frame, const struct frame_rectangle *part)
{
    uint32_t x = part->x & ~1u, y = part->y & ~1u;
    const struct frame_format *format = frame->format;

    if (part->width == 0 || part->height == 0 || (uint64_t)part->x + part->width > frame->width ||
        (uint64_t)part->y + part->height > frame->height)
        return -EINVAL;
    for (unsigned i = 0; i < frame_planes(format); i++)
        frame->plane[i] +=
            (size_t)frame->stride[i] * rows_of(format, y, i) + row_bytes(format, x, i);
    frame->width = part->width;
    frame->height = part->height;
    return 0;
}

struct frame_rectangle frame_fit(uint32_t width, uint32_t height, uint32_t to_width,
                                 uint32_t to_height)
{
    struct frame_rectangle fit = {.width = to_width, .height = to_height};

    /* Nearly the same shape fills all: a line of black is no gain. */
    if ((uint64_t)to_width * height > (uint64_t)width * (to_height + 2))
        fit.width = (uint32_t)((uint64_t)to_height * width / height) & ~1u;
    else if ((uint64_t)to_height * width > (uint64_t)height * (to_width + 2))
        fit.height = (uint32_t)((uint64_t)to_width * height / width) & ~1u;
    if (fit.width == 0)
        fit.width = 2;
    if (fit.height == 0)
        fit.height = 2;
    fit.x = (to_width - fit.width) / 2 & ~1u;
    fit.y = (to_height - fit.height) / 2 & ~1u;
    return fit;
}
