/* SPDX-License-Identifier: MIT */
#ifndef GPU_STAGING_H
#define GPU_STAGING_H

#include "gpu/picture.h"

struct gpu;

/*
 * A copy of what an output shows, where the pixels are not in our memory, or are the guest's own.
 * The scanout holds it, and so does each read by a renderer that is under way: the last one frees
 * it. Its bytes count as the guest's host memory.
 */
struct staging {
    struct gpu *gpu;         /* borrowed */
    struct picture *picture; /* owned */
    unsigned holds;
};

/* One hold. NULL with errno set: as picture_create, or ENOMEM when the guest has used up what it
 * may have. */
struct staging *staging_create(struct gpu *gpu, uint32_t format, uint32_t width, uint32_t height);
/* One more. Returns it. */
struct staging *staging_hold(struct staging *staging);
/* One less. Takes NULL. */
void staging_release(struct staging *staging);

#endif
