/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_CROSS_DOMAIN_H
#define PROTOCOL_CROSS_DOMAIN_H

#include <stdint.h>

/*
 * The command stream of the cross-domain capability set (id 5), as its users in guests speak it:
 * minigbm's virtgpu_cross_domain back-end, sommelier and their like. There is no written standard;
 * the layouts are those of rutabaga_gfx's cross_domain_protocol, little-endian, version 1.
 *
 * A guest asks what an image needs and then makes a HOST3D blob with the blob_id that it was told.
 * It may use that id for any number of blobs: minigbm asks once for each kind of image.
 */
#define CROSS_DOMAIN_VERSION 1u

enum cross_domain_command {
    CROSS_DOMAIN_INIT = 1,
    CROSS_DOMAIN_GET_IMAGE_REQUIREMENTS = 2,
    /* The rest speaks through a channel, such as a Wayland socket. */
    CROSS_DOMAIN_POLL = 3,
    CROSS_DOMAIN_SEND = 4,
    CROSS_DOMAIN_RECEIVE = 5,
    CROSS_DOMAIN_READ = 6,
    CROSS_DOMAIN_WRITE = 7,
};

enum cross_domain_channel {
    CROSS_DOMAIN_CHANNEL_NONE = 0,
    CROSS_DOMAIN_CHANNEL_WAYLAND = 1,
    CROSS_DOMAIN_CHANNEL_CAMERA = 2,
};

struct cross_domain_capset {
    uint32_t version;
    uint32_t supported_channels; /* bit N: channel type N */
    uint32_t supports_dmabuf;    /* images are dmabufs of the host */
    /* Images are memory of a GPU. Where the device offers 3D, minigbm takes this path only if so.
     */
    uint32_t supports_external_gpu_memory;
};

struct cross_domain_header {
    uint8_t command;
    uint8_t ring;  /* ignored: a fence names its ring itself */
    uint16_t size; /* bytes, with this header */
    uint32_t pad;
};

/* 16 bytes in the first version, which has no channel ring; 20 later; 36 where a UUID follows. */
struct cross_domain_init {
    struct cross_domain_header header;
    uint32_t query_ring; /* the resource that answers go to */
    uint32_t channel_ring;
    uint32_t channel_type;
    uint8_t socket_uuid[16];
};
#define CROSS_DOMAIN_INIT_FIRST 16u
#define CROSS_DOMAIN_INIT_SECOND 20u
#define CROSS_DOMAIN_INIT_THIRD 36u

struct cross_domain_get_image_requirements {
    struct cross_domain_header header;
    uint32_t width, height; /* pixels */
    uint32_t drm_format;    /* four letters, see drm_fourcc.h */
    uint32_t flags;         /* of gbm_bo_create */
};

/* The answer, at the beginning of the query ring. */
struct cross_domain_image_requirements {
    uint32_t strides[4];
    uint32_t offsets[4];
    uint64_t modifier;
    uint64_t size; /* bytes that the blob has to have */
    uint32_t blob_id;
    uint32_t map_info;           /* VIRTIO_GPU_MAP_CACHE_* */
    int32_t memory_idx;          /* of Vulkan; -1: none */
    int32_t physical_device_idx; /* of Vulkan; -1: none */
};

_Static_assert(sizeof(struct cross_domain_capset) == 16, "as its users have it");
_Static_assert(sizeof(struct cross_domain_header) == 8, "as its users have it");
_Static_assert(sizeof(struct cross_domain_init) == CROSS_DOMAIN_INIT_THIRD, "as its users have it");
_Static_assert(sizeof(struct cross_domain_get_image_requirements) == 24, "as its users have it");
_Static_assert(sizeof(struct cross_domain_image_requirements) == 64, "as its users have it");

#endif
