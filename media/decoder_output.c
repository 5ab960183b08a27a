/* SPDX-License-Identifier: MIT */
#include "media/decoder_output.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

void decoder_output_init(struct decoder_output *output, const struct av_library *av)
{
    *output = (struct decoder_output){.av = av};
    av_scale_init(&output->scale, av);
}

void decoder_output_finish(struct decoder_output *output)
{
    av_scale_finish(&output->scale);
}

/* ---- what a frame is ---- */

static uint32_t colorspace_of(enum AVColorPrimaries primaries)
{
    switch (primaries) {
    case AVCOL_PRI_BT709:
        return V4L2_COLORSPACE_REC709;
    case AVCOL_PRI_BT470M:
        return V4L2_COLORSPACE_470_SYSTEM_M;
    case AVCOL_PRI_BT470BG:
        return V4L2_COLORSPACE_470_SYSTEM_BG;
    case AVCOL_PRI_SMPTE170M:
        return V4L2_COLORSPACE_SMPTE170M;
    case AVCOL_PRI_SMPTE240M:
        return V4L2_COLORSPACE_SMPTE240M;
    case AVCOL_PRI_BT2020:
        return V4L2_COLORSPACE_BT2020;
    case AVCOL_PRI_SMPTE431:
        return V4L2_COLORSPACE_DCI_P3;
    default:
        return V4L2_COLORSPACE_DEFAULT;
    }
}

static uint32_t encoding_of(enum AVColorSpace space)
{
    switch (space) {
    case AVCOL_SPC_BT709:
        return V4L2_YCBCR_ENC_709;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
        return V4L2_YCBCR_ENC_601;
    case AVCOL_SPC_SMPTE240M:
        return V4L2_YCBCR_ENC_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
        return V4L2_YCBCR_ENC_BT2020;
    case AVCOL_SPC_BT2020_CL:
        return V4L2_YCBCR_ENC_BT2020_CONST_LUM;
    default:
        return V4L2_YCBCR_ENC_DEFAULT;
    }
}

static uint32_t transfer_of(enum AVColorTransferCharacteristic transfer)
{
    switch (transfer) {
    case AVCOL_TRC_BT709:
    case AVCOL_TRC_SMPTE170M:
    case AVCOL_TRC_BT2020_10:
    case AVCOL_TRC_BT2020_12:
        return V4L2_XFER_FUNC_709;
    case AVCOL_TRC_SMPTE240M:
        return V4L2_XFER_FUNC_SMPTE240M;
    case AVCOL_TRC_IEC61966_2_1:
        return V4L2_XFER_FUNC_SRGB;
    case AVCOL_TRC_SMPTE2084:
        return V4L2_XFER_FUNC_SMPTE2084;
    case AVCOL_TRC_LINEAR:
        return V4L2_XFER_FUNC_NONE;
    default:
        return V4L2_XFER_FUNC_DEFAULT;
    }
}

static uint32_t range_of(enum AVColorRange range, int format)
{
    if (range == AVCOL_RANGE_JPEG || (int)av_scale_plain(format) != format)
        return V4L2_QUANTIZATION_FULL_RANGE;
    return range == AVCOL_RANGE_MPEG ? V4L2_QUANTIZATION_LIM_RANGE : V4L2_QUANTIZATION_DEFAULT;
}

static unsigned bits_of(const struct av_library *av, int format)
{
    const AVPixFmtDescriptor *desc = av->av_pix_fmt_desc_get((enum AVPixelFormat)format);

    return desc != NULL && desc->comp[0].depth > 8 ? 10 : 8;
}

void decoder_output_format(const struct decoder_output *output, const AVFrame *frame,
                           struct decoder_format *format)
{
    *format = (struct decoder_format){
        .width = (uint32_t)frame->width,
        .height = (uint32_t)frame->height,
        .bits = bits_of(output->av, frame->format),
        .colours = {colorspace_of(frame->color_primaries), encoding_of(frame->colorspace),
                    range_of(frame->color_range, frame->format), transfer_of(frame->color_trc)},
    };
}

bool decoder_output_foresee(const struct decoder_output *output, const AVCodecContext *context,
                            struct decoder_format *format)
{
    if (context->width <= 0 || context->height <= 0 || context->pix_fmt == AV_PIX_FMT_NONE)
        return false;
    *format = (struct decoder_format){
        .width = (uint32_t)context->width,
        .height = (uint32_t)context->height,
        .bits = bits_of(output->av, context->pix_fmt),
        .colours = {colorspace_of(context->color_primaries), encoding_of(context->colorspace),
                    range_of(context->color_range, context->pix_fmt),
                    transfer_of(context->color_trc)},
    };
    return true;
}

bool decoder_format_fits(const struct decoder_format *a, const struct decoder_format *b)
{
    return a->width == b->width && a->height == b->height && a->bits == b->bits;
}

/* ---- writing it ---- */

static enum AVPixelFormat native_format(const struct picture *picture)
{
    switch (picture->format->layout) {
    case PIXEL_NV12:
        return AV_PIX_FMT_NV12;
    case PIXEL_P010:
        return AV_PIX_FMT_P010LE;
    case PIXEL_YUV420:
        return AV_PIX_FMT_YUV420P;
    default:
        return AV_PIX_FMT_NONE;
    }
}

static uint32_t half(uint32_t size)
{
    return size / 2 + size % 2;
}

static const uint8_t *line_of(const AVFrame *frame, unsigned plane, uint32_t line)
{
    return frame->data[plane] + (ptrdiff_t)line * frame->linesize[plane];
}

/* A plane that has the same form on both sides. */
static void copy_plane(const struct picture_part *part, const AVFrame *frame, unsigned plane,
                       size_t bytes, uint32_t lines)
{
    for (uint32_t y = 0; y < lines; y++)
        memcpy(part->data + (size_t)y * part->stride, line_of(frame, plane, y), bytes);
}

static void copy_native(const AVFrame *frame, const struct picture *picture, uint8_t *const *planes)
{
    unsigned count = pixel_format_parts(picture->format);

    for (unsigned i = 0; i < count; i++) {
        const struct pixel_plane *shape = &picture->format->components[i];
        struct picture_part part = picture_part(picture, planes, i);
        uint32_t width = (uint32_t)frame->width, height = (uint32_t)frame->height;

        copy_plane(&part, frame, i,
                   (size_t)(shape->across == 2 ? half(width) : width) * shape->unit,
                   shape->down == 2 ? half(height) : height);
    }
}

/* The two chroma planes become one of pairs. */
static void pair_line(uint8_t *restrict to, const uint8_t *restrict u, const uint8_t *restrict v,
                      uint32_t pairs)
{
    for (uint32_t x = 0; x < pairs; x++) {
        to[2 * x] = u[x];
        to[2 * x + 1] = v[x];
    }
}

static void write_nv12(const AVFrame *frame, const struct picture *picture, uint8_t *const *planes)
{
    struct picture_part luma = picture_part(picture, planes, 0);
    struct picture_part chroma = picture_part(picture, planes, 1);

    copy_plane(&luma, frame, 0, (size_t)frame->width, (uint32_t)frame->height);
    for (uint32_t y = 0; y < half((uint32_t)frame->height); y++)
        pair_line(chroma.data + (size_t)y * chroma.stride, line_of(frame, 1, y),
                  line_of(frame, 2, y), half((uint32_t)frame->width));
}

/* Ten bits go to the upper end of sixteen. */
static void raise_line(uint16_t *restrict to, const uint16_t *restrict from, uint32_t samples)
{
    for (uint32_t x = 0; x < samples; x++)
        to[x] = (uint16_t)(from[x] << 6);
}

static void raise_pair_line(uint16_t *restrict to, const uint16_t *restrict u,
                            const uint16_t *restrict v, uint32_t pairs)
{
    for (uint32_t x = 0; x < pairs; x++) {
        to[2 * x] = (uint16_t)(u[x] << 6);
        to[2 * x + 1] = (uint16_t)(v[x] << 6);
    }
}

static void write_p010(const AVFrame *frame, const struct picture *picture, uint8_t *const *planes)
{
    struct picture_part luma = picture_part(picture, planes, 0);
    struct picture_part chroma = picture_part(picture, planes, 1);

    for (uint32_t y = 0; y < (uint32_t)frame->height; y++)
        raise_line((uint16_t *)(void *)(luma.data + (size_t)y * luma.stride),
                   (const uint16_t *)(const void *)line_of(frame, 0, y), (uint32_t)frame->width);
    for (uint32_t y = 0; y < half((uint32_t)frame->height); y++)
        raise_pair_line((uint16_t *)(void *)(chroma.data + (size_t)y * chroma.stride),
                        (const uint16_t *)(const void *)line_of(frame, 1, y),
                        (const uint16_t *)(const void *)line_of(frame, 2, y),
                        half((uint32_t)frame->width));
}

/* 0 or -errno; output->scale.made has the frame then. */
static int scale(struct decoder_output *output, const AVFrame *frame, enum AVPixelFormat to)
{
    const struct av_library *av = output->av;
    int r;

    if (!output->told)
        log_debug("decoder: %s is no 4:2:0 that V4L2 has: libswscale makes %s of it",
                  av->av_get_pix_fmt_name(av_scale_plain(frame->format)),
                  av->av_get_pix_fmt_name(to));
    output->told = true;
    r = av_scale_make(&output->scale, to, frame->width, frame->height);
    if (r != 0)
        return r;
    return av_scale_fill(&output->scale, frame, frame->width, frame->height,
                         av_scale_is_full(frame));
}

int decoder_output_write(struct decoder_output *output, const AVFrame *frame,
                         const struct picture *picture, uint8_t *const *planes)
{
    enum AVPixelFormat from = av_scale_plain(frame->format), to = native_format(picture);
    int r;

    if (from == to) {
        copy_native(frame, picture, planes);
    } else if (from == AV_PIX_FMT_YUV420P && to == AV_PIX_FMT_NV12) {
        write_nv12(frame, picture, planes);
    } else if (from == AV_PIX_FMT_YUV420P10LE && to == AV_PIX_FMT_P010LE) {
        write_p010(frame, picture, planes);
    } else {
        r = scale(output, frame, to);
        if (r != 0)
            return r;
        copy_native(output->scale.made, picture, planes);
    }
    return 0;
}
