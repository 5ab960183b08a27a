/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_VIRTIO_GPU_H
#define PROTOCOL_VIRTIO_GPU_H

#include <stdint.h>

#include <linux/virtio_gpu.h>

/*
 * virtio-gpu, device id 16 (virtio specification 1.4, "GPU Device"): what <linux/virtio_gpu.h> of
 * Debian 12 lacks. All fields are little endian.
 */
#define VIRTIO_GPU_DEVICE_ID 16u

enum {
    VIRTIO_GPU_CONTROLQ = 0,
    VIRTIO_GPU_CURSORQ = 1,
    VIRTIO_GPU_QUEUES = 2,
};

/* Blob sizes must be multiples of config.blob_alignment. */
#ifndef VIRTIO_GPU_F_BLOB_ALIGNMENT
#define VIRTIO_GPU_F_BLOB_ALIGNMENT 5
#endif

/* The config space, with the field that came last. */
struct virtio_gpu_config_space {
    uint32_t events_read;
    uint32_t events_clear; /* a driver writes the bits of events_read that it has seen */
    uint32_t num_scanouts;
    uint32_t num_capsets;
    uint32_t blob_alignment; /* means something with VIRTIO_GPU_F_BLOB_ALIGNMENT (bit 5) only */
};

/* Capset ids that are newer than that header. */
#ifndef VIRTIO_GPU_CAPSET_VENUS
#define VIRTIO_GPU_CAPSET_VENUS 4
#endif

/* Fence timelines of a context: ring_idx is below this. */
#define VIRTIO_GPU_MAX_RINGS 64u

#define VIRTIO_GPU_BLOB_FLAGS_KNOWN                                                                \
    (VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE |                      \
     VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE)

_Static_assert(sizeof(struct virtio_gpu_config_space) == 20, "config");
_Static_assert(sizeof(struct virtio_gpu_ctrl_hdr) == 24, "header");
_Static_assert(sizeof(struct virtio_gpu_resp_display_info) == 24 + 384, "display info");
_Static_assert(sizeof(struct virtio_gpu_resp_edid) == 24 + 8 + 1024, "edid");
_Static_assert(sizeof(struct virtio_gpu_mem_entry) == 16, "memory entry");
_Static_assert(sizeof(struct virtio_gpu_resource_create_blob) == 56, "create blob");
_Static_assert(sizeof(struct virtio_gpu_resource_map_blob) == 40, "map blob");
_Static_assert(sizeof(struct virtio_gpu_resp_map_info) == 32, "map info");
_Static_assert(sizeof(struct virtio_gpu_ctx_create) == 96, "context create");

/* "RESOURCE_CREATE_BLOB" and so on; "unknown" for a type that is no request. */
const char *virtio_gpu_command_name(uint32_t type);
/* "OK_NODATA", "ERR_UNSPEC" and so on; "unknown" for a type that is no answer. */
const char *virtio_gpu_answer_name(uint32_t type);

#endif
