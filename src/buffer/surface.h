/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_SURFACE_H
#define BUFFER_SURFACE_H

#include <stdbool.h>
#include <stdint.h>

#define SURFACE_PLANES 4u
/* Pixels. More than any GPU of today makes; with it no product of two sizes can overflow. */
#define SURFACE_MOST 32768u

/* What the image is for: a driver may place it by that. The values are those of GBM_BO_USE_*. */
#define SURFACE_USE_SCANOUT 1u
#define SURFACE_USE_RENDERING 4u

/* An image that somebody wants. */
struct surface {
    uint32_t width, height; /* pixels */
    uint32_t fourcc;        /* FOURCC_* */
    uint32_t use;           /* SURFACE_USE_* */
};

/* Where its planes lie in a buffer. What is beyond 'planes' is 0. */
struct surface_layout {
    unsigned planes;
    uint32_t strides[SURFACE_PLANES]; /* bytes from one row to the next */
    uint32_t offsets[SURFACE_PLANES]; /* bytes */
    uint64_t modifier;                /* FOURCC_MODIFIER_LINEAR, or what a driver says */
    uint64_t size;                    /* bytes of the buffer, a multiple of the page size */
};

/*
 * The layout of a linear image in plain memory: rows a multiple of SURFACE_ROW apart, planes one
 * behind the other. Returns 0; -EINVAL for a format that is not known or an image without pixels;
 * -EFBIG for more pixels than SURFACE_MOST in a row or column.
 */
#define SURFACE_ROW 256u /* bytes: what GPUs of all makers can read linear images at */
int surface_layout_linear(const struct surface *surface, struct surface_layout *layout);
/* Whether each plane of the image lies in the layout's buffer, as its rows are long. For layouts
 * that a driver gives. */
bool surface_layout_holds(const struct surface *surface, const struct surface_layout *layout);
bool surface_layout_equal(const struct surface_layout *a, const struct surface_layout *b);
/* How many planes a format has; 0: the format is not known. */
unsigned surface_planes(uint32_t fourcc);
/* The format's four letters, for people; what is no letter is shown as '?'. */
void surface_format_name(uint32_t fourcc, char text[static 5]);

#endif
