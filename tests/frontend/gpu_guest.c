/* SPDX-License-Identifier: MIT */
#include "tests/frontend/gpu_guest.h"

#include <errno.h>
#include <string.h>

#define MAX_COMMANDS 64u

static uint64_t last_fence;

int gpu_guest_begin(struct frontend *frontend, void *command, size_t size, size_t space)
{
    struct virtio_gpu_ctrl_hdr *header = command;

    header->flags |= VIRTIO_GPU_FLAG_FENCE;
    header->fence_id = ++last_fence;
    return frontend_submit(frontend, GPU_GUEST_CONTROLQ, command, size, space);
}

/* The fence is found in the request's copy in guest memory, which the device must not change. */
int gpu_guest_end(struct frontend *frontend, int slot, void *answer, size_t space, int milliseconds)
{
    const struct driver_queue *queue = &frontend->queues[GPU_GUEST_CONTROLQ];
    struct virtio_gpu_ctrl_hdr request, *header = answer;
    int r;

    if (slot < 0)
        return slot;
    memcpy(&request,
           (const uint8_t *)driver_queue_answer(queue, (unsigned)slot) - DRIVER_QUEUE_REQUEST,
           sizeof(request));
    memset(answer, 0, space);
    r = frontend_await(frontend, GPU_GUEST_CONTROLQ, (unsigned)slot, answer, space, milliseconds);
    if (r < 0)
        return r;
    if ((size_t)r < sizeof(*header) || (size_t)r > space)
        return -EBADMSG;
    if (!(header->flags & VIRTIO_GPU_FLAG_FENCE) || header->fence_id != request.fence_id ||
        header->ctx_id != request.ctx_id)
        return -EBADMSG;
    return (int)header->type;
}

int gpu_guest_command(struct frontend *frontend, void *command, size_t size, void *answer,
                      size_t space)
{
    int slot = gpu_guest_begin(frontend, command, size, space);

    return gpu_guest_end(frontend, slot, answer, space, FRONTEND_PATIENCE);
}

static int simple(struct frontend *frontend, void *command, size_t size)
{
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_command(frontend, command, size, &answer, sizeof(answer));
}

int gpu_guest_context(struct frontend *frontend, uint32_t context)
{
    struct virtio_gpu_ctx_create command = {
        .hdr = {.type = VIRTIO_GPU_CMD_CTX_CREATE, .ctx_id = context},
        .nlen = 4,
        .context_init = MEMORY_STREAM_CAPSET,
        .debug_name = "test",
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_context_destroy(struct frontend *frontend, uint32_t context)
{
    struct virtio_gpu_ctx_destroy command = {
        .hdr = {.type = VIRTIO_GPU_CMD_CTX_DESTROY, .ctx_id = context}};

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_attach(struct frontend *frontend, uint32_t context, uint32_t resource)
{
    struct virtio_gpu_ctx_resource command = {
        .hdr = {.type = VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, .ctx_id = context},
        .resource_id = resource,
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_create(struct frontend *frontend, uint32_t context, uint32_t resource, uint64_t size)
{
    struct virtio_gpu_resource_create_blob command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, .ctx_id = context},
        .resource_id = resource,
        .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
        .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
        .size = size,
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_map_begin(struct frontend *frontend, uint32_t resource, uint64_t offset)
{
    struct virtio_gpu_resource_map_blob command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB},
        .resource_id = resource,
        .offset = offset,
    };

    return gpu_guest_begin(frontend, &command, sizeof(command),
                           sizeof(struct virtio_gpu_resp_map_info));
}

int gpu_guest_map(struct frontend *frontend, uint32_t resource, uint64_t offset)
{
    struct virtio_gpu_resp_map_info answer;
    int r = gpu_guest_end(frontend, gpu_guest_map_begin(frontend, resource, offset), &answer,
                          sizeof(answer), FRONTEND_PATIENCE);

    if (r == VIRTIO_GPU_RESP_OK_MAP_INFO && answer.map_info != VIRTIO_GPU_MAP_CACHE_CACHED)
        return -EBADMSG;
    return r;
}

int gpu_guest_unmap(struct frontend *frontend, uint32_t resource)
{
    struct virtio_gpu_resource_unmap_blob command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB},
        .resource_id = resource,
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_unref(struct frontend *frontend, uint32_t resource)
{
    struct virtio_gpu_resource_unref command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_UNREF},
        .resource_id = resource,
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_create_shared(struct frontend *frontend, uint32_t context, uint32_t resource,
                            uint64_t size)
{
    struct virtio_gpu_resource_create_blob command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, .ctx_id = context},
        .resource_id = resource,
        .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
        .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE | VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE,
        .size = size,
    };

    return simple(frontend, &command, sizeof(command));
}

int gpu_guest_assign_uuid(struct frontend *frontend, uint32_t resource, uint8_t uuid[static 16])
{
    struct virtio_gpu_resource_assign_uuid command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID},
        .resource_id = resource,
    };
    struct virtio_gpu_resp_resource_uuid answer;
    int r = gpu_guest_command(frontend, &command, sizeof(command), &answer, sizeof(answer));

    if (r == VIRTIO_GPU_RESP_OK_RESOURCE_UUID)
        memcpy(uuid, answer.uuid, 16);
    return r;
}

int gpu_guest_submit(struct frontend *frontend, uint32_t context,
                     const struct memory_stream_command *commands, unsigned count)
{
    struct {
        struct virtio_gpu_cmd_submit head;
        struct memory_stream_command commands[MAX_COMMANDS];
    } command = {
        .head = {.hdr = {.type = VIRTIO_GPU_CMD_SUBMIT_3D, .ctx_id = context},
                 .size = count * (uint32_t)sizeof(*commands)},
    };

    if (count > MAX_COMMANDS)
        return -E2BIG;
    memcpy(command.commands, commands, count * sizeof(*commands));
    return simple(frontend, &command, sizeof(command.head) + count * sizeof(*commands));
}

int gpu_guest_fill(struct frontend *frontend, uint32_t context, uint32_t resource, uint64_t offset,
                   uint64_t size, uint64_t seed)
{
    struct memory_stream_command command = {
        .opcode = MEMORY_STREAM_FILL,
        .resource = resource,
        .offset = offset,
        .size = size,
        .seed = seed,
    };

    return gpu_guest_submit(frontend, context, &command, 1);
}

int gpu_guest_sum(struct frontend *frontend, uint32_t context, uint32_t resource, uint64_t offset,
                  uint64_t size, uint32_t result_resource, uint64_t result_offset)
{
    struct memory_stream_command command = {
        .opcode = MEMORY_STREAM_SUM,
        .resource = resource,
        .offset = offset,
        .size = size,
        .result_resource = result_resource,
        .result_offset = result_offset,
    };

    return gpu_guest_submit(frontend, context, &command, 1);
}
