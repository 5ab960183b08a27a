/* SPDX-License-Identifier: MIT */
#ifndef GPU_GPU_DEVICE_H
#define GPU_GPU_DEVICE_H

#include <stdint.h>

#include "device/device.h"

#define GPU_DEFAULT_WIDTH 1280u
#define GPU_DEFAULT_HEIGHT 800u
#define GPU_DEFAULT_RESOURCES 65536u
#define GPU_DEFAULT_CONTEXTS 1024u

/* What a person chooses. 0 and NULL stand for the default. */
struct gpu_options {
    const char *renderer;    /* what choose_parse reads, but 'auto'; NULL is "memory" */
    const char *render_node; /* for virgl; NULL: it needs no device */
    /*
     * Outputs that the guest sees, 0 to 16. The default is none: a stock Linux driver that is shown
     * an output brings up a console on it with 2D commands, which this device refuses so far, and
     * fills its log with the refusals. With 0 it says 'KMS disabled' and serves its render node.
     */
    unsigned outputs;
    uint32_t width, height; /* of each output, pixels */
    uint32_t max_resources;
    uint32_t max_contexts;
    uint64_t max_bytes; /* of host memory for blobs; the default is four times the window */
};

/* Makes the device; 'host' is borrowed for its life. The options are copied. NULL with errno set:
 * EINVAL with a log line for options that make no sense, ENOMEM. Destroyed through its device_impl.
 */
struct device *gpu_device_create(struct device_host *host, const struct gpu_options *options);

#endif
