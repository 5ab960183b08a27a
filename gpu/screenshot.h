/* SPDX-License-Identifier: MIT */
#ifndef GPU_SCREENSHOT_H
#define GPU_SCREENSHOT_H

#include <stdbool.h>

#include "device/device.h"

struct display;
struct picture;
struct sink_frame;

/* A copy of a frame that has pixels. The caller owns it. NULL with errno set. */
struct picture *screenshot_copy(const struct sink_frame *frame);
/*
 * Writes a PNG of what the output shows to 'fd', a regular file that it owns from now on, even on
 * error; beside the loop. It needs no sink. Without 'pointer' it is the picture alone. 'answer'
 * comes once, as device_impl.command has it, with the size as JSON.
 */
void screenshot_take(struct display *display, unsigned output, bool pointer, int fd,
                     device_answer *answer, void *data);

#endif
