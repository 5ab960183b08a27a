/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_ENCODER_CONTEXT_H
#define MEDIA_ENCODER_CONTEXT_H

#include "media/colours.h"
#include "media/control_set.h"
#include "media/encoder.h"
#include "media/m2m.h"

/* Of pictures, and of what is encoded of them. */
#define ENCODER_MIN_SIDE 16u
#define ENCODER_MAX_SIDE 4096u
/* Seconds per picture. */
#define ENCODER_SHORTEST_INTERVAL ((struct v4l2_fract){1, 1000})
#define ENCODER_LONGEST_INTERVAL ((struct v4l2_fract){100, 1})
#define ENCODER_DEFAULT_INTERVAL ((struct v4l2_fract){1, 30})

/* Least number of a capture queue's buffers. Programs keep compressed pictures until they are
 * written: FFmpeg's has eight of them wait for its muxer and one with it, and several more where
 * the muxer waits for sound; once no buffer is queued, it loses the rest of the stream. */
#define ENCODER_CAPTURE_BUFFERS 16u

/* Wishes for key pictures that are not fulfilled yet; the guest's last one gives way to more. */
#define ENCODER_MAX_KEYS 32u

/* A session of an encoder: raw pictures on its output queue, a compressed stream on its capture
 * queue (Linux: dev-encoder). */
struct encoder_context {
    struct m2m m2m;
    const struct av_library *av; /* borrowed */
    const char *codecs;          /* what is offered (media/codec_list.h); borrowed */
    /* Nothing but JPEG is offered. For V4L2 that is a codec of pictures, which knows of no rates.
     */
    bool jpeg_alone;
    struct control_set controls;

    /* The capture queue's format, and the rate that the stream says of itself. */
    uint32_t coded;
    uint32_t
        wished_room; /* what the guest has asked for, 0: nothing; stays when the size changes */
    uint32_t room;   /* bytes of a buffer */
    struct v4l2_fract coded_interval;
    /* The output queue's. */
    struct picture raw;
    struct colours colours; /* as the guest said */
    struct v4l2_rect crop;
    struct v4l2_fract raw_interval;

    /* The guest wants key pictures: the numbers of the sources, oldest first. */
    uint64_t keys[ENCODER_MAX_KEYS];
    unsigned key_count;
    uint64_t sources; /* number of the next source that a step gets */
    uint32_t threads; /* for the stream that runs */
    /* Of the step: a thread reads them. */
    struct encoder *encoder; /* owned */
    struct encoder_settings settings;
    bool step_key;
};

/* For a new session. NULL with errno set. */
struct encoder_context *encoder_context_create(struct media *media, const struct av_library *av,
                                               uint32_t session, bool multiplanar,
                                               const char *codecs);
void encoder_context_destroy(struct encoder_context *context);
struct encoder_context *encoder_context_of(struct context *context);

/* The coded format number 'index' of a list (media/codec_list.h) that FFmpeg has an encoder for
 * here; 0 past the end. */
uint32_t encoder_format_coded(const struct av_library *av, const char *list, unsigned index);
/* Whether Motion-JPEG is all that there is of the list. */
bool encoder_format_jpeg_alone(const struct av_library *av, const char *list);
/* What people call it. */
const char *encoder_format_name(uint32_t coded);

/* encoder_format.c: formats, rates and rectangles, for context_impl. */
void encoder_format_reset(struct encoder_context *context);
/* V4L2's defaults in the place of what the guest has not said. */
struct colours encoder_format_colours(const struct encoder_context *context);
int encoder_enum_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_fmtdesc *desc);
int encoder_g_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_format *format);
int encoder_try_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_format *format);
int encoder_s_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_format *format);
int encoder_enum_framesizes(struct context *base, struct v4l2_frmsizeenum *sizes);
int encoder_enum_frameintervals(struct context *base, struct v4l2_frmivalenum *intervals);
void encoder_layout(struct context *base, const struct buffer_queue *queue,
                    struct buffer_layout *layout);

/* encoder_timing.c: the same. */
int encoder_g_parm(struct context *base, struct buffer_queue *queue, struct v4l2_streamparm *parm);
int encoder_s_parm(struct context *base, struct buffer_queue *queue, struct v4l2_streamparm *parm);
int encoder_g_selection(struct context *base, struct v4l2_selection *selection);
int encoder_s_selection(struct context *base, struct v4l2_selection *selection);

/* The guest wants the picture that it queues next to be a key picture. */
void encoder_context_want_key(struct encoder_context *context);

/* encoder_controls.c: those of what is offered. 0 or -ENOMEM; needs control_set_finish either way.
 */
int encoder_controls_init(struct encoder_context *context);
/* Copies them to context->settings. */
void encoder_controls_copy(struct encoder_context *context);
/* A stream begins: a level that is too low for it is raised, for the guest to see. */
void encoder_controls_fit_level(struct encoder_context *context);

#endif
