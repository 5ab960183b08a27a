/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_WINDOW_PICTURE_H
#define HOSTBLOB_WINDOW_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Where buffers lie in a guest's window, as a picture of characters. */

struct window_piece {
    uint64_t offset, size; /* bytes */
};

/* How full a window is. */
struct window_room {
    uint64_t used, free;    /* bytes */
    unsigned free_ranges;   /* that 'free' is made of */
    uint64_t largest_free;  /* bytes */
    unsigned fragmentation; /* percent of 'free' that is not in the largest range */
};

/* The letter that the piece of that number is drawn with. */
char window_picture_mark(size_t index);
/* 'pieces' are sorted by their offsets. */
struct window_room window_picture_room(uint64_t window, const struct window_piece *pieces,
                                       size_t count);
/* Draws the window of that many bytes to 'to', no wider than 'columns', and says how to read it. */
void window_picture_draw(FILE *to, uint64_t window, const struct window_piece *pieces, size_t count,
                         unsigned columns, bool utf8);

#endif
