/* SPDX-License-Identifier: MIT */
#include "media/colours.h"

const struct colours colours_default = {V4L2_COLORSPACE_REC709, V4L2_YCBCR_ENC_709,
                                        V4L2_QUANTIZATION_LIM_RANGE, V4L2_XFER_FUNC_709};

static uint32_t known(uint32_t value, uint32_t last)
{
    return value <= last ? value : 0;
}

struct colours colours_of(const struct v4l2_format *format, bool multiplanar)
{
    const struct v4l2_pix_format *pix = &format->fmt.pix;
    const struct v4l2_pix_format_mplane *mp = &format->fmt.pix_mp;

    return (struct colours){
        known(multiplanar ? mp->colorspace : pix->colorspace, V4L2_COLORSPACE_DCI_P3),
        known(multiplanar ? mp->ycbcr_enc : pix->ycbcr_enc, V4L2_YCBCR_ENC_SMPTE240M),
        known(multiplanar ? mp->quantization : pix->quantization, V4L2_QUANTIZATION_LIM_RANGE),
        known(multiplanar ? mp->xfer_func : pix->xfer_func, V4L2_XFER_FUNC_SMPTE2084),
    };
}

void colours_put(const struct colours *colours, struct v4l2_format *format, bool multiplanar)
{
    if (multiplanar) {
        format->fmt.pix_mp.colorspace = colours->colorspace;
        format->fmt.pix_mp.ycbcr_enc = (uint8_t)colours->ycbcr_enc;
        format->fmt.pix_mp.quantization = (uint8_t)colours->quantization;
        format->fmt.pix_mp.xfer_func = (uint8_t)colours->xfer_func;
    } else {
        format->fmt.pix.colorspace = colours->colorspace;
        format->fmt.pix.ycbcr_enc = colours->ycbcr_enc;
        format->fmt.pix.quantization = colours->quantization;
        format->fmt.pix.xfer_func = colours->xfer_func;
    }
}

struct colours colours_or(const struct colours *colours, const struct colours *other)
{
    return (struct colours){
        colours->colorspace != 0 ? colours->colorspace : other->colorspace,
        colours->ycbcr_enc != 0 ? colours->ycbcr_enc : other->ycbcr_enc,
        colours->quantization != 0 ? colours->quantization : other->quantization,
        colours->xfer_func != 0 ? colours->xfer_func : other->xfer_func,
    };
}
