/* SPDX-License-Identifier: MIT */
#include "media/encoder_input.h"

#include <errno.h>
#include <string.h>

enum AVPixelFormat encoder_input_format(const struct pixel_format *format)
{
    switch (format->layout) {
    case PIXEL_NV12:
        return AV_PIX_FMT_NV12;
    case PIXEL_YUV420:
        return AV_PIX_FMT_YUV420P;
    case PIXEL_YUV422P:
        return AV_PIX_FMT_YUV422P;
    case PIXEL_YUYV:
        return AV_PIX_FMT_YUYV422;
    case PIXEL_UYVY:
        return AV_PIX_FMT_UYVY422;
    case PIXEL_P010:
        return AV_PIX_FMT_P010LE;
    case PIXEL_GREY:
        return AV_PIX_FMT_GRAY8;
    case PIXEL_RGB24:
        return AV_PIX_FMT_RGB24;
    }
    return AV_PIX_FMT_NONE;
}

/* FFmpeg's name of the raw pictures' matrix, SWS_CS_*; that of what RGB becomes. */
static int matrix_of(const struct encoder_settings *s)
{
    switch (s->colours.ycbcr_enc) {
    case V4L2_YCBCR_ENC_709:
    case V4L2_YCBCR_ENC_XV709:
        return SWS_CS_ITU709;
    case V4L2_YCBCR_ENC_BT2020:
    case V4L2_YCBCR_ENC_BT2020_CONST_LUM:
        return SWS_CS_BT2020;
    case V4L2_YCBCR_ENC_SMPTE240M:
        return SWS_CS_SMPTE240M;
    default:
        return SWS_CS_ITU601;
    }
}

/* The ranges have to be known when it begins: it chooses its way by them. No size changes, so the
 * quality of scaling is that of the chroma's. */
static struct SwsContext *scaler_create(const struct av_library *av,
                                        const struct encoder_settings *s, enum AVPixelFormat raw,
                                        enum AVPixelFormat wanted, bool full)
{
    struct SwsContext *scaler = av->sws_alloc_context();
    bool jpeg = s->coded == V4L2_PIX_FMT_MJPEG;
    const int *from = av->sws_getCoefficients(matrix_of(s));
    /* JPEG has but one. */
    const int *to = av->sws_getCoefficients(jpeg ? SWS_CS_ITU601 : matrix_of(s));
    bool raw_full = s->colours.quantization == V4L2_QUANTIZATION_FULL_RANGE;
    const struct {
        const char *name;
        int64_t value;
    } options[] = {
        {"srcw", s->crop.width},
        {"srch", s->crop.height},
        {"dstw", s->crop.width},
        {"dsth", s->crop.height},
        {"src_format", raw},
        {"dst_format", wanted},
        {"src_range", raw_full},
        {"dst_range", full},
        {"sws_flags", SWS_BILINEAR | SWS_ACCURATE_RND},
    };

    if (scaler == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        av->av_opt_set_int(scaler, options[i].name, options[i].value, 0);
    if (av->sws_init_context(scaler, NULL, NULL) < 0) {
        av->sws_freeContext(scaler);
        return NULL;
    }
    av->sws_setColorspaceDetails(scaler, from, raw_full, to, full, 0, 1 << 16, 1 << 16);
    return scaler;
}

static int frame_make(const struct av_library *av, AVFrame *frame, enum AVPixelFormat format,
                      const struct encoder_settings *s)
{
    if (frame == NULL)
        return -ENOMEM;
    frame->format = format;
    frame->width = (int)s->crop.width;
    frame->height = (int)s->crop.height;
    return av_library_failure(av->av_frame_get_buffer(frame, 0));
}

static int convert(struct encoder_input *input, const struct encoder_settings *s,
                   enum AVPixelFormat raw, enum AVPixelFormat wanted, bool full)
{
    int r;

    input->scaler = scaler_create(input->av, s, raw, wanted, full);
    input->converted = input->av->av_frame_alloc();
    input->copied = input->av->av_frame_alloc();
    if (input->scaler == NULL)
        return -ENOMEM;
    r = frame_make(input->av, input->converted, wanted, s);
    return r < 0 ? r : frame_make(input->av, input->copied, raw, s);
}

int encoder_input_init(struct encoder_input *input, const struct av_library *av,
                       const struct encoder_settings *settings, enum AVPixelFormat wanted,
                       bool full)
{
    enum AVPixelFormat raw = encoder_input_format(settings->raw.format);

    *input = (struct encoder_input){.av = av, .raw = av->av_frame_alloc()};
    if (input->raw == NULL)
        return -ENOMEM;
    if (raw == wanted && full == (settings->colours.quantization == V4L2_QUANTIZATION_FULL_RANGE))
        return 0;
    return convert(input, settings, raw, wanted, full);
}

void encoder_input_finish(struct encoder_input *input)
{
    if (input->av == NULL)
        return;
    input->av->sws_freeContext(input->scaler);
    input->av->av_frame_free(&input->converted);
    input->av->av_frame_free(&input->copied);
    input->av->av_frame_free(&input->raw);
    *input = (struct encoder_input){0};
}

/* The memory is the guest's. */
static void keep(void *opaque, uint8_t *data)
{
}

/* Where the components lie, and where the crop begins in each. */
static void point(AVFrame *frame, const struct encoder_settings *s, uint8_t *const *planes)
{
    size_t left = (size_t)s->crop.left, top = (size_t)s->crop.top;

    frame->format = encoder_input_format(s->raw.format);
    frame->width = (int)s->crop.width;
    frame->height = (int)s->crop.height;
    for (unsigned i = 0; i < pixel_format_parts(s->raw.format); i++) {
        const struct pixel_plane *plane = &s->raw.format->components[i];
        struct picture_part part = picture_part(&s->raw, planes, i);

        frame->data[i] =
            part.data + top / plane->down * part.stride + left / plane->across * plane->unit;
        frame->linesize[i] = (int)part.stride;
    }
}

static void copy(AVFrame *to, const AVFrame *from, const struct encoder_settings *s)
{
    for (unsigned i = 0; i < pixel_format_parts(s->raw.format); i++) {
        const struct pixel_plane *plane = &s->raw.format->components[i];
        size_t size = (size_t)(s->crop.width + plane->across - 1) / plane->across * plane->unit;
        size_t lines = (s->crop.height + plane->down - 1) / plane->down;

        for (size_t line = 0; line < lines; line++)
            memcpy(to->data[i] + line * (size_t)to->linesize[i],
                   from->data[i] + line * (size_t)from->linesize[i], size);
    }
}

AVFrame *encoder_input_frame(struct encoder_input *input, const struct encoder_settings *settings,
                             uint8_t *const *planes)
{
    const struct av_library *av = input->av;

    encoder_input_release(input);
    point(input->raw, settings, planes);
    if (input->scaler == NULL) {
        /* A frame without a buffer would be copied. */
        input->raw->buf[0] = av->av_buffer_create(planes[0], settings->raw.plane_size[0], keep,
                                                  NULL, AV_BUFFER_FLAG_READONLY);
        return input->raw->buf[0] != NULL ? input->raw : NULL;
    }
    /* The encoder may still have the last one. */
    if (av->av_frame_make_writable(input->converted) < 0)
        return NULL;
    copy(input->copied, input->raw, settings);
    av->sws_scale(input->scaler, (const uint8_t *const *)input->copied->data,
                  input->copied->linesize, 0, input->copied->height, input->converted->data,
                  input->converted->linesize);
    return input->converted;
}

void encoder_input_release(struct encoder_input *input)
{
    input->av->av_frame_unref(input->raw);
}
