/* SPDX-License-Identifier: MIT */
#ifndef GPU_GPU_H
#define GPU_GPU_H

#include <stdint.h>

#include "base/id_map.h"
#include "device/device.h"
#include "gpu/control.h"
#include "gpu/display.h"
#include "gpu/estate.h"
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

#define GPU_MAX_RENDERERS 4u

/*
 * The virtio-gpu device. Blobs and contexts are named by the driver; both live until it destroys
 * them or the device is reset. Commands are taken in order.
 */
struct gpu {
    struct device device;
    struct gpu_limits limits;
    uint64_t features;                             /* negotiated */
    struct virtio_gpu_config_space config;         /* in the host's byte order */
    struct renderer *renderers[GPU_MAX_RENDERERS]; /* owned */
    unsigned renderer_count;
    struct id_map resources; // resource::node
    struct id_map contexts;  // context::node
    uint64_t bytes;          /* of host memory, what limits.bytes limits */
    uint64_t entries;
    uint64_t attachments;
    unsigned mortal;       /* contexts that die with this process */
    unsigned page_buffers; /* resources with one (resource::pages) */
    unsigned copies;       /* transfers of pictures to renderers that are under way */
    struct display display;
    struct sink *front_end; /* the display socket's, among the display's; NULL: there is none */
    bool draw_pointer;      /* into what the front-end's window is given */
    struct request_list timeline; /* of fences without a ring of a context */
    struct control control;
    struct control cursor;
    struct estate estate;
};

/* Whether all of these feature bits (as masks) were negotiated. */
static inline bool gpu_has(const struct gpu *gpu, uint64_t features)
{
    return (gpu->features & features) == features;
}

/* The renderer that has this capset; for 0, which is what a driver without CONTEXT_INIT says, the
 * one that draws with GL, else the first. */
struct renderer *gpu_renderer(const struct gpu *gpu, uint32_t capset);
/* The capset with that id, or NULL. */
const struct renderer_capset *gpu_capset(const struct gpu *gpu, uint32_t id);
/* Bytes of host memory that blobs may use. */
uint64_t gpu_max_bytes(const struct gpu *gpu);
/* Whether the guest may have 'size' bytes of host memory more. */
bool gpu_has_bytes(const struct gpu *gpu, uint64_t size);
/* The config space as the guest reads it. */
struct virtio_gpu_config_space gpu_config_bytes(const struct gpu *gpu);
/* Tells the guest that the config space is another one. */
void gpu_tell_config(struct gpu *gpu);
/* Brings host->census up to date with what the device holds. */
void gpu_count(struct gpu *gpu);

#endif
