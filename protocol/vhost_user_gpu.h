/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_VHOST_USER_GPU_H
#define PROTOCOL_VHOST_USER_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/virtio_gpu.h"

/*
 * The display socket: what a virtio-gpu back-end shows in the front-end's window (QEMU 11.1,
 * interop/vhost-user-gpu manual). The back-end asks, the front-end answers; it never speaks
 * unasked. Numbers are in the byte order of the host, but for the two answers that are virtio-gpu's
 * own structs: those are little endian.
 */
struct vhost_user_gpu_header {
    uint32_t request;
    uint32_t flags;
    uint32_t size; /* of the payload that follows */
};

#define VHOST_USER_GPU_HEADER_SIZE 12u
#define VHOST_USER_GPU_FLAG_REPLY (1u << 2)

enum vhost_user_gpu_request {
    VHOST_USER_GPU_GET_PROTOCOL_FEATURES = 1,
    VHOST_USER_GPU_SET_PROTOCOL_FEATURES = 2,
    VHOST_USER_GPU_GET_DISPLAY_INFO = 3,
    VHOST_USER_GPU_CURSOR_POS = 4,
    VHOST_USER_GPU_CURSOR_POS_HIDE = 5,
    VHOST_USER_GPU_CURSOR_UPDATE = 6,
    VHOST_USER_GPU_SCANOUT = 7,
    VHOST_USER_GPU_UPDATE = 8,
    VHOST_USER_GPU_DMABUF_SCANOUT = 9,
    VHOST_USER_GPU_DMABUF_UPDATE = 10,
    VHOST_USER_GPU_GET_EDID = 11,
    VHOST_USER_GPU_DMABUF_SCANOUT2 = 12,
    VHOST_USER_GPU_REQUESTS, /* one more than the highest */
};

/* Masks of protocol features. */
#define VHOST_USER_GPU_F_EDID UINT64_C(1)
#define VHOST_USER_GPU_F_DMABUF2 UINT64_C(2)

#define VHOST_USER_GPU_CURSOR_SIDE 64u

/* Where the pointer is; the front-end takes x and y as signed. */
struct vhost_user_gpu_cursor_pos {
    uint32_t scanout;
    uint32_t x, y;
};

struct vhost_user_gpu_cursor_update {
    struct vhost_user_gpu_cursor_pos pos;
    uint32_t hot_x, hot_y;
    uint32_t pixels[VHOST_USER_GPU_CURSOR_SIDE * VHOST_USER_GPU_CURSOR_SIDE]; /* a8r8g8b8 */
};

/* Width and height 0: the scanout shows nothing. */
struct vhost_user_gpu_scanout {
    uint32_t scanout;
    uint32_t width, height;
};

/* In UPDATE, width x height pixels follow: x8r8g8b8, line by line, without gaps. */
struct vhost_user_gpu_update {
    uint32_t scanout;
    uint32_t x, y, width, height;
};

#define VHOST_USER_GPU_Y_0_TOP 1u /* in fd_flags: the buffer's first line is the lowest */

/* The dmabuf is the message's one descriptor; without one the scanout shows nothing. */
struct vhost_user_gpu_dmabuf_scanout {
    uint32_t scanout;
    uint32_t x, y, width, height; /* which part of the buffer; QEMU 11.1 takes x and y as 0 */
    uint32_t fd_width, fd_height;
    uint32_t fd_stride; /* bytes */
    uint32_t fd_flags;
    int32_t fd_fourcc; /* DRM_FORMAT_* */
};

/* The same with a modifier. On the wire it directly follows: there is no padding. */
struct vhost_user_gpu_dmabuf_scanout2 {
    struct vhost_user_gpu_dmabuf_scanout scanout;
    uint64_t modifier;
};

struct vhost_user_gpu_edid_request {
    uint32_t scanout;
};

_Static_assert(sizeof(struct vhost_user_gpu_header) == VHOST_USER_GPU_HEADER_SIZE, "header");
_Static_assert(sizeof(struct vhost_user_gpu_cursor_update) == 16404, "cursor update");
_Static_assert(sizeof(struct vhost_user_gpu_dmabuf_scanout) == 40, "dmabuf scanout");
_Static_assert(sizeof(struct vhost_user_gpu_dmabuf_scanout2) == 48, "dmabuf scanout 2");

/* What the front-end answers, from the header on: 'header.size' bytes of the union. */
struct vhost_user_gpu_reply {
    uint32_t unused; /* so that the payload lies where its type may, right behind the header */
    struct vhost_user_gpu_header header;
    union {
        uint64_t u64;
        struct virtio_gpu_resp_display_info display_info;
        struct virtio_gpu_resp_edid edid;
    };
};

_Static_assert(offsetof(struct vhost_user_gpu_reply, u64) == 4 + VHOST_USER_GPU_HEADER_SIZE,
               "payload");

#define VHOST_USER_GPU_MAX_REPLY 1056u /* bytes of payload: an EDID */

struct vhost_user_gpu_rule {
    const char *name;
    uint32_t min_size, max_size; /* of the request's payload */
    uint8_t max_fds;
    bool replied;   /* whether the front-end answers */
    uint32_t reply; /* bytes of the answer's payload, exactly */
    uint64_t needs; /* protocol features that must have been taken */
};

/* The rule of a request, or NULL when there is no such one. */
const struct vhost_user_gpu_rule *vhost_user_gpu_rule(uint32_t request);
/* "SCANOUT", or "?" */
const char *vhost_user_gpu_request_name(uint32_t request);

/* Whether a header can begin an answer of the front-end: one that this request has, of the right
 * size. NULL if so, else the reason: the stream cannot be trusted any more. */
const char *vhost_user_gpu_check_reply(const struct vhost_user_gpu_header *header);

/* Whether a request of a back-end keeps its rule; 'payload' are its header.size bytes, 'features'
 * what was taken. For whoever plays the front-end. NULL if so, else the reason. */
const char *vhost_user_gpu_check_request(const struct vhost_user_gpu_header *header,
                                         const void *payload, unsigned fds, uint64_t features);

#endif
