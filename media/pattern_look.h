/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PATTERN_LOOK_H
#define MEDIA_PATTERN_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "media/canvas.h"
#include "media/control_set.h"

/* The pattern camera's controls, and what they make of its pictures: a value, so that a frame is
 * drawn in one look whatever is set meanwhile. */

/* Controls of its own, numbered beyond those that drivers of Linux have: by how much each bar's
 * colour is shifted along the row of them (an array); the size of the moving marker (a compound);
 * the frames of this stream so far (volatile). */
#define PATTERN_CID_BARS (V4L2_CID_USER_BASE | 0xf100)
#define PATTERN_CID_MARKER (V4L2_CID_USER_BASE | 0xf101)
/* Of another class: plain controls of a driver's own in the users' class have a second, outdated
 * number at V4L2_CID_PRIVATE_BASE, which v4l2-compliance asks for. */
#define PATTERN_CID_FRAMES (V4L2_CTRL_CLASS_IMAGE_PROC | 0xf102)

#define PATTERN_BARS 8u

enum pattern_card {
    PATTERN_CARD_BARS,
    PATTERN_CARD_CHEQUERS,
    PATTERN_CARD_GREY,
    PATTERN_CARDS,
};

struct pattern_look {
    struct palette palette;
    bool hflip, vflip;
    enum pattern_card card;
    uint8_t bars[PATTERN_BARS]; /* enum canvas_colour, from left to right */
    struct v4l2_area marker;    /* pixels; neither side 0 */
};

/* The rows of the controls. */
const struct control_spec *pattern_look_specs(unsigned *count);
/* The look that the controls make. */
void pattern_look_read(struct pattern_look *look, const struct control_set *controls);
/* Makes a canvas show its colours and flips. 'look' is borrowed by it. */
void pattern_look_apply(const struct pattern_look *look, struct canvas *canvas);
/* Draws what stays the same from frame to frame. */
void pattern_look_draw_card(const struct pattern_look *look, const struct canvas *canvas);
/* Draws the marker at its place in frame number 'sequence'. */
void pattern_look_draw_marker(const struct pattern_look *look, const struct canvas *canvas,
                              uint64_t sequence);

#endif
