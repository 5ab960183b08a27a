/* SPDX-License-Identifier: MIT */
#ifndef GPU_EDID_H
#define GPU_EDID_H

#include <stddef.h>
#include <stdint.h>

#define EDID_BLOCK 128u
#define EDID_MAX_SIZE (2 * EDID_BLOCK)
/* Linux's driver for virtio-gpu has no modes above this. */
#define EDID_MAX_SIDE 8192u
#define EDID_MIN_SIDE 64u
#define EDID_MIN_HZ 10u
#define EDID_MAX_HZ 240u
#define EDID_MAX_NAME 13u

/* What a monitor says of itself. */
struct edid_monitor {
    uint32_t width, height; /* of the preferred mode, EDID_MIN_SIDE to EDID_MAX_SIDE */
    uint32_t hz;            /* EDID_MIN_HZ to EDID_MAX_HZ */
    uint32_t serial;        /* tells monitors apart */
    const char *name;       /* 1 to EDID_MAX_NAME printable characters */
};

/*
 * Writes an EDID 1.4 (VESA E-EDID) of a digital monitor with the preferred mode, 96 dots per inch,
 * the usual smaller and larger modes at 60 Hz, and the name. A mode of more than 4095 pixels or
 * 655.35 MHz does not fit the base block: it is in a DisplayID extension then, and the base block
 * has the next best. Returns the bytes written, EDID_BLOCK or EDID_MAX_SIZE; 0 when a number is
 * outside its limits or the name cannot be written.
 */
size_t edid_write(uint8_t edid[static EDID_MAX_SIZE], const struct edid_monitor *monitor);
/* Millimetres of 'pixels' at 96 dots per inch; 0, which means unknown, for a monitor so small that
 * nobody would believe it. */
uint32_t edid_millimetres(const struct edid_monitor *monitor, uint32_t pixels);

#endif
