/* SPDX-License-Identifier: MIT */
#include "gpu/gpu.h"

void gpu_count(struct gpu *gpu)
{
    struct device_census *census = gpu->device.host->census;

    census->resources = gpu->resources.count;
    census->contexts = gpu->contexts.count;
    census->mortal = gpu->mortal;
    census->bytes = quota_used(gpu_quota(gpu, GPU_QUOTA_MEMORY));
}

const struct renderer_capset *gpu_capset(const struct gpu *gpu, uint32_t id)
{
    const struct renderer_capset *capset = NULL;

    for (unsigned i = 0; capset == NULL && i < gpu->renderer_count; i++)
        capset = renderer_capset_find(gpu->renderers[i], id);
    return capset;
}

static struct renderer *renderer_with(const struct gpu *gpu, uint32_t capset)
{
    for (unsigned i = 0; i < gpu->renderer_count; i++)
        if (renderer_capset_find(gpu->renderers[i], capset) != NULL)
            return gpu->renderers[i];
    return NULL;
}

struct renderer *gpu_renderer(const struct gpu *gpu, uint32_t capset)
{
    struct renderer *renderer = renderer_with(gpu, capset != 0 ? capset : VIRTIO_GPU_CAPSET_VIRGL);

    return renderer != NULL ? renderer : gpu->renderers[0];
}

struct virtio_gpu_config_space gpu_config_bytes(const struct gpu *gpu)
{
    return (struct virtio_gpu_config_space){
        .events_read = htole32(gpu->config.events_read),
        .num_scanouts = htole32(gpu->config.num_scanouts),
        .num_capsets = htole32(gpu->config.num_capsets),
        .blob_alignment = htole32(gpu->config.blob_alignment),
    };
}

void gpu_tell_config(struct gpu *gpu)
{
    struct virtio_gpu_config_space config = gpu_config_bytes(gpu);

    gpu->device.host->config_changed(gpu->device.host, &config, sizeof(config));
}
