/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_FRAME_H
#define MEDIA_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/picture.h"

/*
 * A raw picture as somebody else hands it over, in a layout and a size that the guest did not ask
 * for, and what turns it into the guest's.
 */
enum frame_family {
    FRAME_RGB,        /* 'step' bytes per pixel */
    FRAME_PACKED,     /* 4:2:2, four bytes for two pixels */
    FRAME_SEMIPLANAR, /* 4:2:0, luma and then chroma in pairs */
    FRAME_PLANAR,     /* 4:2:0, luma and then each chroma by itself */
    FRAME_GRAY,
};

struct frame_format {
    const char *name;
    enum frame_family family;
    uint8_t step; /* bytes from pixel to pixel, of the first plane */
    /* Where a component lies: of RGB, red, green and blue in a pixel; of packed, the first luma and
     * the chroma in four bytes; of semiplanar, (0 and) the chroma in a pair; of planar, (0 and) the
     * chroma's planes. */
    uint8_t at[3];
};

#define FRAME_MAX_PLANES 3u
#define FRAME_MAX_SIDE 16384u
#define FRAME_MAX_PICTURE 4096u

/* A piece of memory with one plane of it, or with all. */
struct frame_block {
    const uint8_t *data;
    size_t size;     /* bytes that may be read */
    uint32_t stride; /* bytes from row to row; 0: no gap between rows */
};

/* What the values of a picture that is not RGB mean. */
struct frame_colors {
    bool bt709;      /* else BT.601 */
    bool full_range; /* 0 to 255, else 16 to 235 */
};

struct frame_rectangle {
    uint32_t x, y, width, height; /* pixels */
};

struct frame {
    const struct frame_format *format;
    uint32_t width, height; /* pixels */
    const uint8_t *plane[FRAME_MAX_PLANES];
    uint32_t stride[FRAME_MAX_PLANES];
    struct frame_colors colors;
};

/* How many planes a format has. */
unsigned frame_planes(const struct frame_format *format);
/*
 * Finds the planes of a picture of that size in 'count' blocks: one for each plane, or one for all,
 * one plane behind the other. Every byte of it lies in the blocks afterwards. -EINVAL when there
 * are too few blocks, a side is 0 or larger than FRAME_MAX_SIDE, or a stride is less than a row;
 * -EMSGSIZE when a block is too small.
 */
int frame_locate(struct frame *frame, const struct frame_format *format, uint32_t width,
                 uint32_t height, const struct frame_block *blocks, unsigned count);
/* Leaves a part of it, its corner moved to even pixels. -EINVAL when it is empty or not inside. */
int frame_crop(struct frame *frame, const struct frame_rectangle *part);

/* The largest part of a picture of to_width x to_height, in its middle, that has the shape of
 * width x height: on even pixels. */
struct frame_rectangle frame_fit(uint32_t width, uint32_t height, uint32_t to_width,
                                 uint32_t to_height);
/* Whether a guest's picture can have that format here. */
bool frame_can_draw(const struct pixel_format *format);
/* Draws it into the guest's picture, at most FRAME_MAX_PICTURE pixels wide, whose planes' memory is
 * 'planes': as it is if it has the same layout, size and colours (picture_to_pix says which), else
 * converted, and scaled to fit with black around. Slow: for a thread. */
void frame_draw(const struct frame *frame, const struct picture *picture, uint8_t *const *planes);

#endif
