/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PICTURE_H
#define MEDIA_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

/* The most memory planes of a format here, and the most planes of components. */
#define PICTURE_MAX_PLANES 3u

/* How the components lie in memory. */
enum pixel_layout {
    PIXEL_YUYV,    /* Y0 U Y1 V, 4:2:2 */
    PIXEL_UYVY,    /* U Y0 V Y1, 4:2:2 */
    PIXEL_NV12,    /* Y, then U and V in pairs, 4:2:0 */
    PIXEL_P010,    /* the same in 16 bits each, the upper 10 of them used */
    PIXEL_YUV420,  /* Y, then U, then V, 4:2:0 */
    PIXEL_YUV422P, /* Y, then U, then V, 4:2:2 */
    PIXEL_GREY,    /* Y */
    PIXEL_RGB24,   /* R G B bytes */
};

/* A plane of components: units of so many bytes, each for a rectangle of pixels. */
struct pixel_plane {
    uint8_t unit;         /* bytes; 0: the layout has no such plane */
    uint8_t across, down; /* pixels; 1 or 2 */
};

/* A V4L2 pixel format. */
struct pixel_format {
    uint32_t fourcc;
    const char *description;
    enum pixel_layout layout;
    unsigned planes; /* of memory, buffers of their own: 1, or one for each plane of components */
    struct pixel_plane components[PICTURE_MAX_PLANES];
};

/* A format with a size, and what follows from both. Widths and heights are even. */
struct picture {
    const struct pixel_format *format;
    uint32_t width, height; /* pixels */
    uint32_t bytes_per_line[PICTURE_MAX_PLANES];
    uint32_t plane_size[PICTURE_MAX_PLANES]; /* bytes */
};

#define PICTURE_STEP 2u
#define PICTURE_MAX_SIDE 16384u

/* The row of a V4L2 fourcc, or NULL. */
const struct pixel_format *pixel_format_find(uint32_t fourcc);
/* The format number 'index' of all, NULL past the end. */
const struct pixel_format *pixel_format_at(unsigned index);

/* Fills 'picture' for that format and size, which must be multiples of PICTURE_STEP and at most
 * PICTURE_MAX_SIDE: then every plane's size fits 32 bits. */
void picture_init(struct picture *picture, const struct pixel_format *format, uint32_t width,
                  uint32_t height);
/* The bytes of all its planes together. */
uint64_t picture_size(const struct picture *picture);
/* Describes it as VIDIOC_G_FMT does; overwrites all of 'fmt' but its type. */
void picture_to_pix(const struct picture *picture, struct v4l2_pix_format *fmt);
void picture_to_pix_mp(const struct picture *picture, struct v4l2_pix_format_mplane *fmt);

/* A plane of components in the memory of a picture. */
struct picture_part {
    uint8_t *data;
    uint32_t stride; /* bytes from line to line */
    uint32_t lines;
};

/* Where the plane of components number 'index' (one that the format has) lies, given the memory of
 * the picture's planes. */
struct picture_part picture_part(const struct picture *picture, uint8_t *const *planes,
                                 unsigned index);
/* How many planes of components a format has. */
unsigned pixel_format_parts(const struct pixel_format *format);

#endif
