/* SPDX-License-Identifier: MIT */
#ifndef GPU_GPU_LIST_H
#define GPU_GPU_LIST_H

#include <stdbool.h>

#include "device/device.h"

struct gpu;

/* A person's command 'resources' or 'contexts': the list of them, as device_impl.command. It owns
 * 'fd' then. False: it is another command, and nothing was done. */
bool gpu_list(struct gpu *gpu, const char *line, int fd, device_answer *answer, void *data);

#endif
