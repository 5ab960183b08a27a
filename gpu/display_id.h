/* SPDX-License-Identifier: MIT */
#ifndef GPU_DISPLAY_ID_H
#define GPU_DISPLAY_ID_H

#include <stdint.h>

struct monitor;
struct timing;

/* A section needs no more bytes than this. */
#define DISPLAY_ID_MAX_SIZE 126u

/* Writes a section (VESA DisplayID 1.2) for an extension block of an EDID: what the monitor is, how
 * large, and its preferred mode, whose sides may have 16 bits and its clock 24. 'section' is zeros.
 */
void display_id_write(uint8_t section[static DISPLAY_ID_MAX_SIZE], const struct monitor *monitor,
                      const struct timing *timing);

#endif
