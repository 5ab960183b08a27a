/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_GPU_ROWS_H
#define TESTS_SESSION_GPU_ROWS_H

#include "gpu_story.h"

/* Commands of device 16 and their answers, as rows of a table. */
#define NO_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define NO_CONTEXT VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
#define NO_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define PAGE 4096u

struct row {
    const char *what;
    uint32_t answer;
    const void *command;
    uint32_t size;
    uint32_t entries;    /* memory entries that follow, a page each */
    uint32_t entry_size; /* unless it is 0: of each of them instead, bytes */
    uint32_t tail;       /* bytes of zeros that follow */
};

#define HEAD(name) .hdr = {.type = VIRTIO_GPU_CMD_##name}
#define HEAD_IN(name, context) .hdr = {.type = VIRTIO_GPU_CMD_##name, .ctx_id = (context)}
#define COMMAND(type, ...) &(const struct type){__VA_ARGS__}, sizeof(struct type)
#define RECT(x, y, w, h) .r = {(x), (y), (w), (h)}
#define MEMORY MEMORY_STREAM_CAPSET
#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define MAPPABLE VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE
#define HOST VIRTIO_GPU_BLOB_MEM_HOST3D
#define GUEST VIRTIO_GPU_BLOB_MEM_GUEST

#define CREATE_2D(id_, format_, w, h)                                                              \
    COMMAND(virtio_gpu_resource_create_2d, HEAD(RESOURCE_CREATE_2D), .resource_id = (id_),         \
            .format = (format_), .width = (w), .height = (h))
#define ABOUT(name, type, id) COMMAND(type, HEAD(name), .resource_id = (id))
#define UNREF(id) ABOUT(RESOURCE_UNREF, virtio_gpu_resource_unref, id)
#define ATTACH_BACKING(id, count)                                                                  \
    COMMAND(virtio_gpu_resource_attach_backing, HEAD(RESOURCE_ATTACH_BACKING),                     \
            .resource_id = (id), .nr_entries = (count))
#define DETACH_BACKING(id) ABOUT(RESOURCE_DETACH_BACKING, virtio_gpu_resource_detach_backing, id)
#define TRANSFER(id, offset_, ...)                                                                 \
    COMMAND(virtio_gpu_transfer_to_host_2d, HEAD(TRANSFER_TO_HOST_2D), .resource_id = (id),        \
            .offset = (offset_), RECT(__VA_ARGS__))
#define SCANOUT(output, id, ...)                                                                   \
    COMMAND(virtio_gpu_set_scanout, HEAD(SET_SCANOUT), .scanout_id = (output),                     \
            .resource_id = (id), RECT(__VA_ARGS__))
#define SCANOUT_BLOB(output, id, w, h, format_, stride, offset_)                                   \
    COMMAND(virtio_gpu_set_scanout_blob, HEAD(SET_SCANOUT_BLOB), .scanout_id = (output),           \
            .resource_id = (id), RECT(0, 0, w, h), .width = (w), .height = (h),                    \
            .format = (format_), .strides = {stride}, .offsets = {offset_})
#define FLUSH(id, ...)                                                                             \
    COMMAND(virtio_gpu_resource_flush, HEAD(RESOURCE_FLUSH), .resource_id = (id), RECT(__VA_ARGS__))
#define CONTEXT(id, name_size, capset)                                                             \
    COMMAND(virtio_gpu_ctx_create, HEAD_IN(CTX_CREATE, id), .nlen = (name_size),                   \
            .context_init = (capset), .debug_name = "row")
#define CONTEXT_END(id) COMMAND(virtio_gpu_ctx_destroy, HEAD_IN(CTX_DESTROY, id))
#define ATTACH(context, id)                                                                        \
    COMMAND(virtio_gpu_ctx_resource, HEAD_IN(CTX_ATTACH_RESOURCE, context), .resource_id = (id))
#define DETACH(context, id)                                                                        \
    COMMAND(virtio_gpu_ctx_resource, HEAD_IN(CTX_DETACH_RESOURCE, context), .resource_id = (id))
#define BLOB(context, id, memory, flags, blob, size_, count)                                       \
    COMMAND(virtio_gpu_resource_create_blob, HEAD_IN(RESOURCE_CREATE_BLOB, context),               \
            .resource_id = (id), .blob_mem = (memory), .blob_flags = (flags), .blob_id = (blob),   \
            .size = (size_), .nr_entries = (count))
#define MAP(id, offset_)                                                                           \
    COMMAND(virtio_gpu_resource_map_blob, HEAD(RESOURCE_MAP_BLOB), .resource_id = (id),            \
            .offset = (offset_))
#define UNMAP(id) ABOUT(RESOURCE_UNMAP_BLOB, virtio_gpu_resource_unmap_blob, id)
#define SUBMIT(context, size_)                                                                     \
    COMMAND(virtio_gpu_cmd_submit, HEAD_IN(SUBMIT_3D, context), .size = (size_))
#define CURSOR(name, output, id)                                                                   \
    COMMAND(virtio_gpu_update_cursor, HEAD(name), .pos = {.scanout_id = (output)},                 \
            .resource_id = (id))
#define CREATE_3D(id, w, h)                                                                        \
    COMMAND(virtio_gpu_resource_create_3d, HEAD(RESOURCE_CREATE_3D), .resource_id = (id),          \
            .target = 2, .format = BGRX, .bind = 1u << 1, .width = (w), .height = (h), .depth = 1, \
            .array_size = 1)
#define TRANSFER_3D(name, context, id, w_, h_)                                                     \
    COMMAND(virtio_gpu_transfer_host_3d, HEAD_IN(name, context), .resource_id = (id),              \
            .box = {.w = (w_), .h = (h_), .d = 1})

#define GPU_ROWS_MOST 256u /* bytes of a command */

/* Writes the row's command, with the fence 77, and what follows it; memory entries name pages from
 * the guest-physical address 'pages' on. Returns its size. */
uint32_t gpu_rows_compose(const struct row *row, uint64_t pages, uint8_t *bytes);
/* Sends 'size' bytes, a command with the fence 77, and returns the answer's type; it must carry
 * that fence. */
uint32_t gpu_rows_ask(struct story *s, const void *bytes, uint32_t size);
/* Sends the commands one after the other; fails the test, with what was wrong, unless each is
 * answered as its row says. */
void gpu_rows_play(struct story *s, const struct row *table, unsigned count);

#endif
