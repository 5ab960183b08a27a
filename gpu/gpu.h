/* SPDX-License-Identifier: MIT */
#ifndef GPU_GPU_H
#define GPU_GPU_H

#include <stdint.h>

#include "base/id_map.h"
#include "device/device.h"
#include "gpu/control.h"
#include "gpu/display.h"
#include "gpu/estate.h"
#include "gpu/gpu_quota.h"
#include "gpu/renderer.h"
#include "protocol/virtio_gpu.h"

#define GPU_MAX_RENDERERS 4u

/*
 * The virtio-gpu device. Blobs and contexts are named by the driver; both live until it destroys
 * them or the device is reset. Commands are taken in order.
 */
struct gpu {
    struct device device;
    uint64_t features;                             /* negotiated */
    struct virtio_gpu_config_space config;         /* in the host's byte order */
    struct renderer *renderers[GPU_MAX_RENDERERS]; /* owned */
    unsigned renderer_count;
    struct id_map resources; // resource::node
    struct id_map contexts;  // context::node
    unsigned mortal;         /* contexts that die with this process */
    unsigned page_buffers;   /* resources with one (resource::pages) */
    unsigned copies;         /* transfers of pictures to renderers that are under way */
    struct display display;
    struct sink *front_end; /* the display socket's, among the display's; NULL: there is none */
    bool draw_pointer;      /* into what the front-end's window is given */
    struct request_list timeline; /* of fences without a ring of a context */
    struct control control;
    struct control cursor;
    struct quota cursor_quotas[2]; /* its own: it must not wait for the others */
    struct quota_numbers cursor_numbers[2];
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
/* What one kind of thing is taken from. */
static inline struct quota *gpu_quota(const struct gpu *gpu, enum gpu_quota which)
{
    return &gpu->device.host->quotas[which];
}

/* The config space as the guest reads it. */
struct virtio_gpu_config_space gpu_config_bytes(const struct gpu *gpu);
/* Tells the guest that the config space is another one. */
void gpu_tell_config(struct gpu *gpu);
/* Brings host->census up to date with what the device holds. */
void gpu_count(struct gpu *gpu);

#endif
