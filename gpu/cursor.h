/* SPDX-License-Identifier: MIT */
#ifndef GPU_CURSOR_H
#define GPU_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/sink.h"

struct display;
struct picture;

/* The pointer over an output, as the guest set it. Its picture is a copy. */
struct cursor {
    bool visible;
    int32_t x, y;    /* of its upper left corner; it may be outside the output */
    uint64_t serial; /* of UPDATE_CURSOR: one that comes later than the next does not count */
    struct sink_cursor picture;
};

/* The pointer is gone. */
void cursor_hide(struct display *display, unsigned output);
/* Draws it over a picture of the output, whose format becomes B8G8R8X8. */
void cursor_draw(const struct cursor *cursor, struct picture *picture);
/* Forgets what a renderer was asked for: it was reset. */
void cursor_drop_fetches(struct display *display);

#endif
