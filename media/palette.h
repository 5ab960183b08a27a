/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PALETTE_H
#define MEDIA_PALETTE_H

#include <stdint.h>

/* Named by what they are; in table order the first eight are the bars of a test card. */
enum canvas_colour {
    CANVAS_WHITE,
    CANVAS_YELLOW,
    CANVAS_CYAN,
    CANVAS_GREEN,
    CANVAS_MAGENTA,
    CANVAS_RED,
    CANVAS_BLUE,
    CANVAS_BLACK,
    CANVAS_GREY,
    CANVAS_COLOURS,
};

struct palette_colour {
    uint8_t r, g, b;
    uint8_t y, u, v; /* BT.709, limited range */
};

/* What the colours of a picture come out as. */
struct palette {
    struct palette_colour colours[CANVAS_COLOURS];
};

/* What a camera's user controls do to them, in the units of V4L2's controls here. */
struct palette_settings {
    int brightness; /* -128 .. 127 */
    int contrast;   /* 0 .. 255; 128 changes nothing */
    int saturation; /* 0 .. 255; 128 changes nothing, 0 leaves grey */
    int hue;        /* -128 .. 127: -180 degrees and just less than 180 */
};

#define PALETTE_SETTINGS_PLAIN                                                                     \
    (struct palette_settings)                                                                      \
    {                                                                                              \
        0, 128, 128, 0                                                                             \
    }

/* The colours under these settings; under the plain ones they are what they are called. */
void palette_init(struct palette *palette, const struct palette_settings *settings);
/* The plain ones; valid for ever. */
const struct palette *palette_plain(void);

#endif
