/* SPDX-License-Identifier: MIT */
#include "gpu/staging.h"

#include <errno.h>
#include <stdlib.h>

#include "gpu/gpu.h"

struct staging *staging_create(struct gpu *gpu, uint32_t format, uint32_t width, uint32_t height)
{
    struct staging *staging;

    if (!gpu_has_bytes(gpu, picture_size(format, width, height))) {
        errno = ENOMEM;
        return NULL;
    }
    staging = calloc(1, sizeof(*staging));
    if (staging == NULL)
        return NULL;
    staging->picture = picture_create(format, width, height);
    if (staging->picture == NULL) {
        free(staging);
        return NULL;
    }
    staging->gpu = gpu;
    staging->holds = 1;
    gpu->bytes += staging->picture->size;
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
    staging->gpu->bytes -= staging->picture->size;
    picture_destroy(staging->picture);
    free(staging);
}
