/* SPDX-License-Identifier: MIT */
#ifndef GPU_PROBE_VULKAN_H
#define GPU_PROBE_VULKAN_H

#include "gpu/probe.h"

/*
 * Self-test of Vulkan's memory, with the drivers as the render server has them: for each device,
 * can host-visible memory leave the process, and where do its bytes lie then? Reports "devices", of
 * each "name", "driver", "dma_buf" (its memory can be exported as one) and "dma_buf_is" (what that
 * is then) or "dma_buf_why", "host_pointer" (memory of ours can be imported) and "opaque_offset"
 * (where the bytes are in the file of an OPAQUE_FD) or "opaque_why"; and, if it is the same for all
 * devices, that offset by itself; and "layer", the folder of our Vulkan layer. Fails where there is
 * no Vulkan, or no device.
 */
int probe_vulkan(const struct gpu_options *options, struct json_object *report, char *why);

#endif
