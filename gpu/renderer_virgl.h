/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDERER_VIRGL_H
#define GPU_RENDERER_VIRGL_H

#include "gpu/renderer.h"
#include "gpu/virgl_library.h"

/*
 * OpenGL (capsets 1 and 2) and Vulkan (capset 4) for guests, by libvirglrenderer, which runs on a
 * thread of its own. One per process. Sets the library up: this blocks, for 0.1 to 0.3 s and up to
 * 20 s. What it uses was tried before (gpu/choose.h); it may abort the process otherwise. 'loop' is
 * borrowed for its life, the plan is copied but for its strings. NULL with errno set, after a line
 * in the log.
 *
 * The render server of venus and the watchdog are its own. A context whose process died is lost:
 * what it is sent is refused with -ENODEV, and its fences are retired.
 *
 * Its destroy waits up to 2 s for the library; one that is stuck by then is left to itself.
 */
struct renderer *renderer_virgl_create(sd_event *loop, const struct virgl_library_plan *plan);

#endif
