/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_ENCODER_INPUT_H
#define MEDIA_ENCODER_INPUT_H

#include <stdint.h>

#include "media/av_library.h"
#include "media/encoder.h"

/* Makes FFmpeg's frames of raw pictures: in place where the encoder takes the format as it is,
 * converted otherwise. */
struct encoder_input {
    const struct av_library *av; /* borrowed */
    AVFrame *raw;                /* in place */
    AVFrame *converted;          /* has memory of its own, NULL unless 'scaler' is there */
    struct SwsContext *scaler;   /* NULL: nothing is converted */
    /* A copy of the raw picture for 'scaler', which reads whole vectors: past the end of the last
     * line, where in the guest's memory there may be nothing. */
    AVFrame *copied;
};

/* FFmpeg's name for a format of media/picture.h; AV_PIX_FMT_NONE: it has none. */
enum AVPixelFormat encoder_input_format(const struct pixel_format *format);

/* 'wanted' is what the encoder takes, 'full' its range of samples. 0 or -errno. */
int encoder_input_init(struct encoder_input *input, const struct av_library *av,
                       const struct encoder_settings *settings, enum AVPixelFormat wanted,
                       bool full);
/* Also after a failed init, or of zeros. */
void encoder_input_finish(struct encoder_input *input);
/* The frame of a picture, or NULL when there is no memory. It is the input's, and good until the
 * next call or encoder_input_release. */
AVFrame *encoder_input_frame(struct encoder_input *input, const struct encoder_settings *settings,
                             uint8_t *const *planes);
/* The picture's bytes are not used any more. */
void encoder_input_release(struct encoder_input *input);

#endif
