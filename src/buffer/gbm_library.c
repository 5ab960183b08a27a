/* SPDX-License-Identifier: MIT */
#include "buffer/gbm_library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>

#define LIBRARY "libgbm.so.1"

static struct gbm_library library;

/* Where each function goes. POSIX has dlsym's result fit a function pointer. */
static const struct symbol {
    const char *name;
    size_t offset;
} symbols[] = {
    {"gbm_create_device", offsetof(struct gbm_library, create_device)},
    {"gbm_device_destroy", offsetof(struct gbm_library, device_destroy)},
    {"gbm_device_get_backend_name", offsetof(struct gbm_library, device_get_backend_name)},
    {"gbm_bo_create", offsetof(struct gbm_library, bo_create)},
    {"gbm_bo_destroy", offsetof(struct gbm_library, bo_destroy)},
    {"gbm_bo_get_fd", offsetof(struct gbm_library, bo_get_fd)},
    {"gbm_bo_get_handle", offsetof(struct gbm_library, bo_get_handle)},
    {"gbm_bo_get_plane_count", offsetof(struct gbm_library, bo_get_plane_count)},
    {"gbm_bo_get_stride_for_plane", offsetof(struct gbm_library, bo_get_stride_for_plane)},
    {"gbm_bo_get_offset", offsetof(struct gbm_library, bo_get_offset)},
    {"gbm_bo_get_modifier", offsetof(struct gbm_library, bo_get_modifier)},
};

const struct gbm_library *gbm_library_load(char *why, size_t size)
{
    static bool loaded;
    void *handle;

    if (loaded)
        return &library;
    handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        snprintf(why, size, "%s", dlerror());
        return NULL;
    }
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *function = dlsym(handle, symbols[i].name);

        if (function == NULL) {
            snprintf(why, size, LIBRARY " has no %s", symbols[i].name);
            return NULL;
        }
        *(void **)(void *)((char *)&library + symbols[i].offset) = function;
    }
    loaded = true;
    return &library;
}
