/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_VIRTIO_MEDIA_H
#define PROTOCOL_VIRTIO_MEDIA_H

#include <stdint.h>

#include <linux/videodev2.h>

/*
 * virtio-media, device id 48: what goes over its two virtqueues (virtio specification 1.4, "Media
 * Device"). All fields are little endian; the V4L2 structs have their 64-bit Linux layout.
 */
#define VIRTIO_MEDIA_DEVICE_ID 48u
#define VIRTIO_MEDIA_SHMID 0u

enum {
    VIRTIO_MEDIA_COMMANDQ = 0,
    VIRTIO_MEDIA_EVENTQ = 1,
    VIRTIO_MEDIA_QUEUES = 2,
};

struct virtio_media_config {
    uint32_t device_caps; /* V4L2_CAP_* of the node */
    uint32_t device_type; /* VFL_TYPE_*: 0 is video */
    uint8_t card[32];     /* shown to users, zero padded */
};

enum virtio_media_command {
    VIRTIO_MEDIA_CMD_OPEN = 1,
    VIRTIO_MEDIA_CMD_CLOSE = 2, /* has no answer: no writable descriptor */
    VIRTIO_MEDIA_CMD_IOCTL = 3,
    VIRTIO_MEDIA_CMD_MMAP = 4,
    VIRTIO_MEDIA_CMD_MUNMAP = 5,
};

struct virtio_media_cmd_header {
    uint32_t cmd;
    uint32_t reserved;
};

struct virtio_media_resp_header {
    uint32_t status; /* 0 or a positive Linux errno */
    uint32_t reserved;
};

struct virtio_media_resp_open {
    struct virtio_media_resp_header hdr;
    uint32_t session_id;
    uint32_t reserved;
};

struct virtio_media_cmd_close {
    struct virtio_media_cmd_header hdr;
    uint32_t session_id;
    uint32_t reserved;
};

/* The payload, as the ioctl's number says, follows in both directions. */
struct virtio_media_cmd_ioctl {
    struct virtio_media_cmd_header hdr;
    uint32_t session_id;
    uint32_t code; /* the ioctl's number, _IOC_NR */
};

/*
 * Where bytes that the payload only points to lie in guest memory (a control's string or array, a
 * USERPTR plane): entries until their lengths add up, behind the payload and its planes or
 * controls, in the readable part only.
 */
struct virtio_media_sg {
    uint64_t start; /* guest-physical */
    uint32_t len;   /* bytes */
    uint32_t reserved;
};

#define VIRTIO_MEDIA_MMAP_FLAG_RW 1u

struct virtio_media_cmd_mmap {
    struct virtio_media_cmd_header hdr;
    uint32_t session_id;
    uint32_t flags;
    uint32_t offset; /* the plane's mem_offset, as QUERYBUF gave it */
};

struct virtio_media_resp_mmap {
    struct virtio_media_resp_header hdr;
    uint64_t shm_offset; /* bytes from the start of region VIRTIO_MEDIA_SHMID */
    uint64_t len;
};

struct virtio_media_cmd_munmap {
    struct virtio_media_cmd_header hdr;
    uint64_t shm_offset;
};

enum virtio_media_event {
    VIRTIO_MEDIA_EVT_ERROR = 0,
    VIRTIO_MEDIA_EVT_DQBUF = 1,
    VIRTIO_MEDIA_EVT_EVENT = 2,
};

struct virtio_media_event_header {
    uint32_t event;
    uint32_t session_id;
};

struct virtio_media_event_error {
    struct virtio_media_event_header hdr;
    uint32_t error;
    uint32_t reserved;
};

/* Sent whole, for single-planar buffers too: a Linux driver drops a shorter one. */
struct virtio_media_event_dqbuf {
    struct virtio_media_event_header hdr;
    struct v4l2_buffer buffer;
    struct v4l2_plane planes[VIDEO_MAX_PLANES];
};

struct virtio_media_event_event {
    struct virtio_media_event_header hdr;
    struct v4l2_event event;
};

_Static_assert(sizeof(struct virtio_media_config) == 40, "config");
_Static_assert(sizeof(struct virtio_media_sg) == 16, "sg");
_Static_assert(sizeof(struct virtio_media_cmd_mmap) == 20, "mmap");
_Static_assert(sizeof(struct virtio_media_resp_mmap) == 24, "mmap answer");
_Static_assert(sizeof(struct virtio_media_event_dqbuf) == 608, "dqbuf event");
_Static_assert(sizeof(struct virtio_media_event_event) == 144, "event event");

#endif
