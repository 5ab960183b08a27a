/* SPDX-License-Identifier: MIT */
#include "media/picture.h"

#include <stddef.h>
#include <string.h>

#define NV12_PLANES                                                                                \
    {                                                                                              \
        {1, 1, 1}, {2, 2, 2},                                                                      \
    }
#define YUV420_PLANES                                                                              \
    {                                                                                              \
        {1, 1, 1}, {1, 2, 2}, {1, 2, 2},                                                           \
    }

static const struct pixel_format formats[] = {
    {V4L2_PIX_FMT_YUYV, "YUYV 4:2:2", PIXEL_YUYV, 1, {{4, 2, 1}}},
    {V4L2_PIX_FMT_UYVY, "UYVY 4:2:2", PIXEL_UYVY, 1, {{4, 2, 1}}},
    {V4L2_PIX_FMT_NV12, "Y/UV 4:2:0", PIXEL_NV12, 1, NV12_PLANES},
    {V4L2_PIX_FMT_NV12M, "Y/UV 4:2:0 (N-C)", PIXEL_NV12, 2, NV12_PLANES},
    {V4L2_PIX_FMT_P010, "10-bit Y/UV 4:2:0", PIXEL_P010, 1, {{2, 1, 1}, {4, 2, 2}}},
    {V4L2_PIX_FMT_YUV420, "Planar YUV 4:2:0", PIXEL_YUV420, 1, YUV420_PLANES},
    {V4L2_PIX_FMT_YUV420M, "Planar YUV 4:2:0 (N-C)", PIXEL_YUV420, 3, YUV420_PLANES},
    {V4L2_PIX_FMT_YUV422P, "Planar YUV 4:2:2", PIXEL_YUV422P, 1, {{1, 1, 1}, {1, 2, 1}, {1, 2, 1}}},
    {V4L2_PIX_FMT_GREY, "8-bit Greyscale", PIXEL_GREY, 1, {{1, 1, 1}}},
    {V4L2_PIX_FMT_RGB24, "24-bit RGB 8-8-8", PIXEL_RGB24, 1, {{3, 1, 1}}},
};

const struct pixel_format *pixel_format_at(unsigned index)
{
    return index < sizeof(formats) / sizeof(formats[0]) ? &formats[index] : NULL;
}

const struct pixel_format *pixel_format_find(uint32_t fourcc)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (formats[i].fourcc == fourcc)
            return &formats[i];
    return NULL;
}

unsigned pixel_format_parts(const struct pixel_format *format)
{
    unsigned n = 0;

    while (n < PICTURE_MAX_PLANES && format->components[n].unit != 0)
        n++;
    return n;
}

static uint32_t stride_of(const struct picture *picture, unsigned part)
{
    const struct pixel_plane *plane = &picture->format->components[part];

    return picture->width / plane->across * plane->unit;
}

static uint32_t lines_of(const struct picture *picture, unsigned part)
{
    return picture->height / picture->format->components[part].down;
}

void picture_init(struct picture *picture, const struct pixel_format *format, uint32_t width,
                  uint32_t height)
{
    unsigned parts = pixel_format_parts(format);

    *picture = (struct picture){.format = format, .width = width, .height = height};
    for (unsigned i = 0; i < parts; i++) {
        unsigned plane = format->planes > 1 ? i : 0;

        if (picture->bytes_per_line[plane] == 0)
            picture->bytes_per_line[plane] = stride_of(picture, i);
        picture->plane_size[plane] += stride_of(picture, i) * lines_of(picture, i);
    }
}

uint64_t picture_size(const struct picture *picture)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < picture->format->planes; i++)
        size += picture->plane_size[i];
    return size;
}

struct picture_part picture_part(const struct picture *picture, uint8_t *const *planes,
                                 unsigned index)
{
    struct picture_part part = {.stride = stride_of(picture, index),
                                .lines = lines_of(picture, index)};

    if (picture->format->planes > 1) {
        part.data = planes[index];
        return part;
    }
    part.data = planes[0];
    for (unsigned i = 0; i < index; i++)
        part.data += (size_t)stride_of(picture, i) * lines_of(picture, i);
    return part;
}

/* The colours are those of BT.709 with limited range, or sRGB. */
static bool is_rgb(const struct picture *picture)
{
    return picture->format->layout == PIXEL_RGB24;
}

void picture_to_pix(const struct picture *picture, struct v4l2_pix_format *fmt)
{
    bool rgb = is_rgb(picture);

    memset(fmt, 0, sizeof(*fmt));
    fmt->width = picture->width;
    fmt->height = picture->height;
    fmt->pixelformat = picture->format->fourcc;
    fmt->field = V4L2_FIELD_NONE;
    fmt->bytesperline = picture->bytes_per_line[0];
    fmt->sizeimage = picture->plane_size[0];
    fmt->colorspace = rgb ? V4L2_COLORSPACE_SRGB : V4L2_COLORSPACE_REC709;
    fmt->priv = V4L2_PIX_FMT_PRIV_MAGIC;
    fmt->ycbcr_enc = rgb ? V4L2_YCBCR_ENC_DEFAULT : V4L2_YCBCR_ENC_709;
    fmt->quantization = rgb ? V4L2_QUANTIZATION_FULL_RANGE : V4L2_QUANTIZATION_LIM_RANGE;
    fmt->xfer_func = rgb ? V4L2_XFER_FUNC_SRGB : V4L2_XFER_FUNC_709;
}

void picture_to_pix_mp(const struct picture *picture, struct v4l2_pix_format_mplane *fmt)
{
    struct v4l2_pix_format pix;

    picture_to_pix(picture, &pix);
    memset(fmt, 0, sizeof(*fmt));
    fmt->width = pix.width;
    fmt->height = pix.height;
    fmt->pixelformat = pix.pixelformat;
    fmt->field = pix.field;
    fmt->colorspace = pix.colorspace;
    fmt->num_planes = (uint8_t)picture->format->planes;
    fmt->ycbcr_enc = (uint8_t)pix.ycbcr_enc;
    fmt->quantization = (uint8_t)pix.quantization;
    fmt->xfer_func = (uint8_t)pix.xfer_func;
    for (unsigned i = 0; i < picture->format->planes; i++) {
        fmt->plane_fmt[i].sizeimage = picture->plane_size[i];
        fmt->plane_fmt[i].bytesperline = picture->bytes_per_line[i];
    }
}
