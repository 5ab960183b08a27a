/* SPDX-License-Identifier: MIT */
#include "media/encoder_codec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "media/encoder_input.h"
#include "media/h264_level.h"

#define MIN_PIXELS_PER_THREAD (320u * 240u)

/* FFmpeg's names of the encoders that are known here, the best first. */
static const struct {
    uint32_t coded;
    const char *name;
} encoders[] = {
    {V4L2_PIX_FMT_H264, "libx264"},
    {V4L2_PIX_FMT_H264, "libopenh264"},
    {V4L2_PIX_FMT_VP8, "libvpx"},
    {V4L2_PIX_FMT_MJPEG, "mjpeg"},
};

const AVCodec *encoder_codec_find(const struct av_library *av, uint32_t coded)
{
    for (size_t i = 0; i < sizeof(encoders) / sizeof(encoders[0]); i++) {
        const AVCodec *codec = NULL;

        if (encoders[i].coded == coded)
            codec = av->avcodec_find_encoder_by_name(encoders[i].name);
        if (codec != NULL)
            return codec;
    }
    return NULL;
}

const char *encoder_name(const struct av_library *av, uint32_t coded)
{
    const AVCodec *codec = encoder_codec_find(av, coded);

    return codec != NULL ? codec->name : NULL;
}

static bool is(const AVCodec *codec, const char *name)
{
    return strcmp(codec->name, name) == 0;
}

enum AVPixelFormat encoder_codec_takes(const AVCodec *codec, enum AVPixelFormat raw)
{
    /* The others take one format only, of those that everybody can decode. */
    return raw == AV_PIX_FMT_NV12 && is(codec, "libx264") ? AV_PIX_FMT_NV12 : AV_PIX_FMT_YUV420P;
}

/* ---- colours ---- */

static enum AVColorPrimaries primaries_of(uint32_t colorspace)
{
    switch (colorspace) {
    case V4L2_COLORSPACE_SMPTE170M:
        return AVCOL_PRI_SMPTE170M;
    case V4L2_COLORSPACE_SMPTE240M:
        return AVCOL_PRI_SMPTE240M;
    case V4L2_COLORSPACE_470_SYSTEM_M:
        return AVCOL_PRI_BT470M;
    case V4L2_COLORSPACE_470_SYSTEM_BG:
        return AVCOL_PRI_BT470BG;
    case V4L2_COLORSPACE_BT2020:
        return AVCOL_PRI_BT2020;
    case V4L2_COLORSPACE_REC709:
    case V4L2_COLORSPACE_SRGB:
    case V4L2_COLORSPACE_JPEG:
        return AVCOL_PRI_BT709;
    default:
        return AVCOL_PRI_UNSPECIFIED;
    }
}

static enum AVColorTransferCharacteristic transfer_of(uint32_t xfer_func)
{
    switch (xfer_func) {
    case V4L2_XFER_FUNC_709:
        return AVCOL_TRC_BT709;
    case V4L2_XFER_FUNC_SRGB:
        return AVCOL_TRC_IEC61966_2_1;
    case V4L2_XFER_FUNC_SMPTE240M:
        return AVCOL_TRC_SMPTE240M;
    case V4L2_XFER_FUNC_NONE:
        return AVCOL_TRC_LINEAR;
    case V4L2_XFER_FUNC_SMPTE2084:
        return AVCOL_TRC_SMPTE2084;
    default:
        return AVCOL_TRC_UNSPECIFIED;
    }
}

static enum AVColorSpace matrix_of(uint32_t ycbcr_enc)
{
    switch (ycbcr_enc) {
    case V4L2_YCBCR_ENC_601:
    case V4L2_YCBCR_ENC_XV601:
        return AVCOL_SPC_SMPTE170M;
    case V4L2_YCBCR_ENC_709:
    case V4L2_YCBCR_ENC_XV709:
        return AVCOL_SPC_BT709;
    case V4L2_YCBCR_ENC_BT2020:
        return AVCOL_SPC_BT2020_NCL;
    case V4L2_YCBCR_ENC_BT2020_CONST_LUM:
        return AVCOL_SPC_BT2020_CL;
    case V4L2_YCBCR_ENC_SMPTE240M:
        return AVCOL_SPC_SMPTE240M;
    default:
        return AVCOL_SPC_UNSPECIFIED;
    }
}

static void set_colours(AVCodecContext *c, const struct encoder_settings *s)
{
    bool full = s->colours.quantization == V4L2_QUANTIZATION_FULL_RANGE;

    /* JPEG has no other range, and VP8 no word for that one. */
    if (s->coded == V4L2_PIX_FMT_MJPEG)
        full = true;
    else if (s->coded == V4L2_PIX_FMT_VP8)
        full = false;

    c->color_primaries = primaries_of(s->colours.colorspace);
    c->color_trc = transfer_of(s->colours.xfer_func);
    c->colorspace = matrix_of(s->colours.ycbcr_enc);
    c->color_range = full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
}

/* ---- rates ---- */

static uint32_t peak_of(const struct encoder_settings *s)
{
    return s->rate == ENCODER_RATE_CONSTANT || s->peak < s->bitrate ? s->bitrate : s->peak;
}

/* What can change while it encodes. */
static void set_bits(AVCodecContext *c, const struct encoder_settings *s)
{
    c->bit_rate = s->bitrate;
    c->rc_max_rate = peak_of(s);
    c->rc_buffer_size = (int)peak_of(s);
}

/* V4L2's 1 to 100 on a scale from the worst quantizer to the best. */
static double quantizer_of(uint32_t quality, double worst, double best)
{
    return worst + (best - worst) * ((double)quality - 1) / 99;
}

/* A number with two digits after the point, whatever the locale, in 'text' of NUMBER bytes. */
#define NUMBER 32u

static const char *number_text(double value, char *text)
{
    int hundredths = (int)(value * 100);

    snprintf(text, NUMBER, "%d.%02d", hundredths / 100, hundredths % 100);
    return text;
}

/* 0 would be without loss, which profiles for everybody do not have. */
static int x264_qp(const struct encoder_settings *s)
{
    return s->p_qp > 0 ? (int)s->p_qp : 1;
}

static double x264_crf(const struct encoder_settings *s)
{
    return quantizer_of(s->quality, 51, 1);
}

/* ---- H.264 ---- */

static const char *profile_name(uint32_t profile)
{
    switch (profile) {
    case V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE:
    case V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE:
        return "baseline";
    case V4L2_MPEG_VIDEO_H264_PROFILE_MAIN:
        return "main";
    default:
        return "high";
    }
}

/* Six steps double the quantizer's width. */
static float ratio_of(int steps)
{
    double ratio = 1;

    for (; steps > 0; steps--)
        ratio *= 1.122462048309373;
    for (; steps < 0; steps++)
        ratio /= 1.122462048309373;
    return (float)ratio;
}

static void set_x264(const struct av_library *av, AVCodecContext *c, AVDictionary **options,
                     const struct encoder_settings *s)
{
    char text[NUMBER];

    av->av_dict_set(options, "preset", "veryfast", 0);
    /* A picture in, a picture out; slices for the threads. */
    av->av_dict_set(options, "tune", "zerolatency", 0);
    av->av_dict_set(options, "profile", profile_name(s->profile), 0);
    av->av_dict_set_int(options, "forced-idr", 1, 0);
    /* Without looking ahead: */
    av->av_dict_set_int(options, "b_strategy", 0, 0);
    av->av_dict_set(options, "b-pyramid", "none", 0);
    /* Key pictures come when they were asked for. */
    av->av_dict_set_int(options, "sc_threshold", 0, 0);
    c->level = h264_level_idc(s->level);
    c->max_b_frames = strcmp(profile_name(s->profile), "baseline") != 0 ? (int)s->b_frames : 0;
    switch (s->rate) {
    case ENCODER_RATE_QUALITY:
        c->bit_rate = 0;
        c->rc_max_rate = 0;
        c->rc_buffer_size = 0;
        av->av_dict_set(options, "crf", number_text(x264_crf(s), text), 0);
        break;
    case ENCODER_RATE_NONE:
        c->bit_rate = 0;
        c->rc_max_rate = 0;
        c->rc_buffer_size = 0;
        av->av_dict_set_int(options, "qp", x264_qp(s), 0);
        c->i_quant_factor = ratio_of((int)s->i_qp - x264_qp(s));
        break;
    default:
        break;
    }
}

static void set_openh264(const struct av_library *av, AVCodecContext *c, AVDictionary **options,
                         const struct encoder_settings *s)
{
    const char *profile = profile_name(s->profile);

    av->av_dict_set(options, "profile",
                    strcmp(profile, "baseline") == 0 ? "constrained_baseline" : profile, 0);
    av->av_dict_set(options, "rc_mode",
                    s->rate == ENCODER_RATE_VARIABLE || s->rate == ENCODER_RATE_CONSTANT
                        ? "bitrate"
                        : "quality",
                    0);
    av->av_dict_set_int(options, "allow_skip_frames", 0, 0);
    c->level = h264_level_idc(s->level);
}

/* ---- VP8, JPEG ---- */

static void set_vpx(const struct av_library *av, AVCodecContext *c, AVDictionary **options,
                    const struct encoder_settings *s)
{
    c->profile = (int)s->profile;
    /* Its threads wait for each other in a loop: on a busy machine they take 20 times as long as
     * one, and on an idle one hardly less. */
    c->thread_count = 1;
    av->av_dict_set(options, "deadline", "realtime", 0);
    av->av_dict_set_int(options, "cpu-used", 5, 0);
    av->av_dict_set_int(options, "lag-in-frames", 0, 0);
    av->av_dict_set_int(options, "auto-alt-ref", 0, 0);
    if (s->rate == ENCODER_RATE_CONSTANT)
        c->rc_min_rate = c->rc_max_rate;
    if (s->rate != ENCODER_RATE_QUALITY && s->rate != ENCODER_RATE_NONE)
        return;
    /* One quantizer for all, and a bit rate that never stands in its way. */
    c->rc_max_rate = 0;
    c->rc_buffer_size = 0;
    c->bit_rate = 500000000;
    c->qmin = s->rate == ENCODER_RATE_NONE ? (int)s->p_qp : (int)quantizer_of(s->quality, 63, 4);
    c->qmax = c->qmin;
}

/* The factor on JPEG's example tables that libjpeg has for a quality, in eighths. */
static int jpeg_scale(uint32_t quality)
{
    uint32_t percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    uint32_t scale = (8 * percent + 50) / 100;

    return scale < 1 ? 1 : scale > 31 ? 31 : (int)scale;
}

int encoder_codec_picture_quality(const struct encoder_settings *s)
{
    return s->coded == V4L2_PIX_FMT_MJPEG ? jpeg_scale(s->quality) * FF_QP2LAMBDA : 0;
}

static void set_jpeg(const struct av_library *av, AVCodecContext *c, AVDictionary **options,
                     const struct encoder_settings *s)
{
    c->bit_rate = 0;
    c->rc_max_rate = 0;
    c->rc_buffer_size = 0;
    c->qmin = 1;
    c->qmax = 31;
    c->gop_size = 1;
    c->flags |= AV_CODEC_FLAG_QSCALE;
    c->global_quality = encoder_codec_picture_quality(s);
}

/* ---- opening ---- */

static int threads_of(const struct encoder_settings *s)
{
    uint32_t most = s->crop.width * s->crop.height / MIN_PIXELS_PER_THREAD;

    if (most > s->threads)
        most = s->threads;
    return most > 0 ? (int)most : 1;
}

static void set_all(const struct av_library *av, const AVCodec *codec, AVCodecContext *c,
                    AVDictionary **options, const struct encoder_settings *s)
{
    c->width = (int)s->crop.width;
    c->height = (int)s->crop.height;
    c->pix_fmt = encoder_codec_takes(codec, encoder_input_format(s->raw.format));
    c->time_base = (AVRational){(int)s->interval.numerator, (int)s->interval.denominator};
    c->framerate = (AVRational){c->time_base.den, c->time_base.num};
    c->gop_size = s->gop == 0 ? INT32_MAX / 2 : (int)s->gop;
    c->thread_count = threads_of(s);
    c->thread_type = FF_THREAD_SLICE;
    set_colours(c, s);
    set_bits(c, s);
    if (s->rate == ENCODER_RATE_VARIABLE || s->rate == ENCODER_RATE_CONSTANT) {
        c->qmin = (int)s->min_qp;
        c->qmax = (int)s->max_qp;
    }
    if (is(codec, "libx264"))
        set_x264(av, c, options, s);
    else if (is(codec, "libopenh264"))
        set_openh264(av, c, options, s);
    else if (is(codec, "libvpx"))
        set_vpx(av, c, options, s);
    else
        set_jpeg(av, c, options, s);
}

int encoder_codec_open(const struct av_library *av, const AVCodec *codec,
                       const struct encoder_settings *settings, AVCodecContext **opened)
{
    AVCodecContext *context = av->avcodec_alloc_context3(codec);
    const AVDictionaryEntry *unknown;
    AVDictionary *options = NULL;
    char text[AV_ERROR_MAX_STRING_SIZE];
    int r;

    if (context == NULL)
        return -ENOMEM;
    set_all(av, codec, context, &options, settings);
    r = av->avcodec_open2(context, codec, &options);
    if (r < 0)
        log_stranger("encoder: %s does not start: %s", codec->name, av_library_text(av, r, text));
    unknown = av->av_dict_get(options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (unknown != NULL)
        log_stranger("encoder: %s does not know the option %s", codec->name, unknown->key);
    av->av_dict_free(&options);
    if (r < 0)
        av->avcodec_free_context(&context);
    *opened = context;
    return av_library_failure(r);
}

/* ---- changes ---- */

bool encoder_codec_can_follow(const AVCodec *codec, const struct encoder_settings *from,
                              const struct encoder_settings *to)
{
    struct encoder_settings same = *from;

    if (is(codec, "libx264")) {
        same = *to;
        same.bitrate = from->bitrate;
        same.peak = from->peak;
        same.quality = from->quality;
        /* The quantizer of key pictures is a ratio, set once. */
        if ((int)to->i_qp - x264_qp(to) == (int)from->i_qp - x264_qp(from)) {
            same.i_qp = from->i_qp;
            same.p_qp = from->p_qp;
        }
    } else if (is(codec, "mjpeg")) {
        /* All others mean nothing to it; the quality comes with each picture. */
        same.coded = to->coded;
        same.raw = to->raw;
        same.crop = to->crop;
        same.interval = to->interval;
        same.colours = to->colours;
        same.threads = to->threads;
    } else {
        same = *to;
    }
    return memcmp(&same, from, sizeof(same)) == 0;
}

void encoder_codec_follow(const struct av_library *av, AVCodecContext *context,
                          const struct encoder_settings *to)
{
    char text[NUMBER];

    if (to->coded != V4L2_PIX_FMT_H264)
        return;
    switch (to->rate) {
    case ENCODER_RATE_QUALITY:
        av->av_opt_set(context->priv_data, "crf", number_text(x264_crf(to), text), 0);
        break;
    case ENCODER_RATE_NONE:
        av->av_opt_set_int(context->priv_data, "qp", x264_qp(to), 0);
        break;
    default:
        set_bits(context, to);
        break;
    }
}
