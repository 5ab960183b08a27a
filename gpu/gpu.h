/* SPDX-License-Identifier: MIT */
#ifndef GPU_GPU_H
#define GPU_GPU_H

#include <stdint.h>

#include "base/id_map.h"
#include "device/device.h"
#include "gpu/control.h"
#include "gpu/renderer.h"
#include "protocol/virtio_gpu.h"

/* How much one guest may hold; more is answered with ERR_OUT_OF_MEMORY. */
struct gpu_limits {
    uint32_t resources;
    uint32_t contexts;
    uint64_t bytes;       /* 0: four times the window */
    uint64_t entries;     /* pieces of guest memory in all backings together */
    uint64_t attachments; /* resources attached to contexts, all together */
};

/*
 * The virtio-gpu device. Blobs and contexts are named by the driver; both live until it destroys
 * them or the device is reset. It does one command of a queue at a time, in order.
 */
struct gpu {
    struct device device;
    struct gpu_limits limits;
    uint32_t width, height;
    uint64_t features;                     /* negotiated */
    struct virtio_gpu_config_space config; /* in the host's byte order */
    struct renderer *renderer;             /* owned */
    struct id_map resources;               // resource::node
    struct id_map contexts;                // context::node
    uint64_t bytes;                        /* of host memory, what limits.bytes limits */
    uint64_t entries;
    uint64_t attachments;
    struct control control;
    struct control cursor;
};

/* Whether all of these feature bits (as masks) were negotiated. */
static inline bool gpu_has(const struct gpu *gpu, uint64_t features)
{
    return (gpu->features & features) == features;
}

/* Bytes of host memory that blobs may use. */
uint64_t gpu_max_bytes(const struct gpu *gpu);
/* Brings host->census up to date with what the device holds. */
void gpu_count(struct gpu *gpu);

#endif
