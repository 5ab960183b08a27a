/* SPDX-License-Identifier: MIT */
#include "media/ioctl.h"

#include <errno.h>

#include <linux/videodev2.h>

#define ROW(name, function) [_IOC_NR(VIDIOC_##name)] = (function)

/* What a capture device without tuner, standards, timings and codec has. QUERYCAP, DQBUF,
 * priorities, CROPCAP and G_CROP are answered inside the guest. */
static ioctl_handler *const handlers[V4L2_IOCTL_COUNT] = {
    ROW(ENUM_FMT, ioctl_enum_fmt),
    ROW(G_FMT, ioctl_g_fmt),
    ROW(S_FMT, ioctl_s_fmt),
    ROW(TRY_FMT, ioctl_try_fmt),
    ROW(REQBUFS, ioctl_reqbufs),
    ROW(QUERYBUF, ioctl_querybuf),
    ROW(QBUF, ioctl_qbuf),
    ROW(STREAMON, ioctl_streamon),
    ROW(STREAMOFF, ioctl_streamoff),
    ROW(G_PARM, ioctl_g_parm),
    ROW(S_PARM, ioctl_s_parm),
    ROW(ENUMINPUT, ioctl_enuminput),
    ROW(G_CTRL, ioctl_no_control),
    ROW(S_CTRL, ioctl_no_control),
    ROW(QUERYCTRL, ioctl_no_control),
    ROW(QUERYMENU, ioctl_no_control),
    ROW(G_INPUT, ioctl_g_input),
    ROW(S_INPUT, ioctl_s_input),
    ROW(G_EXT_CTRLS, ioctl_ext_ctrls_get),
    ROW(S_EXT_CTRLS, ioctl_ext_ctrls_set),
    ROW(TRY_EXT_CTRLS, ioctl_ext_ctrls_try),
    ROW(ENUM_FRAMESIZES, ioctl_enum_framesizes),
    ROW(ENUM_FRAMEINTERVALS, ioctl_enum_frameintervals),
    ROW(SUBSCRIBE_EVENT, ioctl_subscribe_event),
    ROW(UNSUBSCRIBE_EVENT, ioctl_unsubscribe_event),
    ROW(CREATE_BUFS, ioctl_create_bufs),
    ROW(PREPARE_BUF, ioctl_prepare_buf),
    ROW(QUERY_EXT_CTRL, ioctl_no_control),
};

int ioctl_run(struct media *media, uint32_t number, struct ioctl_call *call)
{
    if (number >= V4L2_IOCTL_COUNT || handlers[number] == NULL)
        return -ENOTTY;
    return handlers[number](media, call);
}
