/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_V4L2_IOCTL_H
#define PROTOCOL_V4L2_IOCTL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The V4L2 ioctls as virtio-media carries them: by number, with the payload of their 64-bit Linux
 * struct. One row each, so that sizes are checked once, before any handler.
 */

/* What follows the payload in both parts of the request. */
enum v4l2_ioctl_tail {
    V4L2_IOCTL_TAIL_NONE,
    V4L2_IOCTL_TAIL_PLANES,   /* multi-planar v4l2_buffer: 'length' x v4l2_plane */
    V4L2_IOCTL_TAIL_CONTROLS, /* v4l2_ext_controls: 'count' x v4l2_ext_control */
};

struct v4l2_ioctl {
    const char *name;   /* "G_FMT"; NULL where V4L2 has no ioctl of that number */
    bool in;            /* the driver sends a payload */
    bool out;           /* the device answers with one */
    uint8_t tail;       /* enum v4l2_ioctl_tail */
    bool echo_on_error; /* a driver needs the payload, error_idx in it, with an error too */
    uint16_t size;      /* of the payload, bytes */
};

/* Ioctl numbers are below this. */
#define V4L2_IOCTL_COUNT 105u

/* The row of that number (_IOC_NR), or NULL when V4L2 has no such ioctl. A driver may send more
 * than 'size': G_INPUT and G_OUTPUT, which only read, come with 4 readable bytes too. */
const struct v4l2_ioctl *v4l2_ioctl_find(uint32_t number);

#endif
