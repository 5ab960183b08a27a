/* SPDX-License-Identifier: MIT */
#include "gpu/command.h"

#include "gpu/gpu.h"
#include "gpu/hand.h"

#define BIT(feature) (1ull << VIRTIO_GPU_F_##feature)
#define ANSWER(type) (sizeof(struct type) - sizeof(struct virtio_gpu_ctrl_hdr))
/* The numbers come in groups, with less than 16 in each. */
#define SLOT(type) (((type) >> 8) * 16 + ((type)&15))
#define FIXED(name, request, answer_size, needs, handler)                                          \
    [SLOT(VIRTIO_GPU_CMD_##name)] = {                                                              \
        .type = VIRTIO_GPU_CMD_##name,                                                             \
        .size = sizeof(struct request),                                                            \
        .answer = (answer_size),                                                                   \
        .features = (needs),                                                                       \
        .run = (handler),                                                                          \
    }
#define WITH_TAIL(name, request, needs, handler)                                                   \
    [SLOT(VIRTIO_GPU_CMD_##name)] = {                                                              \
        .type = VIRTIO_GPU_CMD_##name,                                                             \
        .size = sizeof(struct request),                                                            \
        .tail = true,                                                                              \
        .features = (needs),                                                                       \
        .run = (handler),                                                                          \
    }
#define CURSOR(name, handler)                                                                      \
    [SLOT(VIRTIO_GPU_CMD_##name)] = {                                                              \
        .type = VIRTIO_GPU_CMD_##name,                                                             \
        .size = sizeof(struct virtio_gpu_update_cursor),                                           \
        .queue = VIRTIO_GPU_CURSORQ,                                                               \
        .run = (handler),                                                                          \
    }

static const struct command commands[] = {
    FIXED(GET_DISPLAY_INFO, virtio_gpu_ctrl_hdr, ANSWER(virtio_gpu_resp_display_info), 0,
          display_get_info),
    FIXED(RESOURCE_CREATE_2D, virtio_gpu_resource_create_2d, 0, 0, command_2d_create),
    FIXED(RESOURCE_UNREF, virtio_gpu_resource_unref, 0, 0, resource_command_unref),
    FIXED(SET_SCANOUT, virtio_gpu_set_scanout, 0, 0, scanout_set),
    FIXED(RESOURCE_FLUSH, virtio_gpu_resource_flush, 0, 0, scanout_flush),
    FIXED(TRANSFER_TO_HOST_2D, virtio_gpu_transfer_to_host_2d, 0, 0, command_2d_transfer),
    WITH_TAIL(RESOURCE_ATTACH_BACKING, virtio_gpu_resource_attach_backing, 0,
              resource_command_attach_backing),
    FIXED(RESOURCE_DETACH_BACKING, virtio_gpu_resource_detach_backing, 0, 0,
          resource_command_detach_backing),
    FIXED(GET_CAPSET_INFO, virtio_gpu_get_capset_info, ANSWER(virtio_gpu_resp_capset_info),
          BIT(VIRGL), capset_get_info),
    /* How long the answer is depends on the capset: the handler checks. */
    FIXED(GET_CAPSET, virtio_gpu_get_capset, 0, BIT(VIRGL), capset_get),
    FIXED(GET_EDID, virtio_gpu_cmd_get_edid, ANSWER(virtio_gpu_resp_edid), BIT(EDID),
          display_get_edid),
    FIXED(RESOURCE_ASSIGN_UUID, virtio_gpu_resource_assign_uuid,
          ANSWER(virtio_gpu_resp_resource_uuid), BIT(RESOURCE_UUID), uuid_assign),
    WITH_TAIL(RESOURCE_CREATE_BLOB, virtio_gpu_resource_create_blob, BIT(RESOURCE_BLOB),
              blob_create),
    FIXED(SET_SCANOUT_BLOB, virtio_gpu_set_scanout_blob, 0, BIT(RESOURCE_BLOB), scanout_set_blob),
    FIXED(CTX_CREATE, virtio_gpu_ctx_create, 0, BIT(VIRGL), context_command_create),
    FIXED(CTX_DESTROY, virtio_gpu_ctx_destroy, 0, BIT(VIRGL), context_command_destroy),
    FIXED(CTX_ATTACH_RESOURCE, virtio_gpu_ctx_resource, 0, BIT(VIRGL), context_command_attach),
    FIXED(CTX_DETACH_RESOURCE, virtio_gpu_ctx_resource, 0, BIT(VIRGL), context_command_detach),
    FIXED(RESOURCE_CREATE_3D, virtio_gpu_resource_create_3d, 0, BIT(VIRGL), command_3d_create),
    FIXED(TRANSFER_TO_HOST_3D, virtio_gpu_transfer_host_3d, 0, BIT(VIRGL),
          command_3d_transfer_to_host),
    FIXED(TRANSFER_FROM_HOST_3D, virtio_gpu_transfer_host_3d, 0, BIT(VIRGL),
          command_3d_transfer_from_host),
    WITH_TAIL(SUBMIT_3D, virtio_gpu_cmd_submit, BIT(VIRGL), context_command_submit),
    FIXED(RESOURCE_MAP_BLOB, virtio_gpu_resource_map_blob, ANSWER(virtio_gpu_resp_map_info),
          BIT(RESOURCE_BLOB), blob_map),
    FIXED(RESOURCE_UNMAP_BLOB, virtio_gpu_resource_unmap_blob, 0, BIT(RESOURCE_BLOB), blob_unmap),
    CURSOR(UPDATE_CURSOR, cursor_update),
    CURSOR(MOVE_CURSOR, cursor_move),
};

static inline const struct command *row_of(uint32_t type)
{
    size_t slot = SLOT(type);

    if (slot >= sizeof(commands) / sizeof(commands[0]) || commands[slot].type != type)
        return NULL;
    return commands[slot].run != NULL ? &commands[slot] : NULL;
}

const struct command *command_find(uint32_t type)
{
    return row_of(type);
}

static uint32_t command_check(struct gpu *gpu, struct request *request,
                              const struct command *command)
{
    uint64_t room = request->chain->writable_size;

    if (command == NULL || command->queue != request->hand->queue)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_UNSPEC, "no such command in queue %u",
                              request->hand->queue);
    if (!gpu_has(gpu, command->features))
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_UNSPEC,
                              "the driver did not accept the feature it belongs to");
    if (request->size < command->size || (request->size > command->size && !command->tail))
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "it has %zu bytes, not %u", request->size, command->size);
    if ((request->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX) &&
        request->ring_idx >= VIRTIO_GPU_MAX_RINGS)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "there is no fence ring %u", request->ring_idx);
    /* Without room for the answer nothing may happen: the driver could not learn of it. Linux gives
     * cursor commands none. */
    if (command->queue == VIRTIO_GPU_CONTROLQ &&
        room < sizeof(struct virtio_gpu_ctrl_hdr) + command->answer)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
                              "%llu bytes have no room for the answer", (unsigned long long)room);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t command_run(struct gpu *gpu, struct request *request)
{
    const struct command *command = row_of(request->type);
    uint32_t type = command_check(gpu, request, command);

    return request_answer_is_error(type) ? type : command->run(gpu, request);
}
