/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_V4L2_CONTROLS_H
#define MEDIA_V4L2_CONTROLS_H

#include <stddef.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "media/ioctl.h"

struct guest_memory;

/* Bytes of all strings, arrays and structures of one call. */
#define V4L2_CONTROLS_MAX_BYTES (1u << 20)

/* The controls of a G/S/TRY_EXT_CTRLS for the host: a copy in which what is pointed to is ours. */
struct v4l2_controls {
    struct v4l2_ext_control *list; /* owned; NULL: there are none */
    uint32_t count;
    uint8_t *bytes; /* owned: what they point to, one behind the other */
};

/* Copies what the call has behind its payload. 0 or -errno; *answer is the bytes of the tail to
 * answer with. */
int v4l2_controls_init(struct v4l2_controls *controls, const struct ioctl_call *call,
                       struct guest_memory *memory, size_t *answer);
/* Copies back what the host has made of it: the values, and with 'bytes' what is pointed to, into
 * the guest's memory. 0 or -EFAULT. */
int v4l2_controls_answer(const struct v4l2_controls *controls, struct ioctl_call *call,
                         struct guest_memory *memory, bool bytes);
/* Also after a failed init. */
void v4l2_controls_finish(struct v4l2_controls *controls);

#endif
