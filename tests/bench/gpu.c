/* SPDX-License-Identifier: MIT */
#include "tests/bench/gpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

int gpu_command(struct work *work, const void *command, size_t size, const char *what)
{
    struct virtio_gpu_ctrl_hdr answer = {0};
    int64_t r = rig_command(&work->rig, command, size, &answer, sizeof(answer));

    if (r < 0)
        return rig_trouble(&work->rig, (int)r, "%s: %s", what, strerror((int)-r));
    if (r != GPU_OK)
        return rig_trouble(&work->rig, -EPROTO, "%s is answered 0x%x", what, (unsigned)r);
    return 0;
}

int gpu_create_2d(struct work *work, uint32_t resource, uint32_t width, uint32_t height)
{
    struct virtio_gpu_resource_create_2d command = {
        .hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
        .resource_id = resource,
        .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
        .width = width,
        .height = height,
    };

    return gpu_command(work, &command, sizeof(command), "RESOURCE_CREATE_2D");
}

int gpu_unref(struct work *work, uint32_t resource)
{
    struct virtio_gpu_resource_unref command = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
                                                .resource_id = resource};

    return gpu_command(work, &command, sizeof(command), "RESOURCE_UNREF");
}

int gpu_set_scanout(struct work *work, uint32_t resource, uint32_t width, uint32_t height)
{
    struct virtio_gpu_set_scanout command = {
        .hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT,
        .r = {0, 0, width, height},
        .resource_id = resource,
    };

    return gpu_command(work, &command, sizeof(command), "SET_SCANOUT");
}

void gpu_fill_flush(void *at, uint32_t resource, uint32_t width, uint32_t height)
{
    *(struct virtio_gpu_resource_flush *)at = (struct virtio_gpu_resource_flush){
        .hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH,
        .r = {0, 0, width, height},
        .resource_id = resource,
    };
}

void gpu_fill_transfer(void *at, uint32_t resource, uint32_t width, uint32_t height)
{
    *(struct virtio_gpu_transfer_to_host_2d *)at = (struct virtio_gpu_transfer_to_host_2d){
        .hdr.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
        .r = {0, 0, width, height},
        .resource_id = resource,
    };
}
