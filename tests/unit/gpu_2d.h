/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_GPU_2D_H
#define TESTS_UNIT_GPU_2D_H

/* The 2D, scanout and cursor commands, as a driver sends them. */
#include "gpu_test.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define BGRA VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM

static inline struct virtio_gpu_rect gpu_rect(uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
    return (struct virtio_gpu_rect){htole32(x), htole32(y), htole32(w), htole32(h)};
}

static inline uint32_t gpu_create_2d(struct gpu_fixture *f, uint32_t id, uint32_t format,
                                     uint32_t width, uint32_t height)
{
    struct virtio_gpu_resource_create_2d request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 0),
        .resource_id = htole32(id),
        .format = htole32(format),
        .width = htole32(width),
        .height = htole32(height),
    };

    return GPU_DO(f, request);
}

/* Gives a resource 'size' bytes of guest memory, in two pieces of which the second lies before the
 * first. Returns where both begin: the resource's byte 'offset' is at gpu_page. */
static inline uint32_t gpu_back(struct gpu_fixture *f, uint32_t id, uint64_t at, uint32_t size)
{
    struct {
        struct virtio_gpu_resource_attach_backing attach;
        struct virtio_gpu_mem_entry entries[2];
    } request = {
        .attach = {.hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 0),
                   .resource_id = htole32(id),
                   .nr_entries = htole32(2)},
        .entries = {{.addr = htole64(at + size / 2), .length = htole32(size / 2)},
                    {.addr = htole64(at), .length = htole32(size / 2)}},
    };

    return GPU_DO(f, request);
}

static inline uint8_t *gpu_page(struct gpu_fixture *f, uint64_t at, uint32_t size, uint32_t offset)
{
    return ring_driver_at(&f->driver,
                          offset < size / 2 ? at + size / 2 + offset : at + offset - size / 2);
}

static inline uint32_t gpu_transfer(struct gpu_fixture *f, uint32_t id, struct virtio_gpu_rect rect,
                                    uint64_t offset)
{
    struct virtio_gpu_transfer_to_host_2d request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 0),
        .r = rect,
        .offset = htole64(offset),
        .resource_id = htole32(id),
    };

    return GPU_DO(f, request);
}

static inline uint32_t gpu_scanout(struct gpu_fixture *f, uint32_t output, uint32_t id,
                                   struct virtio_gpu_rect rect)
{
    struct virtio_gpu_set_scanout request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_SET_SCANOUT, 0),
        .r = rect,
        .scanout_id = htole32(output),
        .resource_id = htole32(id),
    };

    return GPU_DO(f, request);
}

static inline struct virtio_gpu_resource_flush gpu_flush_request(uint32_t id,
                                                                 struct virtio_gpu_rect rect)
{
    return (struct virtio_gpu_resource_flush){
        .hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_FLUSH, 0),
        .r = rect,
        .resource_id = htole32(id),
    };
}

static inline uint32_t gpu_flush(struct gpu_fixture *f, uint32_t id, struct virtio_gpu_rect rect)
{
    struct virtio_gpu_resource_flush request = gpu_flush_request(id, rect);

    return GPU_DO(f, request);
}

/* On the cursor queue, without room for an answer, as Linux sends it. Returns whether the device
 * gave it back. */
static inline bool gpu_cursor(struct gpu_fixture *f, struct virtio_gpu_update_cursor *request)
{
    gpu_send(f, 1, request, sizeof(*request), 0);
    gpu_loop(f);
    if (!gpu_answered(f, 1))
        return false;
    gpu_take(f, 1);
    return f->written == 0;
}

/* The same with room: the answer's type. */
static inline uint32_t gpu_cursor_answer(struct gpu_fixture *f,
                                         struct virtio_gpu_update_cursor *request)
{
    gpu_send(f, 1, request, sizeof(*request), 24);
    gpu_loop(f);
    return gpu_take(f, 1);
}

#endif
