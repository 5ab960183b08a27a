/* SPDX-License-Identifier: MIT */
#include "media/codec_list.h"

#include <stddef.h>
#include <string.h>

#include <linux/videodev2.h>

#ifndef V4L2_PIX_FMT_AV1 /* newer than the oldest header */
#define V4L2_PIX_FMT_AV1 v4l2_fourcc('A', 'V', '0', '1')
#endif

static const struct {
    const char *name;
    uint32_t fourcc;
} names[] = {
    {"h264", V4L2_PIX_FMT_H264},   {"hevc", V4L2_PIX_FMT_HEVC}, {"vp8", V4L2_PIX_FMT_VP8},
    {"vp9", V4L2_PIX_FMT_VP9},     {"av1", V4L2_PIX_FMT_AV1},   {"mpeg2", V4L2_PIX_FMT_MPEG2},
    {"mjpeg", V4L2_PIX_FMT_MJPEG},
};

/* The format that the first 'length' bytes name; 0: none. */
static uint32_t format_of(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i].name) == length && memcmp(names[i].name, name, length) == 0)
            return names[i].fourcc;
    return 0;
}

bool codec_list_has(const char *list, uint32_t fourcc)
{
    if (list == NULL)
        return fourcc != V4L2_PIX_FMT_MJPEG;
    while (*list != '\0') {
        size_t length = strcspn(list, ",");

        if (format_of(list, length) == fourcc)
            return true;
        list += length + (list[length] == ',');
    }
    return false;
}

const char *codec_list_refusal(const char *list)
{
    do {
        size_t length = strcspn(list, ",");

        if (format_of(list, length) == 0)
            return "it must be some of h264, hevc, vp8, vp9, av1, mpeg2 and mjpeg, with commas "
                   "between them";
        list += length;
    } while (*list++ == ',');
    return NULL;
}
