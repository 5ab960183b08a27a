/* SPDX-License-Identifier: MIT */
#include "media/h264_level.h"

#include <stddef.h>

static const struct {
    uint32_t level;
    int idc;
    uint32_t rate;    /* macroblocks per second */
    uint32_t size;    /* macroblocks per picture */
    uint32_t bitrate; /* kilobits per second, Main profile */
} levels[] = {
    {V4L2_MPEG_VIDEO_H264_LEVEL_1_0, 10, 1485, 99, 64},
    {V4L2_MPEG_VIDEO_H264_LEVEL_1_1, 11, 3000, 396, 192},
    {V4L2_MPEG_VIDEO_H264_LEVEL_1_2, 12, 6000, 396, 384},
    {V4L2_MPEG_VIDEO_H264_LEVEL_1_3, 13, 11880, 396, 768},
    {V4L2_MPEG_VIDEO_H264_LEVEL_2_0, 20, 11880, 396, 2000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_2_1, 21, 19800, 792, 4000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_2_2, 22, 20250, 1620, 4000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_3_0, 30, 40500, 1620, 10000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_3_1, 31, 108000, 3600, 14000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_3_2, 32, 216000, 5120, 20000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_4_0, 40, 245760, 8192, 20000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_4_1, 41, 245760, 8192, 50000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_4_2, 42, 522240, 8704, 50000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_5_0, 50, 589824, 22080, 135000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_5_1, 51, 983040, 36864, 240000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_5_2, 52, 2073600, 36864, 240000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_6_0, 60, 4177920, 139264, 240000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_6_1, 61, 8355840, 139264, 480000},
    {V4L2_MPEG_VIDEO_H264_LEVEL_6_2, 62, 16711680, 139264, 800000},
};
#define LEVELS (sizeof(levels) / sizeof(levels[0]))

uint32_t h264_level_needed(uint32_t width, uint32_t height, struct v4l2_fract interval,
                           uint32_t bitrate, bool high)
{
    uint64_t across = (width + 15) / 16, down = (height + 15) / 16, size = across * down;
    uint64_t rate = (size * interval.denominator + interval.numerator - 1) / interval.numerator;

    for (size_t i = 0; i < LEVELS; i++) {
        /* High may take 5/4 of the bits. */
        uint64_t bits = (uint64_t)levels[i].bitrate * (high ? 1250 : 1000);
        /* No side is longer than the root of 8 pictures of macroblocks. */
        uint64_t side = 8ull * levels[i].size;

        if (size <= levels[i].size && rate <= levels[i].rate && bitrate <= bits &&
            across * across <= side && down * down <= side)
            return levels[i].level;
    }
    return levels[LEVELS - 1].level;
}

int h264_level_idc(uint32_t level)
{
    for (size_t i = 0; i < LEVELS; i++)
        if (levels[i].level == level)
            return levels[i].idc;
    return levels[LEVELS - 1].idc;
}
