/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_GBM_LIBRARY_H
#define BUFFER_GBM_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

/* What of libgbm's interface is used, written down here so that no build needs its headers: the ABI
 * of libgbm.so.1 has not changed since its first release with these functions (Mesa 17.1). */
struct gbm_device;
struct gbm_bo;

#define GBM_USE_SCANOUT 1u
#define GBM_USE_RENDERING 4u
#define GBM_USE_LINEAR 16u

/* As big as its largest member, which is why the others are written down. */
union gbm_library_handle {
    void *ptr;
    uint32_t u32;
    uint64_t u64;
};

struct gbm_library {
    struct gbm_device *(*create_device)(int fd);
    void (*device_destroy)(struct gbm_device *device);
    const char *(*device_get_backend_name)(struct gbm_device *device);
    struct gbm_bo *(*bo_create)(struct gbm_device *device, uint32_t width, uint32_t height,
                                uint32_t format, uint32_t flags);
    void (*bo_destroy)(struct gbm_bo *bo);
    int (*bo_get_fd)(struct gbm_bo *bo);
    union gbm_library_handle (*bo_get_handle)(struct gbm_bo *bo);
    int (*bo_get_plane_count)(struct gbm_bo *bo);
    uint32_t (*bo_get_stride_for_plane)(struct gbm_bo *bo, int plane);
    uint32_t (*bo_get_offset)(struct gbm_bo *bo, int plane);
    uint64_t (*bo_get_modifier)(struct gbm_bo *bo);
};

/* The library, loaded at the first call and never unloaded (the drivers it loads start threads).
 * NULL with a reason in 'why'. */
const struct gbm_library *gbm_library_load(char *why, size_t size);

#endif
