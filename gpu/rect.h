/* SPDX-License-Identifier: MIT */
#ifndef GPU_RECT_H
#define GPU_RECT_H

#include <stdbool.h>
#include <stdint.h>

/* Pixels of something. Whoever wrote the numbers, no function of these overflows. */
struct rect {
    uint32_t x, y, width, height;
};

/* Whether it has no pixel. */
bool rect_is_empty(const struct rect *rect);
/* Whether it lies in 'width' x 'height' pixels; an empty one may lie at the edge. */
bool rect_is_inside(const struct rect *rect, uint32_t width, uint32_t height);
/* What two rectangles have in common: 0 x 0 when that is nothing. */
struct rect rect_common(const struct rect *a, const struct rect *b);
/* The smallest rectangle that holds both; an empty one counts for nothing. */
struct rect rect_around(const struct rect *a, const struct rect *b);

#endif
