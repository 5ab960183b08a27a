/* SPDX-License-Identifier: MIT */
#ifndef GPU_TIMING_H
#define GPU_TIMING_H

#include <stdint.h>

/* How a mode is sent to a monitor: pixels of a line, lines of a frame, and how many in a second. */
struct timing {
    uint32_t width, height;
    uint32_t h_front, h_sync, h_blank; /* pixels; the blanking holds the other two */
    uint32_t v_front, v_sync, v_blank; /* lines */
    uint64_t clock;                    /* pixels and blanking per second, in units of 10 kHz */
};

/* The lowest clock: readers of an EDID take a lower one for something else. */
#define TIMING_MIN_CLOCK 1000u

/*
 * The timing of 'width' x 'height' pixels at 'hz' (1 to 255) by the rules of VESA CVT 1.2 for
 * reduced blanking. A mode so small or slow that the clock would be below TIMING_MIN_CLOCK has
 * longer blanking instead.
 */
struct timing timing_of(uint32_t width, uint32_t height, uint32_t hz);
/* Lines per second, in kHz, rounded up. */
uint64_t timing_line_khz(const struct timing *timing);

#endif
