/* SPDX-License-Identifier: MIT */
#include "media_ioctl_table.h"

#include <linux/videodev2.h>

#define NONE(name)                                                                                 \
    {                                                                                              \
#name, VIDIOC_##name, 0, MEDIA_IOCTL_ENOTTY                                                \
    }
#define SOME(name, first)                                                                          \
    {                                                                                              \
#name, VIDIOC_##name, first, MEDIA_IOCTL_OPTIONAL                                          \
    }

/* clang-format off */
static const struct media_ioctl_row rows[] = {
    NONE(QUERYCAP), NONE(G_FBUF), NONE(S_FBUF), NONE(OVERLAY), NONE(EXPBUF), NONE(DQBUF),
    NONE(G_STD), NONE(S_STD), NONE(QUERYSTD), NONE(ENUMSTD),
    NONE(G_TUNER), NONE(S_TUNER), NONE(G_AUDIO), NONE(S_AUDIO), NONE(ENUMAUDIO),
    NONE(G_OUTPUT), NONE(S_OUTPUT), NONE(ENUMOUTPUT), NONE(G_EDID), NONE(S_EDID),
    NONE(G_AUDOUT), NONE(S_AUDOUT), NONE(ENUMAUDOUT), NONE(G_MODULATOR), NONE(S_MODULATOR),
    NONE(G_FREQUENCY), NONE(S_FREQUENCY), NONE(CROPCAP), NONE(G_CROP), NONE(S_CROP),
    NONE(G_JPEGCOMP), NONE(S_JPEGCOMP), NONE(G_PRIORITY), NONE(S_PRIORITY),
    NONE(G_SLICED_VBI_CAP), NONE(LOG_STATUS), NONE(G_ENC_INDEX), NONE(ENCODER_CMD),
    NONE(TRY_ENCODER_CMD), NONE(DBG_S_REGISTER), NONE(DBG_G_REGISTER), NONE(DBG_G_CHIP_INFO),
    NONE(S_HW_FREQ_SEEK), NONE(S_DV_TIMINGS), NONE(G_DV_TIMINGS), NONE(ENUM_DV_TIMINGS),
    NONE(QUERY_DV_TIMINGS), NONE(DV_TIMINGS_CAP), NONE(DQEVENT), NONE(DECODER_CMD),
    NONE(TRY_DECODER_CMD), NONE(ENUM_FREQ_BANDS),
    {"REMOVE_BUFS", _IOWR('V', 104, uint8_t[64]), 0, MEDIA_IOCTL_ENOTTY},
    SOME(QUERYCTRL, V4L2_CID_BRIGHTNESS), SOME(G_CTRL, V4L2_CID_BRIGHTNESS),
    SOME(S_CTRL, V4L2_CID_BRIGHTNESS), SOME(QUERYMENU, V4L2_CID_BRIGHTNESS),
    SOME(QUERY_EXT_CTRL, V4L2_CTRL_FLAG_NEXT_CTRL),
    SOME(G_EXT_CTRLS, 0), SOME(S_EXT_CTRLS, 0), SOME(TRY_EXT_CTRLS, 0),
    SOME(SUBSCRIBE_EVENT, V4L2_EVENT_CTRL), SOME(UNSUBSCRIBE_EVENT, V4L2_EVENT_ALL),
    SOME(G_SELECTION, V4L2_BUF_TYPE_VIDEO_CAPTURE),
    SOME(S_SELECTION, V4L2_BUF_TYPE_VIDEO_CAPTURE),
    SOME(CREATE_BUFS, 0), SOME(PREPARE_BUF, 0),
};
/* clang-format on */

const struct media_ioctl_row *media_ioctl_rows(unsigned *count)
{
    *count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}
