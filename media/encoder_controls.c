/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/log.h"
#include "media/encoder_context.h"
#include "media/h264_level.h"

#define DEFAULT_BITRATE 4000000
#define DEFAULT_PEAK 8000000
#define MIN_BITRATE 16000
#define MAX_BITRATE 400000000
#define MAX_QP 51
#define MAX_VPX_QP 63

static const char *const modes[] = {"Variable Bitrate", "Constant Bitrate", "Constant Quality"};
static const char *const header_modes[] = {"Separate Buffer", "Joined With 1st Frame"};
static const char *const levels[] = {"1",   "1b",  "1.1", "1.2", "1.3", "2",   "2.1",
                                     "2.2", "3",   "3.1", "3.2", "4",   "4.1", "4.2",
                                     "5",   "5.1", "5.2", "6.0", "6.1", "6.2"};
static const char *const profiles[] = {"Baseline", "Constrained Baseline", "Main", "Extended",
                                       "High"};
static const char *const vp8_profiles[] = {"0", "1", "2", "3"};

#define NUMBER(id, name, min, max, initial)                                                        \
    {                                                                                              \
        V4L2_CID_##id, V4L2_CTRL_TYPE_INTEGER, name, min, max, 1, initial                          \
    }
/* 'out' is the mask of items that are left out. */
#define MENU(id, name, max, out, first, items)                                                     \
    {                                                                                              \
        V4L2_CID_##id, V4L2_CTRL_TYPE_MENU, name, 0, max, out, first, .menu = items                \
    }

/* In ascending order. A header in a buffer of its own is left out: it would be a picture that is
 * none to programs that count. */
static const struct control_spec specs[] = {
    {V4L2_CID_MIN_BUFFERS_FOR_OUTPUT, V4L2_CTRL_TYPE_INTEGER, "Min Number of Output Buffers", 1, 1,
     1, 1, V4L2_CTRL_FLAG_READ_ONLY},
    NUMBER(MPEG_VIDEO_B_FRAMES, "Video B Frames", 0, ENCODER_MAX_B_FRAMES, 0),
    NUMBER(MPEG_VIDEO_GOP_SIZE, "Video GOP Size", 0, 100000, 60),
    MENU(MPEG_VIDEO_BITRATE_MODE, "Video Bitrate Mode", V4L2_MPEG_VIDEO_BITRATE_MODE_CQ, 0,
         V4L2_MPEG_VIDEO_BITRATE_MODE_VBR, modes),
    NUMBER(MPEG_VIDEO_BITRATE, "Video Bitrate", MIN_BITRATE, MAX_BITRATE, DEFAULT_BITRATE),
    NUMBER(MPEG_VIDEO_BITRATE_PEAK, "Video Peak Bitrate", MIN_BITRATE, MAX_BITRATE, DEFAULT_PEAK),
    {V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE, V4L2_CTRL_TYPE_BOOLEAN, "Frame Level Rate Control Enable",
     0, 1, 1, 1},
    MENU(MPEG_VIDEO_HEADER_MODE, "Sequence Header Mode",
         V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME,
         1u << V4L2_MPEG_VIDEO_HEADER_MODE_SEPARATE,
         V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME, header_modes),
    {V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, V4L2_CTRL_TYPE_BUTTON, "Force Key Frame",
     .flags = V4L2_CTRL_FLAG_WRITE_ONLY | V4L2_CTRL_FLAG_EXECUTE_ON_WRITE},
    NUMBER(MPEG_VIDEO_H264_I_FRAME_QP, "H264 I-Frame QP Value", 0, MAX_QP, 25),
    NUMBER(MPEG_VIDEO_H264_P_FRAME_QP, "H264 P-Frame QP Value", 0, MAX_QP, 28),
    NUMBER(MPEG_VIDEO_H264_MIN_QP, "H264 Minimum QP Value", 0, MAX_QP, 0),
    NUMBER(MPEG_VIDEO_H264_MAX_QP, "H264 Maximum QP Value", 0, MAX_QP, MAX_QP),
    MENU(MPEG_VIDEO_H264_LEVEL, "H264 Level", V4L2_MPEG_VIDEO_H264_LEVEL_6_2,
         1u << V4L2_MPEG_VIDEO_H264_LEVEL_1B, V4L2_MPEG_VIDEO_H264_LEVEL_4_0, levels),
    MENU(MPEG_VIDEO_H264_PROFILE, "H264 Profile", V4L2_MPEG_VIDEO_H264_PROFILE_HIGH,
         1u << V4L2_MPEG_VIDEO_H264_PROFILE_EXTENDED, V4L2_MPEG_VIDEO_H264_PROFILE_HIGH, profiles),
    NUMBER(MPEG_VIDEO_VPX_MIN_QP, "VPX Minimum QP Value", 0, MAX_VPX_QP, 4),
    NUMBER(MPEG_VIDEO_VPX_MAX_QP, "VPX Maximum QP Value", 0, MAX_VPX_QP, MAX_VPX_QP),
    NUMBER(MPEG_VIDEO_VPX_P_FRAME_QP, "VPX P-Frame QP Value", 0, MAX_VPX_QP, 20),
    MENU(MPEG_VIDEO_VP8_PROFILE, "VP8 Profile", V4L2_MPEG_VIDEO_VP8_PROFILE_3, 0,
         V4L2_MPEG_VIDEO_VP8_PROFILE_0, vp8_profiles),
    NUMBER(MPEG_VIDEO_CONSTANT_QUALITY, "Constant Quality", 1, 100, 60),
    NUMBER(JPEG_COMPRESSION_QUALITY, "Compression Quality", 1, 100, 80),
};
#define SPECS (sizeof(specs) / sizeof(specs[0]))

static void changed(struct context *base, struct control *control)
{
    if (control->spec->id == V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME)
        encoder_context_want_key(encoder_context_of(base));
}

static const struct control_set_ops ops = {.changed = changed};

int encoder_controls_init(struct encoder_context *context)
{
    /* Of all those the last one alone says something of JPEGs. */
    unsigned first = context->jpeg_alone ? SPECS - 1 : 0;

    return control_set_init(&context->controls, &context->m2m.context, &ops, &specs[first],
                            SPECS - first);
}

/* 0 where it is not offered. */
static uint32_t value_of(const struct encoder_context *context, uint32_t id)
{
    return (uint32_t)control_set_value(&context->controls, id);
}

static enum encoder_rate rate_of(const struct encoder_context *context)
{
    if (!value_of(context, V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE))
        return ENCODER_RATE_NONE;
    switch (value_of(context, V4L2_CID_MPEG_VIDEO_BITRATE_MODE)) {
    case V4L2_MPEG_VIDEO_BITRATE_MODE_CBR:
        return ENCODER_RATE_CONSTANT;
    case V4L2_MPEG_VIDEO_BITRATE_MODE_CQ:
        return ENCODER_RATE_QUALITY;
    default:
        return ENCODER_RATE_VARIABLE;
    }
}

/* The one wished for, or the one that it takes. */
static uint32_t level_of(const struct encoder_context *context)
{
    uint32_t level = value_of(context, V4L2_CID_MPEG_VIDEO_H264_LEVEL);
    uint32_t bitrate = value_of(context, V4L2_CID_MPEG_VIDEO_BITRATE);
    bool high =
        value_of(context, V4L2_CID_MPEG_VIDEO_H264_PROFILE) == V4L2_MPEG_VIDEO_H264_PROFILE_HIGH;
    uint32_t needed = h264_level_needed(context->crop.width, context->crop.height,
                                        context->coded_interval, bitrate, high);

    return level > needed ? level : needed;
}

void encoder_controls_fit_level(struct encoder_context *context)
{
    uint32_t wish = value_of(context, V4L2_CID_MPEG_VIDEO_H264_LEVEL), level = level_of(context);

    if (level == wish)
        return;
    log_debug("encoder: level %s is too low for this stream, which is of level %s", levels[wish],
              levels[level]);
    control_set_put(&context->controls, V4L2_CID_MPEG_VIDEO_H264_LEVEL, level);
}

static void copy_h264(const struct encoder_context *context, struct encoder_settings *s)
{
    s->b_frames = value_of(context, V4L2_CID_MPEG_VIDEO_B_FRAMES);
    s->i_qp = value_of(context, V4L2_CID_MPEG_VIDEO_H264_I_FRAME_QP);
    s->p_qp = value_of(context, V4L2_CID_MPEG_VIDEO_H264_P_FRAME_QP);
    s->min_qp = value_of(context, V4L2_CID_MPEG_VIDEO_H264_MIN_QP);
    s->max_qp = value_of(context, V4L2_CID_MPEG_VIDEO_H264_MAX_QP);
    s->profile = value_of(context, V4L2_CID_MPEG_VIDEO_H264_PROFILE);
    s->level = level_of(context);
}

static void copy_vp8(const struct encoder_context *context, struct encoder_settings *s)
{
    s->p_qp = value_of(context, V4L2_CID_MPEG_VIDEO_VPX_P_FRAME_QP);
    s->min_qp = value_of(context, V4L2_CID_MPEG_VIDEO_VPX_MIN_QP);
    s->max_qp = value_of(context, V4L2_CID_MPEG_VIDEO_VPX_MAX_QP);
    s->profile = value_of(context, V4L2_CID_MPEG_VIDEO_VP8_PROFILE);
}

void encoder_controls_copy(struct encoder_context *context)
{
    struct encoder_settings *s = &context->settings;

    memset(s, 0, sizeof(*s));
    s->raw = context->raw;
    s->coded = context->coded;
    s->crop = context->crop;
    s->interval = context->coded_interval;
    s->colours = encoder_format_colours(context);
    s->threads = context->threads;
    s->rate = rate_of(context);
    s->bitrate = value_of(context, V4L2_CID_MPEG_VIDEO_BITRATE);
    s->peak = value_of(context, V4L2_CID_MPEG_VIDEO_BITRATE_PEAK);
    s->gop = value_of(context, V4L2_CID_MPEG_VIDEO_GOP_SIZE);
    s->quality =
        value_of(context, s->coded == V4L2_PIX_FMT_MJPEG ? V4L2_CID_JPEG_COMPRESSION_QUALITY
                                                         : V4L2_CID_MPEG_VIDEO_CONSTANT_QUALITY);
    if (s->coded == V4L2_PIX_FMT_H264)
        copy_h264(context, s);
    else if (s->coded == V4L2_PIX_FMT_VP8)
        copy_vp8(context, s);
    /* The guest sets one after the other: for a while they may contradict. */
    if (s->min_qp > s->max_qp)
        s->min_qp = s->max_qp;
}
