/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CROSS_DOMAIN_GUEST_H
#define TESTS_UNIT_CROSS_DOMAIN_GUEST_H

/* What a user of capset 5 in the guest sends: structs as minigbm fills them. */
#include <string.h>

#include "gpu_fixture.h"

#include "base/fourcc.h"
#include "protocol/cross_domain.h"

#define CROSS_DOMAIN_CAPSET 5u

/* A command stream in a SUBMIT_3D. */
struct cross_stream {
    struct virtio_gpu_cmd_submit submit;
    uint8_t bytes[4096];
};

static inline uint32_t cross_submit_bytes(struct gpu_fixture *f, uint32_t ctx, const void *bytes,
                                          uint32_t size)
{
    struct cross_stream stream = {
        .submit = {.hdr = gpu_header(VIRTIO_GPU_CMD_SUBMIT_3D, ctx), .size = htole32(size)}};

    RING_DRIVER_MUST(size <= sizeof(stream.bytes));
    memcpy(stream.bytes, bytes, size);
    return gpu_do(f, &stream, sizeof(stream.submit) + size);
}

/* A GUEST blob of 'size' bytes in these pieces. */
static inline uint32_t cross_guest_blob(struct gpu_fixture *f, uint32_t ctx, uint32_t id,
                                        uint64_t size, const struct virtio_gpu_mem_entry *entries,
                                        unsigned count)
{
    struct {
        struct virtio_gpu_resource_create_blob blob;
        struct virtio_gpu_mem_entry entries[8];
    } request = {.blob = gpu_blob(ctx, id, size)};

    RING_DRIVER_MUST(count <= 8);
    request.blob.blob_mem = htole32(VIRTIO_GPU_BLOB_MEM_GUEST);
    request.blob.nr_entries = htole32(count);
    memcpy(request.entries, entries, count * sizeof(*entries));
    return gpu_do(f, &request, sizeof(request.blob) + count * sizeof(*entries));
}

static inline struct cross_domain_header cross_header(uint8_t command, uint16_t size)
{
    return (struct cross_domain_header){.command = command, .size = htole16(size)};
}

static inline uint32_t cross_init_sized(struct gpu_fixture *f, uint32_t ctx, uint32_t ring,
                                        uint32_t channel, uint16_t size)
{
    uint32_t words[16] = {0};
    struct cross_domain_header header = cross_header(CROSS_DOMAIN_INIT, size);

    memcpy(words, &header, sizeof(header));
    words[2] = htole32(ring);
    words[size == CROSS_DOMAIN_INIT_FIRST ? 3 : 4] = htole32(channel);
    return cross_submit_bytes(f, ctx, words, size);
}

static inline uint32_t cross_init(struct gpu_fixture *f, uint32_t ctx, uint32_t ring)
{
    return cross_init_sized(f, ctx, ring, CROSS_DOMAIN_CHANNEL_NONE, CROSS_DOMAIN_INIT_SECOND);
}

static inline struct cross_domain_get_image_requirements
cross_query(uint32_t width, uint32_t height, uint32_t fourcc, uint32_t flags)
{
    return (struct cross_domain_get_image_requirements){
        .header = cross_header(CROSS_DOMAIN_GET_IMAGE_REQUIREMENTS, 24),
        .width = htole32(width),
        .height = htole32(height),
        .drm_format = htole32(fourcc),
        .flags = htole32(flags),
    };
}

#endif
