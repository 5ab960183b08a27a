/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_DECODER_CONTEXT_H
#define MEDIA_DECODER_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "media/control_set.h"
#include "media/decoder.h"
#include "media/m2m.h"

/*
 * A session of the decoder: its formats on both queues, as Linux's dev-decoder has them. The output
 * queue's is the guest's choice. The capture queue's size follows the stream, and before the first
 * picture the size that the guest gave with the output format; the guest chooses how the picture
 * lies in memory.
 */
struct decoder_context {
    struct m2m m2m;
    struct control_set controls;
    struct decoder decoder;
    const char *codecs; /* what is offered (media/codec_list.h); borrowed */
    /* Of the output queue. */
    uint32_t width, height;
    uint32_t size; /* bytes of a buffer */
    struct colours colours;
    /* Of the capture queue. */
    uint32_t wish; /* fourcc */
    bool known;    /* the stream has shown its format: */
    struct decoder_format stream;
    struct picture picture;
    struct decoder_format running; /* of the buffers that stream, and how they hold it */
    struct picture running_picture;
    bool way_told; /* how pictures get into the buffers */
};

/* NULL with errno set. */
struct decoder_context *decoder_context_create(struct media *media, const struct av_library *av,
                                               uint32_t session, bool multiplanar,
                                               const char *codecs);
/* Waits for a step that is done now. Takes NULL. */
void decoder_context_destroy(struct decoder_context *context);

/* decoder_format.c, for the context_impl. */
struct decoder_context *decoder_context_of(struct context *context);
int decoder_enum_fmt(struct context *context, struct buffer_queue *queue,
                     struct v4l2_fmtdesc *desc);
int decoder_g_fmt(struct context *context, struct buffer_queue *queue, struct v4l2_format *format);
int decoder_try_fmt(struct context *context, struct buffer_queue *queue,
                    struct v4l2_format *format);
int decoder_s_fmt(struct context *context, struct buffer_queue *queue, struct v4l2_format *format);
int decoder_enum_framesizes(struct context *context, struct v4l2_frmsizeenum *sizes);
int decoder_g_selection(struct context *context, struct v4l2_selection *selection);
int decoder_s_selection(struct context *context, struct v4l2_selection *selection);
void decoder_layout(struct context *context, const struct buffer_queue *queue,
                    struct buffer_layout *layout);
/* The defaults. */
void decoder_format_reset(struct decoder_context *context);
/* The stream has shown its format. */
void decoder_format_learn(struct decoder_context *context, const struct decoder_format *stream);

#endif
