/* SPDX-License-Identifier: MIT */
#include "gpu/edid.h"

#include <stddef.h>
#include <string.h>

/*
 * VESA E-EDID 1.4, with the timings of VESA CVT 1.2 for reduced blanking: fixed horizontal
 * blanking, and a vertical blanking of at least 460 microseconds.
 */
#define H_BLANK 160u
#define H_FRONT 48u
#define H_SYNC 32u
#define V_FRONT 3u
#define V_SYNC 10u /* CVT gives it by aspect ratio; 10 is the one for any other */
#define V_BACK_MIN 6u
#define V_BLANK_US 460u
#define MAX_CLOCK 65535u /* in 10 kHz */
#define MIN_CLOCK 1000u  /* below, readers take a timing for something else */

struct timing {
    uint32_t v_blank; /* lines */
    uint32_t clock;   /* in 10 kHz */
    uint32_t refresh; /* Hz */
};

static struct timing timing_of(uint32_t width, uint32_t height)
{
    struct timing timing = {.refresh = 60};
    uint64_t least = V_FRONT + V_SYNC + V_BACK_MIN;
    uint64_t clock;

    for (;; timing.refresh--) {
        /* Lines in V_BLANK_US, of frames that last 1 s / refresh. */
        uint64_t visible_us = 1000000u / timing.refresh - V_BLANK_US;
        uint64_t lines = (uint64_t)height * V_BLANK_US / visible_us + 1;

        timing.v_blank = (uint32_t)(lines > least ? lines : least);
        clock = (uint64_t)(width + H_BLANK) * (height + timing.v_blank) * timing.refresh / 10000u;
        timing.clock = (uint32_t)clock;
        if (clock <= MAX_CLOCK)
            return timing;
    }
}

/* Millimetres of 'pixels' at 96 dots per inch. */
static uint32_t millimetres(uint32_t pixels)
{
    return (pixels * 254u + 480u) / 960u;
}

static void write_detailed_timing(uint8_t *to, uint32_t width, uint32_t height)
{
    struct timing timing = timing_of(width, height);
    uint32_t w = millimetres(width), h = millimetres(height);

    to[0] = (uint8_t)timing.clock;
    to[1] = (uint8_t)(timing.clock >> 8);
    to[2] = (uint8_t)width;
    to[3] = (uint8_t)H_BLANK;
    to[4] = (uint8_t)((width >> 8) << 4);
    to[5] = (uint8_t)height;
    to[6] = (uint8_t)timing.v_blank;
    to[7] = (uint8_t)((height >> 8) << 4 | timing.v_blank >> 8);
    to[8] = H_FRONT;
    to[9] = H_SYNC;
    to[10] = (uint8_t)((V_FRONT & 15u) << 4 | (V_SYNC & 15u));
    to[11] = 0;
    to[12] = (uint8_t)w;
    to[13] = (uint8_t)h;
    to[14] = (uint8_t)((w >> 8) << 4 | h >> 8);
    to[17] = 0x1a; /* digital, separate sync, horizontal positive */
}

static void write_text(uint8_t *to, uint8_t tag, const char *text)
{
    size_t size = strlen(text);

    to[3] = tag;
    memset(to + 5, ' ', 13);
    memcpy(to + 5, text, size);
    if (size < 13)
        to[5 + size] = '\n';
}

static void write_range_limits(uint8_t *to, uint32_t width, uint32_t height)
{
    struct timing timing = timing_of(width, height);
    uint32_t khz = timing.clock * 10u / (width + H_BLANK);

    to[3] = 0xfd;
    to[5] = 1; /* vertical, Hz */
    to[6] = 75;
    to[7] = 1; /* horizontal, kHz */
    to[8] = (uint8_t)(khz + 1 < 255 ? khz + 1 : 255);
    to[9] = (uint8_t)((timing.clock + 999u) / 1000u); /* pixel clock, 10 MHz */
    to[10] = 1;                                       /* nothing but the limits */
    to[11] = '\n';
    memset(to + 12, ' ', 6);
}

static void write_head(uint8_t *edid, uint32_t width, uint32_t height, uint32_t serial)
{
    static const uint8_t head[] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
    /* sRGB: red, green, blue and white, low bits first. */
    static const uint8_t colours[] = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
    const uint32_t maker = ('H' - '@') << 10 | ('B' - '@') << 5 | ('L' - '@');

    memcpy(edid, head, sizeof(head));
    edid[8] = (uint8_t)(maker >> 8);
    edid[9] = (uint8_t)maker;
    edid[10] = 1; /* product */
    for (unsigned i = 0; i < 4; i++)
        edid[12 + i] = (uint8_t)(serial >> (8 * i));
    edid[17] = 35; /* model year 2025 */
    edid[16] = 0xff;
    edid[18] = 1;
    edid[19] = 4;
    edid[20] = 0xa5; /* digital, 8 bits per colour, DisplayPort */
    edid[21] = (uint8_t)((millimetres(width) + 5) / 10);
    edid[22] = (uint8_t)((millimetres(height) + 5) / 10);
    edid[23] = 120;  /* gamma 2.2 */
    edid[24] = 0x06; /* sRGB, the first timing is the native one */
    memcpy(edid + 25, colours, sizeof(colours));
    memset(edid + 38, 0x01, 16); /* no standard timings */
}

bool edid_write(uint8_t edid[static EDID_SIZE], uint32_t width, uint32_t height, uint32_t serial)
{
    uint8_t sum = 0;

    if (width < EDID_MIN_SIDE || width > EDID_MAX_WIDTH || height < EDID_MIN_SIDE ||
        height > EDID_MAX_HEIGHT || timing_of(width, height).clock < MIN_CLOCK)
        return false;
    memset(edid, 0, EDID_SIZE);
    write_head(edid, width, height, serial);
    write_detailed_timing(edid + 54, width, height);
    write_range_limits(edid + 72, width, height);
    write_text(edid + 90, 0xfc, "hostblob");
    edid[108 + 3] = 0x10; /* an empty descriptor */
    for (unsigned i = 0; i < EDID_SIZE - 1; i++)
        sum = (uint8_t)(sum + edid[i]);
    edid[EDID_SIZE - 1] = (uint8_t)(0u - sum);
    return true;
}
