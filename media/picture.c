/* SPDX-License-Identifier: MIT */
#include "media/picture.h"

#include <stddef.h>
#include <string.h>

static const struct pixel_format formats[] = {
    {V4L2_PIX_FMT_YUYV, "YUYV 4:2:2", PIXEL_YUYV, 1},
    {V4L2_PIX_FMT_NV12, "Y/UV 4:2:0", PIXEL_NV12, 1},
    {V4L2_PIX_FMT_RGB24, "24-bit RGB 8-8-8", PIXEL_RGB24, 1},
    {V4L2_PIX_FMT_NV12M, "Y/UV 4:2:0 (N-C)", PIXEL_NV12, 2},
};

const struct pixel_format *pixel_format_find(uint32_t fourcc)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (formats[i].fourcc == fourcc)
            return &formats[i];
    return NULL;
}

void picture_init(struct picture *picture, const struct pixel_format *format, uint32_t width,
                  uint32_t height)
{
    *picture = (struct picture){.format = format, .width = width, .height = height};
    switch (format->layout) {
    case PIXEL_YUYV:
        picture->bytes_per_line[0] = width * 2;
        picture->plane_size[0] = width * 2 * height;
        break;
    case PIXEL_RGB24:
        picture->bytes_per_line[0] = width * 3;
        picture->plane_size[0] = width * 3 * height;
        break;
    case PIXEL_NV12:
        picture->bytes_per_line[0] = width;
        picture->plane_size[0] = width * height;
        if (format->planes == 2) {
            picture->bytes_per_line[1] = width;
            picture->plane_size[1] = width * height / 2;
        } else {
            picture->plane_size[0] += width * height / 2;
        }
        break;
    }
}

uint8_t *picture_chroma(const struct picture *picture, uint8_t *const *planes)
{
    if (picture->format->planes == 2)
        return planes[1];
    return planes[0] + (size_t)picture->width * picture->height;
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
