/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_COLOURS_H
#define MEDIA_COLOURS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

/*
 * What the numbers of a picture mean, in V4L2's words (enum v4l2_colorspace and its companions;
 * each 0: not said). A codec carries it from one queue to the other.
 */
struct colours {
    uint32_t colorspace, ycbcr_enc, quantization, xfer_func;
};

/* BT.709, limited range: what is meant when nobody says anything. */
extern const struct colours colours_default;

/* Those of a format; what V4L2 does not know becomes 0. 'multiplanar' says which it is. */
struct colours colours_of(const struct v4l2_format *format, bool multiplanar);
void colours_put(const struct colours *colours, struct v4l2_format *format, bool multiplanar);
/* Where 'colours' says nothing, 'other' speaks. */
struct colours colours_or(const struct colours *colours, const struct colours *other);

#endif
