/* SPDX-License-Identifier: MIT */
#ifndef GPU_PROBE_VENUS_H
#define GPU_PROBE_VENUS_H

#include "gpu/probe.h"

/*
 * Self-test of venus: looks for Vulkan as probe_vulkan does, sets the library up with a render
 * server, makes a context, and has it make a blob that is written and read. Reports what that one
 * does, and "virglrenderer" (its version).
 */
int probe_venus(const struct gpu_options *options, struct json_object *report, char *why);

#endif
