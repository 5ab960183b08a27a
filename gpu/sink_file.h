/* SPDX-License-Identifier: MIT */
#ifndef GPU_SINK_FILE_H
#define GPU_SINK_FILE_H

#include "gpu/sink.h"

/* Files of one output that stay: the newest. */
#define SINK_FILE_KEEP 100u

/*
 * A folder that is given a PNG for what each output shows, output-0-00000001.png and so on, without
 * the pointer. They are written by a thread, one of an output at a time: what changes meanwhile is
 * in the next one, so a fast guest skips files and the last picture is always there. A file appears
 * under its name when it is complete. The folder is made if it is missing; numbers go on after
 * those that are there.
 *
 * For display_add_sink. 'display' is borrowed: its thread writes. NULL with errno set, logged.
 */
struct sink *sink_file_create(struct display *display, const char *folder);

#endif
