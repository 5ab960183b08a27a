/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_IMAGE_H
#define BUFFER_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#define IMAGE_PLANES 4u
/* Pixels. More than any GPU of today makes; with it no product of two sizes can overflow. */
#define IMAGE_MOST 32768u

/* What the image is for: a driver may place it by that. The values are those of GBM_BO_USE_*. */
#define IMAGE_USE_SCANOUT 1u
#define IMAGE_USE_RENDERING 4u

/* An image that somebody wants. */
struct image {
    uint32_t width, height; /* pixels */
    uint32_t fourcc;        /* FOURCC_* */
    uint32_t use;           /* IMAGE_USE_* */
};

/* Where its planes lie in a buffer. What is beyond 'planes' is 0. */
struct image_layout {
    unsigned planes;
    uint32_t strides[IMAGE_PLANES]; /* bytes from one row to the next */
    uint32_t offsets[IMAGE_PLANES]; /* bytes */
    uint64_t modifier;              /* FOURCC_MODIFIER_LINEAR, or what a driver says */
    uint64_t size;                  /* bytes of the buffer, a multiple of the page size */
};

/*
 * The layout of a linear image in plain memory: rows a multiple of IMAGE_ROW apart, planes one
 * behind the other. Returns 0; -EINVAL for a format that is not known or an image without pixels;
 * -EFBIG for more pixels than IMAGE_MOST in a row or column.
 */
#define IMAGE_ROW 256u /* bytes: what GPUs of all makers can read linear images at */
int image_layout_linear(const struct image *image, struct image_layout *layout);
/* Whether each plane of the image lies in the layout's buffer, as its rows are long. For layouts
 * that a driver gives. */
bool image_layout_holds(const struct image *image, const struct image_layout *layout);
/* How many planes a format has; 0: the format is not known. */
unsigned image_planes(uint32_t fourcc);
/* The format's four letters, for people; what is no letter is shown as '?'. */
void image_format_name(uint32_t fourcc, char text[static 5]);

#endif
