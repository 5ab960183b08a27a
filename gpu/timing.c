/* SPDX-License-Identifier: MIT */
#include "gpu/timing.h"

/* VESA CVT 1.2, reduced blanking: fixed horizontal blanking, and a vertical one of at least 460
 * microseconds. */
#define H_BLANK 160u
#define H_FRONT 48u
#define H_SYNC 32u
#define V_FRONT 3u
#define V_BACK_MIN 6u
#define V_BLANK_US 460u
#define H_BLANK_MOST 4000u /* the field has 12 bits */

/* Lines of vertical sync tell the monitor the aspect ratio. */
static uint32_t sync_lines(uint32_t width, uint32_t height)
{
    static const struct {
        uint32_t width, height, lines;
    } ratios[] = {{4, 3, 4}, {16, 9, 5}, {16, 10, 6}, {5, 4, 7}, {15, 9, 7}};

    for (unsigned i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++)
        if (width * ratios[i].height == height * ratios[i].width)
            return ratios[i].lines;
    return 10;
}

static void set_clock(struct timing *timing, uint32_t hz)
{
    timing->clock = (uint64_t)(timing->width + timing->h_blank) *
                    (timing->height + timing->v_blank) * hz / 10000u;
}

struct timing timing_of(uint32_t width, uint32_t height, uint32_t hz)
{
    struct timing timing = {width, height, H_FRONT, H_SYNC, H_BLANK, V_FRONT};
    /* Lines in V_BLANK_US, of frames that last 1 s / hz. */
    uint64_t lines = (uint64_t)height * V_BLANK_US / (1000000u / hz - V_BLANK_US) + 1;
    uint64_t least;

    timing.v_sync = sync_lines(width, height);
    least = timing.v_front + timing.v_sync + V_BACK_MIN;
    timing.v_blank = (uint32_t)(lines > least ? lines : least);
    set_clock(&timing, hz);
    while (timing.clock < TIMING_MIN_CLOCK) {
        if (timing.h_blank + H_BLANK <= H_BLANK_MOST)
            timing.h_blank += H_BLANK;
        else
            timing.v_blank *= 2;
        set_clock(&timing, hz);
    }
    return timing;
}

uint64_t timing_line_khz(const struct timing *timing)
{
    uint64_t pixels = timing->width + timing->h_blank;

    return (timing->clock * 10u + pixels - 1) / pixels;
}
