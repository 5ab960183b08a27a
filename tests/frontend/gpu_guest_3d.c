/* SPDX-License-Identifier: MIT */
#include "tests/frontend/gpu_guest_3d.h"

#include <errno.h>
#include <string.h>

#include "protocol/virgl_stream.h"
#include "protocol/virtio_gpu.h"

#define MAX_WORDS 1024u

static int simple(struct frontend *frontend, void *command, size_t size)
{
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_command(frontend, command, size, &answer, sizeof(answer));
}

static int end(struct frontend *frontend, int slot)
{
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_end(frontend, slot, &answer, sizeof(answer), FRONTEND_PATIENCE);
}

int gpu_guest_context_of(struct frontend *frontend, uint32_t context, uint32_t capset)
{
    struct virtio_gpu_ctx_create command = {
        .hdr = {.type = VIRTIO_GPU_CMD_CTX_CREATE, .ctx_id = context},
        .nlen = 4,
        .context_init = capset,
        .debug_name = "test",
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_detach(struct frontend *frontend, uint32_t context, uint32_t resource)
{
    struct virtio_gpu_ctx_resource command = {
        .hdr = {.type = VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, .ctx_id = context},
        .resource_id = resource,
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_texture(struct frontend *frontend, uint32_t resource, uint32_t width, uint32_t height)
{
    struct virtio_gpu_resource_create_3d command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_3D},
        .resource_id = resource,
        .target = VIRGL_STREAM_TARGET_2D,
        .format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
        .bind = VIRGL_STREAM_BIND_RENDER_TARGET | VIRGL_STREAM_BIND_SAMPLER_VIEW,
        .width = width,
        .height = height,
        .depth = 1,
        .array_size = 1,
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_attach_pages(struct frontend *frontend, uint32_t resource, uint64_t first,
                           uint64_t second, uint32_t size)
{
    struct {
        struct virtio_gpu_resource_attach_backing head;
        struct virtio_gpu_mem_entry entries[2];
    } command = {
        .head = {.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING},
                 .resource_id = resource,
                 .nr_entries = 2},
        .entries = {{.addr = first, .length = size / 2}, {.addr = second, .length = size / 2}},
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_detach_pages(struct frontend *frontend, uint32_t resource)
{
    struct virtio_gpu_resource_detach_backing command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING},
        .resource_id = resource,
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_transfer_begin(struct frontend *frontend, uint32_t context, uint32_t resource,
                             bool from_host, uint32_t width, uint32_t height)
{
    struct virtio_gpu_transfer_host_3d command = {
        .hdr = {.type = from_host ? VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D
                                  : VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D,
                .ctx_id = context},
        .box = {.w = width, .h = height, .d = 1},
        .resource_id = resource,
        .stride = width * 4,
    };

    return gpu_guest_begin(frontend, &command, sizeof(command), sizeof(struct virtio_gpu_ctrl_hdr));
}

int gpu_guest_transfer(struct frontend *frontend, uint32_t context, uint32_t resource,
                       bool from_host, uint32_t width, uint32_t height)
{
    return end(frontend,
               gpu_guest_transfer_begin(frontend, context, resource, from_host, width, height));
}

int gpu_guest_stream_begin(struct frontend *frontend, uint32_t context, const uint32_t *words,
                           unsigned count)
{
    struct {
        struct virtio_gpu_cmd_submit head;
        uint32_t words[MAX_WORDS];
    } command = {
        .head = {.hdr = {.type = VIRTIO_GPU_CMD_SUBMIT_3D, .ctx_id = context}, .size = count * 4},
    };

    if (count > MAX_WORDS)
        return -E2BIG;
    memcpy(command.words, words, count * sizeof(*words));
    return gpu_guest_begin(frontend, &command, sizeof(command.head) + count * sizeof(*words),
                           sizeof(struct virtio_gpu_ctrl_hdr));
}

int gpu_guest_stream(struct frontend *frontend, uint32_t context, const uint32_t *words,
                     unsigned count)
{
    return end(frontend, gpu_guest_stream_begin(frontend, context, words, count));
}

int gpu_guest_guest_blob(struct frontend *frontend, uint32_t resource, uint64_t gpa, uint32_t size)
{
    struct {
        struct virtio_gpu_resource_create_blob head;
        struct virtio_gpu_mem_entry entry;
    } command = {
        .head = {.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB},
                 .resource_id = resource,
                 .blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
                 .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
                 .nr_entries = 1,
                 .size = size},
        .entry = {.addr = gpa, .length = size},
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_picture(struct frontend *frontend, uint32_t resource, uint32_t width, uint32_t height)
{
    struct virtio_gpu_resource_create_2d command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D},
        .resource_id = resource,
        .format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
        .width = width,
        .height = height,
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_transfer_2d(struct frontend *frontend, uint32_t resource, uint32_t width,
                          uint32_t height)
{
    struct virtio_gpu_transfer_to_host_2d command = {
        .hdr = {.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D},
        .r = {.width = width, .height = height},
        .resource_id = resource,
    };

    return simple(frontend, &command, sizeof(command));
}
