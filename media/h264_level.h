/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_H264_LEVEL_H
#define MEDIA_H264_LEVEL_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

/* The levels of H.264 (ITU-T H.264, table A-1), as V4L2 counts them (enum
 * v4l2_mpeg_video_h264_level, 1b left out). */

/* The lowest level that has room for such a stream; the highest there is, if none has.
 * 'bitrate' is in bits per second, 'high' whether the profile is High. */
uint32_t h264_level_needed(uint32_t width, uint32_t height, struct v4l2_fract interval,
                           uint32_t bitrate, bool high);
/* The number in a stream, level_idc: 40 for 4.0. */
int h264_level_idc(uint32_t level);

#endif
