/* SPDX-License-Identifier: MIT */
#ifndef GPU_DISPLAY_PERSON_H
#define GPU_DISPLAY_PERSON_H

#include <stdbool.h>

#include "device/device.h"

struct display;

/*
 * A person's command, as device_impl.command has it:
 *
 *     outputs                          what there is and what it shows: a JSON array
 *     output N WIDTHxHEIGHT[@HZ]       plugs in another monitor
 *     output N off                     pulls it out
 *     screenshot N [pointer]           a PNG to the descriptor that comes along
 *
 * Returns false, and leaves 'fd' to the caller, when it is none of these; else it owns 'fd'.
 */
bool display_person(struct display *display, const char *line, int fd, device_answer *answer,
                    void *data);

#endif
