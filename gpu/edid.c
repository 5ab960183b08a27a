/* SPDX-License-Identifier: MIT */
#include "gpu/edid.h"

#include <stdbool.h>
#include <string.h>

#include "gpu/display_id.h"
#include "gpu/monitor.h"
#include "gpu/timing.h"

/* What 12 bits hold, and what 16 bits do of 10 kHz. */
#define DETAILED_MAX_SIDE 4095u
#define DETAILED_MAX_CLOCK 65535u
/* What the base block of a larger monitor prefers: Linux's driver takes it for no preference. */
#define FALLBACK_WIDTH 1024u
#define FALLBACK_HEIGHT 768u
#define DISPLAY_ID_TAG 0x70

/* Limits that hold all of the usual modes below. */
#define USUAL_KHZ 80u
#define USUAL_CLOCK 20000u

static bool fits_detailed(const struct timing *timing)
{
    return timing->width <= DETAILED_MAX_SIDE && timing->height <= DETAILED_MAX_SIDE &&
           timing->clock <= DETAILED_MAX_CLOCK;
}

static void write_u16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

/* Makes the sum of the bytes 0. */
static void write_checksum(uint8_t *block, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size - 1; i++)
        sum = (uint8_t)(sum + block[i]);
    block[size - 1] = (uint8_t)(0u - sum);
}

/* E-EDID 1.4, 3.10.2; the monitor's size is that of the preferred mode. */
static void write_detailed_timing(uint8_t *to, const struct timing *timing,
                                  const struct monitor *monitor)
{
    uint32_t w = monitor_millimetres(monitor, monitor->width);
    uint32_t h = monitor_millimetres(monitor, monitor->height);

    write_u16(to, (uint32_t)timing->clock);
    to[2] = (uint8_t)timing->width;
    to[3] = (uint8_t)timing->h_blank;
    to[4] = (uint8_t)((timing->width >> 8) << 4 | timing->h_blank >> 8);
    to[5] = (uint8_t)timing->height;
    to[6] = (uint8_t)timing->v_blank;
    to[7] = (uint8_t)((timing->height >> 8) << 4 | timing->v_blank >> 8);
    to[8] = (uint8_t)timing->h_front;
    to[9] = (uint8_t)timing->h_sync;
    to[10] = (uint8_t)(timing->v_front << 4 | timing->v_sync);
    to[12] = (uint8_t)w;
    to[13] = (uint8_t)h;
    to[14] = (uint8_t)((w >> 8) << 4 | h >> 8);
    to[17] = 0x1a; /* digital, separate sync, horizontal positive */
}

static void write_text(uint8_t *to, uint8_t tag, const char *text)
{
    size_t size = strlen(text);

    to[3] = tag;
    memset(to + 5, ' ', MONITOR_MAX_NAME);
    memcpy(to + 5, text, size);
    if (size < MONITOR_MAX_NAME)
        to[5 + size] = '\n';
}

/* Limits that hold the mode and the usual ones. A mode beyond what can be written has none: they
 * are optional for a monitor that does not follow any frequency. */
static void write_range_limits(uint8_t *to, const struct timing *timing,
                               const struct monitor *monitor)
{
    uint64_t khz = timing_line_khz(timing), tens = (timing->clock + 999u) / 1000u;

    khz = khz > USUAL_KHZ ? khz : USUAL_KHZ;
    tens = tens > USUAL_CLOCK / 1000u ? tens : USUAL_CLOCK / 1000u;
    if (khz > 510 || tens > 255) {
        to[3] = 0x10; /* an empty descriptor */
        return;
    }
    to[3] = 0xfd;
    to[4] = khz > 255 ? 0x08 : 0; /* add 255 to the highest line rate */
    to[5] = MONITOR_MIN_HZ;
    to[6] = (uint8_t)(monitor->hz > 75 ? monitor->hz : 75);
    to[7] = 1;
    to[8] = (uint8_t)(khz > 255 ? khz - 255 : khz);
    to[9] = (uint8_t)tens;
    to[10] = 1; /* nothing but the limits */
    to[11] = '\n';
    memset(to + 12, ' ', 6);
}

static void write_head(uint8_t *edid, const struct monitor *monitor)
{
    static const uint8_t head[] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
    /* sRGB: red, green, blue and white, low bits first. */
    static const uint8_t colours[] = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
    const uint32_t maker = ('H' - '@') << 10 | ('B' - '@') << 5 | ('L' - '@');

    memcpy(edid, head, sizeof(head));
    edid[8] = (uint8_t)(maker >> 8);
    edid[9] = (uint8_t)maker;
    edid[10] = 1; /* product */
    write_u16(edid + 12, monitor->serial);
    write_u16(edid + 14, monitor->serial >> 16);
    edid[16] = 0xff;
    edid[17] = 35; /* model year 2025 */
    edid[18] = 1;
    edid[19] = 4;
    edid[20] = 0xa5; /* digital, 8 bits per colour, DisplayPort */
    edid[21] = (uint8_t)((monitor_millimetres(monitor, monitor->width) + 5) / 10);
    edid[22] = (uint8_t)((monitor_millimetres(monitor, monitor->height) + 5) / 10);
    edid[23] = 120;  /* gamma 2.2 */
    edid[24] = 0x04; /* sRGB */
    memcpy(edid + 25, colours, sizeof(colours));
}

/* The usual modes at 60 Hz: width / 8 - 31, and the aspect ratio in the two upper bits. */
static void write_usual_modes(uint8_t *edid)
{
    enum { RATIO_16_10 = 0, RATIO_5_4 = 0x80, RATIO_16_9 = 0xc0 };
    static const uint8_t modes[][2] = {
        {1920 / 8 - 31, RATIO_16_9},  {1920 / 8 - 31, RATIO_16_10}, {1680 / 8 - 31, RATIO_16_10},
        {1600 / 8 - 31, RATIO_16_9},  {1440 / 8 - 31, RATIO_16_10}, {1280 / 8 - 31, RATIO_5_4},
        {1280 / 8 - 31, RATIO_16_10}, {1280 / 8 - 31, RATIO_16_9},
    };

    _Static_assert(sizeof(modes) == 16, "eight places");
    edid[35] = 0x21; /* 640 x 480, 800 x 600 */
    edid[36] = 0x08; /* 1024 x 768 */
    memcpy(edid + 38, modes, sizeof(modes));
}

/* The timing for the base block: the preferred mode, at a lower rate if it must be. */
static struct timing base_timing(const struct monitor *monitor)
{
    struct timing timing;

    if (monitor->width > DETAILED_MAX_SIDE || monitor->height > DETAILED_MAX_SIDE)
        return timing_of(FALLBACK_WIDTH, FALLBACK_HEIGHT, 60);
    for (uint32_t hz = monitor->hz;; hz--) {
        timing = timing_of(monitor->width, monitor->height, hz);
        if (fits_detailed(&timing))
            return timing;
    }
}

static bool can_be(const struct monitor *monitor)
{
    size_t size = strlen(monitor->name);

    for (size_t i = 0; i < size; i++)
        if (monitor->name[i] < ' ' || monitor->name[i] > '~')
            return false;
    return size >= 1 && size <= MONITOR_MAX_NAME && monitor->name[size - 1] != ' ' &&
           monitor->width >= MONITOR_MIN_SIDE && monitor->width <= MONITOR_MAX_SIDE &&
           monitor->height >= MONITOR_MIN_SIDE && monitor->height <= MONITOR_MAX_SIDE &&
           monitor->hz >= MONITOR_MIN_HZ && monitor->hz <= MONITOR_MAX_HZ;
}

size_t edid_write(uint8_t edid[static EDID_MAX_SIZE], const struct monitor *monitor)
{
    struct timing preferred, base;
    bool extended;

    if (!can_be(monitor))
        return 0;
    preferred = timing_of(monitor->width, monitor->height, monitor->hz);
    base = base_timing(monitor);
    extended = !fits_detailed(&preferred);
    memset(edid, 0, EDID_MAX_SIZE);
    write_head(edid, monitor);
    if (!extended)
        edid[24] |= 0x02; /* the first timing is the native one */
    write_usual_modes(edid);
    write_detailed_timing(edid + 54, &base, monitor);
    write_range_limits(edid + 72, &preferred, monitor);
    write_text(edid + 90, 0xfc, monitor->name);
    edid[108 + 3] = 0x10; /* an empty descriptor */
    edid[126] = extended;
    write_checksum(edid, EDID_BLOCK);
    if (!extended)
        return EDID_BLOCK;
    edid[EDID_BLOCK] = DISPLAY_ID_TAG;
    display_id_write(edid + EDID_BLOCK + 1, monitor, &preferred);
    write_checksum(edid + EDID_BLOCK, EDID_BLOCK);
    return EDID_MAX_SIZE;
}
