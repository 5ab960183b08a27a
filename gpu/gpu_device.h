/* SPDX-License-Identifier: MIT */
#ifndef GPU_GPU_DEVICE_H
#define GPU_GPU_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"
#include "gpu/output.h"
#include "protocol/virtio_gpu.h"

/* What a person chooses. 0 and NULL stand for the default. */
struct gpu_options {
    const char *renderer;    /* what choose_parse reads, but 'auto'; NULL is "memory" */
    const char *render_node; /* of virgl and GBM; NULL: none is needed */
    /* What the guest sees. The default is one output; one without a name is the default as well. */
    struct output outputs[VIRTIO_GPU_MAX_SCANOUTS];
    unsigned output_count;
    bool no_outputs;     /* a Linux guest says 'KMS disabled' then, and has its render node only */
    bool draw_pointer;   /* into what a front-end's window is given */
    const char *display; /* "file:FOLDER"; NULL: nobody looks */
    /* Shuts a render server in, between fork and exec; see render_spawn.h. NULL: it is not. */
    int (*shut_server)(void);
};

/* Makes the device; 'host' is borrowed for its life. The options are copied. NULL with errno set:
 * EINVAL with a log line for options that make no sense, ENOMEM. Destroyed through its device_impl.
 */
struct device *gpu_device_create(struct device_host *host, const struct gpu_options *options);

#endif
