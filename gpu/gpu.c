/* SPDX-License-Identifier: MIT */
#include "gpu/gpu.h"

#define MAX_BYTES_WITHOUT_WINDOW (1ull << 30)

uint64_t gpu_max_bytes(const struct gpu *gpu)
{
    uint64_t window = gpu->device.host->port->size;

    if (gpu->limits.bytes != 0)
        return gpu->limits.bytes;
    if (window == 0)
        return MAX_BYTES_WITHOUT_WINDOW;
    return window > UINT64_MAX / 4 ? UINT64_MAX : window * 4;
}

void gpu_count(struct gpu *gpu)
{
    struct device_census *census = gpu->device.host->census;

    census->resources = gpu->resources.count;
    census->contexts = gpu->contexts.count;
    census->bytes = gpu->bytes;
}
