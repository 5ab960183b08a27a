/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PICTURE_H
#define MEDIA_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

/* The most memory planes of a format here. */
#define PICTURE_MAX_PLANES 2u

/* How the components lie in memory. */
enum pixel_layout {
    PIXEL_YUYV,  /* Y0 U Y1 V, 4:2:2, one plane */
    PIXEL_NV12,  /* Y, then U and V in pairs, 4:2:0 */
    PIXEL_RGB24, /* R G B bytes */
};

/* A V4L2 pixel format. */
struct pixel_format {
    uint32_t fourcc;
    const char *description;
    enum pixel_layout layout;
    unsigned planes; /* of memory: buffers of their own */
};

/*
 * A format with a size, and what follows from both. Widths are multiples of 8 and heights of 2, so
 * that every plane is a multiple of 8 bytes (protocol/frame_stamp.h).
 */
struct picture {
    const struct pixel_format *format;
    uint32_t width, height; /* pixels */
    uint32_t bytes_per_line[PICTURE_MAX_PLANES];
    uint32_t plane_size[PICTURE_MAX_PLANES]; /* bytes */
};

#define PICTURE_WIDTH_STEP 8u
#define PICTURE_HEIGHT_STEP 2u

/* The row of a V4L2 fourcc, or NULL. */
const struct pixel_format *pixel_format_find(uint32_t fourcc);

/* Fills 'picture' for that format and size, which must be multiples of the steps and at most 65536.
 */
void picture_init(struct picture *picture, const struct pixel_format *format, uint32_t width,
                  uint32_t height);
/* Describes it as VIDIOC_G_FMT does; overwrites all of 'fmt' but its type. */
void picture_to_pix(const struct picture *picture, struct v4l2_pix_format *fmt);
void picture_to_pix_mp(const struct picture *picture, struct v4l2_pix_format_mplane *fmt);

/* Where the chroma of an NV12 picture begins, given its planes' memory: in a plane of its own or
 * after the luma. */
uint8_t *picture_chroma(const struct picture *picture, uint8_t *const *planes);

#endif
