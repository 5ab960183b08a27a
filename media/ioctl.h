/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_IOCTL_H
#define MEDIA_IOCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/v4l2_ioctl.h"

struct context;
struct media;
struct session;

/* An ioctl in a private copy: the handler changes payload and tail in place, and they are the
 * answer. */
struct ioctl_call {
    const struct v4l2_ioctl *row; /* NULL: no ioctl is meant */
    uint32_t number;
    struct session *session;
    bool again;    /* a worker before us may have done it, and has not answered */
    void *payload; /* row->size bytes, 8-aligned; zeros where the driver sends none */
    void *tail;    /* what followed in the request: planes, controls */
    size_t tail_size;
    size_t tail_answer; /* set by the handler: bytes of the tail to answer with; cut off at the
                           driver's room */
};

/* Runs the ioctl. Returns 0 or -errno; -ENOTTY for what the context does not have; -EINPROGRESS:
 * context_answer comes later. */
int ioctl_run(struct media *media, struct ioctl_call *call);
/* Whether ioctl 'number' takes buffers away, so that it has to wait while the context is busy. */
bool ioctl_waits(uint32_t number);

/* The handlers, by file. Each fits v4l2_ioctl's row of its name and returns 0 or -errno. */
typedef int ioctl_handler(struct context *context, struct ioctl_call *call);

/* ioctl_format.c */
ioctl_handler ioctl_enum_fmt, ioctl_g_fmt, ioctl_s_fmt, ioctl_try_fmt, ioctl_enum_framesizes,
    ioctl_enum_frameintervals, ioctl_g_parm, ioctl_s_parm, ioctl_g_selection, ioctl_s_selection;
/* ioctl_buffer.c */
ioctl_handler ioctl_reqbufs, ioctl_create_bufs, ioctl_querybuf, ioctl_qbuf, ioctl_prepare_buf,
    ioctl_streamon, ioctl_streamoff;
/* ioctl_codec.c */
ioctl_handler ioctl_decoder_cmd, ioctl_try_decoder_cmd, ioctl_encoder_cmd, ioctl_try_encoder_cmd;
/* ioctl_input.c */
ioctl_handler ioctl_enuminput, ioctl_g_input, ioctl_s_input;
/* ioctl_control.c */
ioctl_handler ioctl_query_ext_ctrl, ioctl_queryctrl, ioctl_querymenu, ioctl_g_ctrl, ioctl_s_ctrl;
/* ioctl_ext_control.c */
ioctl_handler ioctl_g_ext_ctrls, ioctl_s_ext_ctrls, ioctl_try_ext_ctrls;
/* ioctl_event.c */
ioctl_handler ioctl_subscribe_event, ioctl_unsubscribe_event;

#endif
