/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_gbm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer/gbm_library.h"

#define STRIDE_STEP 512u

struct fake_gbm fake_gbm;

struct gbm_device {
    int fd; /* borrowed */
};

struct gbm_bo {
    uint32_t width, height, stride;
    int fd; /* owned */
};

/* The names of the interface. */
struct gbm_device *gbm_create_device(int fd);
void gbm_device_destroy(struct gbm_device *device);
const char *gbm_device_get_backend_name(struct gbm_device *device);
struct gbm_bo *gbm_bo_create(struct gbm_device *device, uint32_t width, uint32_t height,
                             uint32_t format, uint32_t flags);
void gbm_bo_destroy(struct gbm_bo *bo);
int gbm_bo_get_fd(struct gbm_bo *bo);
union gbm_library_handle gbm_bo_get_handle(struct gbm_bo *bo);
int gbm_bo_get_plane_count(struct gbm_bo *bo);
uint32_t gbm_bo_get_stride_for_plane(struct gbm_bo *bo, int plane);
uint32_t gbm_bo_get_offset(struct gbm_bo *bo, int plane);
uint64_t gbm_bo_get_modifier(struct gbm_bo *bo);

struct gbm_device *gbm_create_device(int fd)
{
    struct gbm_device *device = fake_gbm.no_device ? NULL : calloc(1, sizeof(*device));

    if (device == NULL)
        return NULL;
    device->fd = fd;
    fake_gbm.devices++;
    return device;
}

void gbm_device_destroy(struct gbm_device *device)
{
    fake_gbm.devices--;
    free(device);
}

const char *gbm_device_get_backend_name(struct gbm_device *device)
{
    return "fake";
}

static void fill(int fd, size_t size)
{
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (data == MAP_FAILED)
        abort();
    memset(data, 0x77, size);
    munmap(data, size);
}

/* Four bytes a pixel, whatever the format. */
struct gbm_bo *gbm_bo_create(struct gbm_device *device, uint32_t width, uint32_t height,
                             uint32_t format, uint32_t flags)
{
    struct gbm_bo *bo;
    uint64_t size;

    fake_gbm.width = width;
    fake_gbm.height = height;
    fake_gbm.flags = flags;
    if (fake_gbm.error != 0 || (flags & fake_gbm.refused) != 0) {
        errno = fake_gbm.error > 0 ? fake_gbm.error : 0;
        return NULL;
    }
    bo = calloc(1, sizeof(*bo));
    if (bo == NULL)
        abort();
    bo->width = width;
    bo->height = height;
    bo->stride = fake_gbm.stride != 0 ? fake_gbm.stride
                                      : (width * 4 + STRIDE_STEP - 1) / STRIDE_STEP * STRIDE_STEP;
    size = (((uint64_t)bo->stride * height + 4095) & ~UINT64_C(4095)) - fake_gbm.missing;
    bo->fd = memfd_create("fake-gbm", MFD_CLOEXEC);
    if (ftruncate(bo->fd, (off_t)size) != 0)
        abort();
    if (fake_gbm.old_bytes)
        fill(bo->fd, size);
    fake_gbm.bos++;
    return bo;
}

void gbm_bo_destroy(struct gbm_bo *bo)
{
    close(bo->fd);
    free(bo);
    fake_gbm.bos--;
}

int gbm_bo_get_fd(struct gbm_bo *bo)
{
    return fake_gbm.no_fd ? -1 : dup(bo->fd);
}

union gbm_library_handle gbm_bo_get_handle(struct gbm_bo *bo)
{
    return (union gbm_library_handle){.u32 = 1};
}

int gbm_bo_get_plane_count(struct gbm_bo *bo)
{
    return fake_gbm.planes != 0 ? fake_gbm.planes : 1;
}

uint32_t gbm_bo_get_stride_for_plane(struct gbm_bo *bo, int plane)
{
    return bo->stride;
}

uint32_t gbm_bo_get_offset(struct gbm_bo *bo, int plane)
{
    return 0;
}

uint64_t gbm_bo_get_modifier(struct gbm_bo *bo)
{
    return fake_gbm.modifier;
}
