/* SPDX-License-Identifier: MIT */
#ifndef GPU_BLEND_H
#define GPU_BLEND_H

#include <stddef.h>
#include <stdint.h>

#include "gpu/rect.h"
#include "gpu/sink.h"

/*
 * The pointer over a picture: the one place where that is worked out, for screenshots and for
 * pictures that have the pointer in them. It moves nothing but bytes, and overflows nowhere.
 */

/* The part of an output, of any size, that a pointer covers whose upper left corner is at x, y:
 * what is left of the output or above it is left out. 0 x 0 when that is all of it. */
struct rect blend_pointer_place(int32_t x, int32_t y);
/*
 * Draws the pointer, at x, y of the output, over 'to': lines of 'stride' bytes, of pixels B, G, R
 * and one byte that is left alone, which are 'part' of the output. What of the pointer is elsewhere
 * is left out. Its colours are multiplied by alpha already; rounds to the nearest, as displays do.
 */
void blend_pointer(uint8_t *to, size_t stride, const struct rect *part,
                   const uint8_t pointer[static SINK_CURSOR_SIDE * SINK_CURSOR_SIDE * 4], int32_t x,
                   int32_t y);

#endif
