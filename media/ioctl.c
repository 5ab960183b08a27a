/* SPDX-License-Identifier: MIT */
#include "media/ioctl.h"

#include <errno.h>

#include <linux/videodev2.h>

#include "media/context.h"
#include "media/session.h"

/* 'waits': it takes buffers away from a thread that may work on them. */
struct ioctl_row {
    ioctl_handler *run;
    bool waits;
};

#define ROW(name, function) [_IOC_NR(VIDIOC_##name)] = {(function), false}
#define ROW_WAITS(name, function) [_IOC_NR(VIDIOC_##name)] = {(function), true}

/* What a device without tuner, standards and timings has. QUERYCAP, DQBUF, priorities, CROPCAP and
 * G_CROP are answered inside the guest. */
static const struct ioctl_row handlers[V4L2_IOCTL_COUNT] = {
    ROW(ENUM_FMT, ioctl_enum_fmt),
    ROW(G_FMT, ioctl_g_fmt),
    ROW_WAITS(S_FMT, ioctl_s_fmt),
    ROW(TRY_FMT, ioctl_try_fmt),
    ROW_WAITS(REQBUFS, ioctl_reqbufs),
    ROW(QUERYBUF, ioctl_querybuf),
    ROW(QBUF, ioctl_qbuf),
    ROW(STREAMON, ioctl_streamon),
    ROW_WAITS(STREAMOFF, ioctl_streamoff),
    ROW(G_PARM, ioctl_g_parm),
    ROW(S_PARM, ioctl_s_parm),
    ROW(ENUMINPUT, ioctl_enuminput),
    ROW(G_CTRL, ioctl_g_ctrl),
    ROW(S_CTRL, ioctl_s_ctrl),
    ROW(QUERYCTRL, ioctl_queryctrl),
    ROW(QUERYMENU, ioctl_querymenu),
    ROW(G_INPUT, ioctl_g_input),
    ROW(S_INPUT, ioctl_s_input),
    ROW(G_EXT_CTRLS, ioctl_g_ext_ctrls),
    ROW(S_EXT_CTRLS, ioctl_s_ext_ctrls),
    ROW(TRY_EXT_CTRLS, ioctl_try_ext_ctrls),
    ROW(ENUM_FRAMESIZES, ioctl_enum_framesizes),
    ROW(ENUM_FRAMEINTERVALS, ioctl_enum_frameintervals),
    ROW(ENCODER_CMD, ioctl_encoder_cmd),
    ROW(TRY_ENCODER_CMD, ioctl_try_encoder_cmd),
    ROW(SUBSCRIBE_EVENT, ioctl_subscribe_event),
    ROW(UNSUBSCRIBE_EVENT, ioctl_unsubscribe_event),
    ROW(CREATE_BUFS, ioctl_create_bufs),
    ROW(PREPARE_BUF, ioctl_prepare_buf),
    ROW(G_SELECTION, ioctl_g_selection),
    ROW(S_SELECTION, ioctl_s_selection),
    ROW(DECODER_CMD, ioctl_decoder_cmd),
    ROW(TRY_DECODER_CMD, ioctl_try_decoder_cmd),
    ROW(QUERY_EXT_CTRL, ioctl_query_ext_ctrl),
};

int ioctl_run(struct media *media, struct ioctl_call *call)
{
    struct context *context = call->session->context;

    if (context->impl->ioctl != NULL)
        return context->impl->ioctl(context, call);
    if (call->number >= V4L2_IOCTL_COUNT || handlers[call->number].run == NULL)
        return -ENOTTY;
    return handlers[call->number].run(context, call);
}

bool ioctl_waits(uint32_t number)
{
    return number < V4L2_IOCTL_COUNT && handlers[number].waits;
}
