/* SPDX-License-Identifier: MIT */
#include "protocol/v4l2_ioctl.h"

#include <stddef.h>

#include <linux/videodev2.h>

#define ROW_TAIL(ioctl, tail_kind, echo)                                                           \
    [_IOC_NR(VIDIOC_##ioctl)] = {                                                                  \
        .name = #ioctl,                                                                            \
        .in = (_IOC_DIR(VIDIOC_##ioctl) & _IOC_WRITE) != 0,                                        \
        .out = (_IOC_DIR(VIDIOC_##ioctl) & _IOC_READ) != 0,                                        \
        .tail = (tail_kind),                                                                       \
        .echo_on_error = (echo),                                                                   \
        .size = _IOC_SIZE(VIDIOC_##ioctl),                                                         \
    }
#define ROW(ioctl) ROW_TAIL(ioctl, V4L2_IOCTL_TAIL_NONE, false)
#define ROW_PLANES(ioctl) ROW_TAIL(ioctl, V4L2_IOCTL_TAIL_PLANES, false)
#define ROW_CONTROLS(ioctl) ROW_TAIL(ioctl, V4L2_IOCTL_TAIL_CONTROLS, true)

static const struct v4l2_ioctl rows[V4L2_IOCTL_COUNT] = {
    ROW(QUERYCAP),
    ROW(ENUM_FMT),
    ROW(G_FMT),
    ROW(S_FMT),
    ROW(REQBUFS),
    ROW_PLANES(QUERYBUF),
    ROW(G_FBUF),
    ROW(S_FBUF),
    ROW(OVERLAY),
    ROW_PLANES(QBUF),
    ROW(EXPBUF),
    ROW_PLANES(DQBUF),
    ROW(STREAMON),
    ROW(STREAMOFF),
    ROW(G_PARM),
    ROW(S_PARM),
    ROW(G_STD),
    ROW(S_STD),
    ROW(ENUMSTD),
    ROW(ENUMINPUT),
    ROW(G_CTRL),
    ROW(S_CTRL),
    ROW(G_TUNER),
    ROW(S_TUNER),
    ROW(G_AUDIO),
    ROW(S_AUDIO),
    ROW(QUERYCTRL),
    ROW(QUERYMENU),
    ROW(G_INPUT),
    ROW(S_INPUT),
    ROW(G_EDID),
    ROW(S_EDID),
    ROW(G_OUTPUT),
    ROW(S_OUTPUT),
    ROW(ENUMOUTPUT),
    ROW(G_AUDOUT),
    ROW(S_AUDOUT),
    ROW(G_MODULATOR),
    ROW(S_MODULATOR),
    ROW(G_FREQUENCY),
    ROW(S_FREQUENCY),
    ROW(CROPCAP),
    ROW(G_CROP),
    ROW(S_CROP),
    ROW(G_JPEGCOMP),
    ROW(S_JPEGCOMP),
    ROW(QUERYSTD),
    ROW(TRY_FMT),
    ROW(ENUMAUDIO),
    ROW(ENUMAUDOUT),
    ROW(G_PRIORITY),
    ROW(S_PRIORITY),
    ROW(G_SLICED_VBI_CAP),
    ROW(LOG_STATUS),
    ROW_CONTROLS(G_EXT_CTRLS),
    ROW_CONTROLS(S_EXT_CTRLS),
    ROW_CONTROLS(TRY_EXT_CTRLS),
    ROW(ENUM_FRAMESIZES),
    ROW(ENUM_FRAMEINTERVALS),
    ROW(G_ENC_INDEX),
    ROW(ENCODER_CMD),
    ROW(TRY_ENCODER_CMD),
    ROW(DBG_S_REGISTER),
    ROW(DBG_G_REGISTER),
    ROW(S_HW_FREQ_SEEK),
    ROW(S_DV_TIMINGS),
    ROW(G_DV_TIMINGS),
    ROW(DQEVENT),
    ROW(SUBSCRIBE_EVENT),
    ROW(UNSUBSCRIBE_EVENT),
    ROW(CREATE_BUFS),
    ROW_PLANES(PREPARE_BUF),
    ROW(G_SELECTION),
    ROW(S_SELECTION),
    ROW(DECODER_CMD),
    ROW(TRY_DECODER_CMD),
    ROW(ENUM_DV_TIMINGS),
    ROW(QUERY_DV_TIMINGS),
    ROW(DV_TIMINGS_CAP),
    ROW(ENUM_FREQ_BANDS),
    ROW(DBG_G_CHIP_INFO),
    ROW(QUERY_EXT_CTRL),
    /* Linux 6.10: the headers of Debian 12 do not have it. */
    [104] = {.name = "REMOVE_BUFS", .in = true, .out = true, .size = 64},
};

/* The wire has the 64-bit layout, whatever this was built on. */
_Static_assert(sizeof(struct v4l2_buffer) == 88, "v4l2_buffer");
_Static_assert(sizeof(struct v4l2_plane) == 64, "v4l2_plane");
_Static_assert(sizeof(struct v4l2_format) == 208, "v4l2_format");
_Static_assert(sizeof(struct v4l2_ext_controls) == 32, "v4l2_ext_controls");
_Static_assert(sizeof(struct v4l2_ext_control) == 20, "v4l2_ext_control");
_Static_assert(sizeof(struct v4l2_create_buffers) == 256, "v4l2_create_buffers");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structs are used as they are");

const struct v4l2_ioctl *v4l2_ioctl_find(uint32_t number)
{
    if (number >= V4L2_IOCTL_COUNT || rows[number].name == NULL)
        return NULL;
    return &rows[number];
}
