/* SPDX-License-Identifier: MIT */
#include "gpu/staging.h"

#include <errno.h>
#include <stdlib.h>

#include "gpu/gpu.h"

struct staging *staging_create(struct gpu *gpu, uint32_t format, uint32_t width, uint32_t height)
{
    uint64_t size = picture_size(format, width, height);
    struct staging *staging;
    int result = quota_take(gpu_quota(gpu, GPU_QUOTA_MEMORY), size);

    if (result < 0) {
        errno = -result;
        return NULL;
    }
    staging = calloc(1, sizeof(*staging));
    if (staging != NULL)
        staging->picture = picture_create(format, width, height);
    if (staging == NULL || staging->picture == NULL) {
        quota_give(gpu_quota(gpu, GPU_QUOTA_MEMORY), size);
        free(staging);
        return NULL;
    }
    staging->gpu = gpu;
    staging->holds = 1;
    return staging;
}

struct staging *staging_hold(struct staging *staging)
{
    staging->holds++;
    return staging;
}

void staging_release(struct staging *staging)
{
    if (staging == NULL || --staging->holds > 0)
        return;
    quota_give(gpu_quota(staging->gpu, GPU_QUOTA_MEMORY), staging->picture->size);
    picture_destroy(staging->picture);
    free(staging);
}
