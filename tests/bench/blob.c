/* SPDX-License-Identifier: MIT */
#include "tests/bench/blob.h"

#include <errno.h>
#include <string.h>

#include "protocol/memory_stream.h"

#define VENUS_CAPSET 4u
#define PAGE 4096u
#define AT_ONCE 64u

int blob_begin(struct work *work)
{
    struct virtio_gpu_ctx_create command = {
        .hdr = {.type = VIRTIO_GPU_CMD_CTX_CREATE, .ctx_id = BLOB_CONTEXT},
        .nlen = 5,
        .debug_name = "bench",
    };
    const struct rig *rig = &work->rig;

    if (!(rig->frontend.features & VHOST_USER_BIT(VIRTIO_GPU_F_RESOURCE_BLOB)))
        return item_unsupported(work, "it has no blobs (VIRTIO_GPU_F_RESOURCE_BLOB)");
    if (rig->frontend.window.size == 0)
        return item_unsupported(work, "it has no memory window (VHOST_USER_PROTOCOL_F_SHMEM)");
    if (rig_has_capset(rig, MEMORY_STREAM_CAPSET))
        command.context_init = MEMORY_STREAM_CAPSET;
    else if (rig_has_capset(rig, VENUS_CAPSET))
        command.context_init = VENUS_CAPSET;
    else
        return item_unsupported(work, "it has no contexts in which a blob can be made without a "
                                      "driver (capset 30 or 4)");
    return gpu_command(work, &command, sizeof(command), "CTX_CREATE");
}

/* A command that is answered with OK and nothing else. */
static int place(struct work *work, unsigned slot, const void *command, size_t size)
{
    void *at = volley_place(&work->rig.volley, slot, size, 0, 0, sizeof(struct virtio_gpu_ctrl_hdr),
                            GPU_OK);

    if (at == NULL)
        return -ENOSPC;
    memcpy(at, command, size);
    return 0;
}

int blob_place_create(struct work *work, unsigned slot, uint32_t resource, uint64_t size)
{
    const struct virtio_gpu_resource_create_blob command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, .ctx_id = BLOB_CONTEXT},
        .resource_id = resource,
        .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
        .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
        .size = size,
    };

    return place(work, slot, &command, sizeof(command));
}

int blob_place_map(struct work *work, unsigned slot, uint32_t resource, uint64_t offset)
{
    struct virtio_gpu_resource_map_blob *command =
        volley_place(&work->rig.volley, slot, sizeof(*command), 0, 0,
                     sizeof(struct virtio_gpu_resp_map_info), VIRTIO_GPU_RESP_OK_MAP_INFO);

    if (command == NULL)
        return -ENOSPC;
    *command = (struct virtio_gpu_resource_map_blob){
        .hdr.type = VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, .resource_id = resource, .offset = offset};
    return 0;
}

int blob_place_unmap(struct work *work, unsigned slot, uint32_t resource)
{
    const struct virtio_gpu_resource_unmap_blob command = {
        .hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, .resource_id = resource};

    return place(work, slot, &command, sizeof(command));
}

int blob_place_unref(struct work *work, unsigned slot, uint32_t resource)
{
    const struct virtio_gpu_resource_unref command = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
                                                      .resource_id = resource};

    return place(work, slot, &command, sizeof(command));
}

int blob_place(struct work *work, uint32_t resource, uint64_t size, uint64_t offset)
{
    int r = blob_place_create(work, 0, resource, size);

    if (r == 0)
        r = blob_place_map(work, 1, resource, offset);
    if (r == 0)
        r = blob_place_unmap(work, 2, resource);
    return r == 0 ? blob_place_unref(work, 3, resource) : r;
}

/* One kind of command for all of them. */
static int64_t fire_many(struct work *work, uint32_t first, unsigned count, uint64_t offset,
                         bool map)
{
    for (unsigned done = 0; done < count;) {
        unsigned some = count - done < AT_ONCE ? count - done : AT_ONCE;
        int r = 0;

        for (unsigned i = 0; r == 0 && i < some; i++)
            r = map ? blob_place_map(work, i, first + done + i,
                                     offset + (uint64_t)(done + i) * PAGE)
                    : blob_place_create(work, i, first + done + i, PAGE);
        if (r < 0)
            return r;
        r = volley_fire(&work->rig.volley, 0, some);
        if (r < 0)
            return r == -EPROTO ? (int64_t)work->rig.volley.got : r;
        done += some;
    }
    return 0;
}

int64_t blob_make_many(struct work *work, uint32_t first, unsigned count, uint64_t offset,
                       bool make, bool map)
{
    int64_t r = make ? fire_many(work, first, count, offset, false) : 0;

    return r == 0 && map ? fire_many(work, first, count, offset, true) : r;
}
