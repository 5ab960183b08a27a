/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_CANVAS_H
#define MEDIA_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/palette.h"
#include "media/picture.h"

/* Where a canvas was drawn into: a bit for each block of each plane's first CANVAS_TOUCHED_BYTES.
 */
#define CANVAS_TOUCHED_BLOCK 65536u
#define CANVAS_TOUCHED_WORDS 8u
#define CANVAS_TOUCHED_BYTES (CANVAS_TOUCHED_WORDS * 64 * CANVAS_TOUCHED_BLOCK)

struct canvas_touched {
    uint64_t blocks[PICTURE_MAX_PLANES][CANVAS_TOUCHED_WORDS];
};

/* Rectangles of plain colour, and what can be made of them, in any format of media/picture.h. */
struct canvas {
    const struct picture *picture;
    uint8_t *planes[PICTURE_MAX_PLANES]; /* plane_size bytes each */
    const struct palette *palette;       /* borrowed; NULL: the plain one */
    bool hflip, vflip;                   /* left is right, up is down */
    struct canvas_touched *touched;      /* borrowed; takes note of what is drawn, unless NULL */
};

/* Somebody else has drawn [from, from + size) of a plane. Nothing if nobody takes note. */
void canvas_touch(const struct canvas *canvas, unsigned plane, size_t from, size_t size);

/* Fills the rectangle; rounded to even pixels and cut off at the picture's edges. */
void canvas_fill(const struct canvas *canvas, uint32_t x, uint32_t y, uint32_t width,
                 uint32_t height, enum canvas_colour colour);
/* Eight vertical bars of these colours (enum canvas_colour), from left to right, over a chequered
 * strip; NULL: in table order. */
void canvas_test_card(const struct canvas *canvas, const uint8_t *bars);
/* Black and white squares. */
void canvas_chequers(const struct canvas *canvas);
/* The last 'digits' decimal digits of 'number', white on black: each 4 * scale wide and 7 * scale
 * high. */
void canvas_number(const struct canvas *canvas, uint32_t x, uint32_t y, uint32_t scale,
                   unsigned digits, uint64_t number);

#endif
