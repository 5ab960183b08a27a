/* SPDX-License-Identifier: MIT */
#ifndef GPU_EDID_H
#define GPU_EDID_H

#include <stddef.h>
#include <stdint.h>

#define EDID_BLOCK 128u
#define EDID_MAX_SIZE (2 * EDID_BLOCK)

struct monitor;

/*
 * Writes an EDID 1.4 (VESA E-EDID) of a digital monitor with the preferred mode, 96 dots per inch,
 * the usual smaller and larger modes at 60 Hz, and the name. A mode of more than 4095 pixels or
 * 655.35 MHz does not fit the base block: it is in a DisplayID extension then, and the base block
 * has the next best. Returns the bytes written, EDID_BLOCK or EDID_MAX_SIZE; 0 when a number is
 * outside its limits or the name cannot be written.
 */
size_t edid_write(uint8_t edid[static EDID_MAX_SIZE], const struct monitor *monitor);
#endif
