/* SPDX-License-Identifier: MIT */
#ifndef GPU_RESOURCE_COMMAND_H
#define GPU_RESOURCE_COMMAND_H

#include "gpu/request.h"
#include "gpu/resource.h"

struct gpu;

/* Ends the resource, for whoever knows it beside renderers: other devices, and outputs that show
 * it. */
void resource_command_end(struct gpu *gpu, struct resource *resource);

#endif
