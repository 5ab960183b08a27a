/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_IOCTL_H
#define MEDIA_IOCTL_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/v4l2_ioctl.h"

struct media;
struct session;

/* An ioctl in a private copy: the handler changes payload and tail in place, and they are the
 * answer. */
struct ioctl_call {
    const struct v4l2_ioctl *row;
    struct session *session;
    void *payload; /* row->size bytes, 8-aligned; zeros where the driver sends none */
    void *tail;    /* what followed in the request: planes, controls */
    size_t tail_size;
    size_t tail_answer; /* set by the handler: bytes of the tail to answer with; cut off at the
                           driver's room */
};

/* Runs ioctl 'number'. Returns 0 or -errno; -ENOTTY for what a capture device does not have. */
int ioctl_run(struct media *media, uint32_t number, struct ioctl_call *call);

/* The handlers, by file. Each fits v4l2_ioctl's row of its name and returns 0 or -errno. */
typedef int ioctl_handler(struct media *media, struct ioctl_call *call);

/* ioctl_format.c */
ioctl_handler ioctl_enum_fmt, ioctl_g_fmt, ioctl_s_fmt, ioctl_try_fmt, ioctl_enum_framesizes,
    ioctl_enum_frameintervals, ioctl_g_parm, ioctl_s_parm;
/* ioctl_buffer.c */
ioctl_handler ioctl_reqbufs, ioctl_create_bufs, ioctl_querybuf, ioctl_qbuf, ioctl_prepare_buf,
    ioctl_streamon, ioctl_streamoff;
/* ioctl_control.c */
ioctl_handler ioctl_enuminput, ioctl_g_input, ioctl_s_input, ioctl_no_control, ioctl_ext_ctrls_get,
    ioctl_ext_ctrls_set, ioctl_ext_ctrls_try, ioctl_subscribe_event, ioctl_unsubscribe_event;

/* Turns a format that the driver wishes for into the nearest one of this device. -EINVAL for
 * another buffer type. Used by CREATE_BUFS too. */
struct v4l2_format;
struct picture;
int ioctl_fit_format(struct media *media, const struct v4l2_format *wish, struct picture *picture);

#endif
