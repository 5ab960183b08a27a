/* SPDX-License-Identifier: MIT */
#include "gpu/display_id.h"

#include <stddef.h>

#include "gpu/monitor.h"
#include "gpu/timing.h"

#define VERSION_1_2 0x12
#define HEAD 4u
#define BLOCK_HEAD 3u

enum { TAG_PRODUCT = 0x00, TAG_PARAMETERS = 0x01, TAG_TYPE_1_TIMING = 0x03, TAG_INTERFACE = 0x0f };

static void write_u16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

/* Begins the section's next block; returns where its 'size' bytes go. */
static uint8_t *add_block(uint8_t *section, uint8_t tag, uint8_t size)
{
    uint8_t *block = section + HEAD + section[1];

    block[0] = tag;
    block[2] = size;
    section[1] = (uint8_t)(section[1] + BLOCK_HEAD + size);
    return block + BLOCK_HEAD;
}

static void write_product(uint8_t *to, const struct monitor *monitor)
{
    /* Three bytes for the maker are 0: the base block names it. */
    to[3] = 1; /* product */
    write_u16(to + 5, monitor->serial);
    write_u16(to + 7, monitor->serial >> 16);
    to[9] = 0xff;
    to[10] = 25; /* model year 2025 */
}

static void write_parameters(uint8_t *to, const struct monitor *monitor)
{
    uint32_t w = monitor->width, h = monitor->height;
    uint32_t ratio = (w > h ? w * 100u / h : h * 100u / w) - 100u;

    write_u16(to, monitor_millimetres(monitor, w) * 10u);
    write_u16(to + 2, monitor_millimetres(monitor, h) * 10u);
    write_u16(to + 4, w);
    write_u16(to + 6, h);
    to[9] = 120; /* gamma 2.2 */
    to[10] = (uint8_t)(ratio < 255 ? ratio : 255);
    to[11] = 0x77; /* 8 bits per colour */
}

static void write_interface(uint8_t *to)
{
    to[0] = 0xa1; /* DisplayPort, one link */
    to[1] = 0x12; /* its version */
    to[2] = 0x02; /* RGB with 8 bits per colour */
}

/* Each field is one less than it says. */
static void write_timing(uint8_t *to, const struct timing *timing)
{
    uint32_t clock = (uint32_t)timing->clock - 1;

    write_u16(to, clock);
    to[2] = (uint8_t)(clock >> 16);
    to[3] = 0x88; /* preferred, no aspect ratio */
    write_u16(to + 4, timing->width - 1);
    write_u16(to + 6, timing->h_blank - 1);
    write_u16(to + 8, (timing->h_front - 1) | 0x8000u); /* positive sync */
    write_u16(to + 10, timing->h_sync - 1);
    write_u16(to + 12, timing->height - 1);
    write_u16(to + 14, timing->v_blank - 1);
    write_u16(to + 16, timing->v_front - 1);
    write_u16(to + 18, timing->v_sync - 1);
}

void display_id_write(uint8_t section[static DISPLAY_ID_MAX_SIZE], const struct monitor *monitor,
                      const struct timing *timing)
{
    uint8_t sum = 0;
    size_t used;

    section[0] = VERSION_1_2;
    section[2] = 3; /* a display that stands alone */
    write_product(add_block(section, TAG_PRODUCT, 12), monitor);
    write_parameters(add_block(section, TAG_PARAMETERS, 12), monitor);
    write_timing(add_block(section, TAG_TYPE_1_TIMING, 20), timing);
    write_interface(add_block(section, TAG_INTERFACE, 10));
    used = HEAD + section[1];
    for (size_t i = 0; i < used; i++)
        sum = (uint8_t)(sum + section[i]);
    section[used] = (uint8_t)(0u - sum);
}
