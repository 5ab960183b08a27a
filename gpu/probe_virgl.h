/* SPDX-License-Identifier: MIT */
#ifndef GPU_PROBE_VIRGL_H
#define GPU_PROBE_VIRGL_H

#include "gpu/probe.h"

/*
 * Self-test of virgl: sets the library up, makes a context and a texture, writes pixels and reads
 * them, has OpenGL fill the texture and reads that, and waits for a fence. Reports "virglrenderer"
 * (its version), "gl" and "device" (of OpenGL), "capsets".
 */
int probe_virgl(const struct gpu_options *options, struct json_object *report, char *why);
/* The same, with venus beside it in the one library, and a context of that. */
int probe_virgl_and_venus(const struct gpu_options *options, struct json_object *report, char *why);

#endif
