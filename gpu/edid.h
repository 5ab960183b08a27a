/* SPDX-License-Identifier: MIT */
#ifndef GPU_EDID_H
#define GPU_EDID_H

#include <stdbool.h>
#include <stdint.h>

#define EDID_SIZE 128u
/* A detailed timing has 12 bits for each. */
#define EDID_MAX_WIDTH 4095u
#define EDID_MAX_HEIGHT 4095u
#define EDID_MIN_SIDE 64u

/* Writes an EDID 1.4 of a digital monitor whose one mode is 'width' x 'height' pixels, at 60 Hz or
 * as near as the format allows, 96 dots per inch; 'serial' tells the outputs apart. Returns false
 * when the size is outside the limits above, or so small that the pixel clock is below 10 MHz (400
 * x 300 is not). */
bool edid_write(uint8_t edid[static EDID_SIZE], uint32_t width, uint32_t height, uint32_t serial);

#endif
