/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_DECODER_OUTPUT_H
#define MEDIA_DECODER_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "media/av_scale.h"
#include "media/colours.h"
#include "media/picture.h"

/* What a stream shows. */
struct decoder_format {
    uint32_t width, height; /* pixels that are to be seen */
    unsigned bits;          /* of a sample: 8, or 10 for more */
    struct colours colours; /* 0 where the stream says nothing */
};

/* Writes what a codec gave into a picture of V4L2: one copy where the codec has 4:2:0 already, else
 * libswscale goes before. */
struct decoder_output {
    const struct av_library *av; /* borrowed */
    struct av_scale scale;
    bool told; /* that it is needed */
};

void decoder_output_init(struct decoder_output *output, const struct av_library *av);
void decoder_output_finish(struct decoder_output *output);

/* The stream's format, as a frame has it. */
void decoder_output_format(const struct decoder_output *output, const AVFrame *frame,
                           struct decoder_format *format);
/* The same, as the codec has read it in the stream's headers, before there is a frame. False: it
 * has not yet. */
bool decoder_output_foresee(const struct decoder_output *output, const AVCodecContext *context,
                            struct decoder_format *format);
/* Whether frames of both go into the same buffers. */
bool decoder_format_fits(const struct decoder_format *a, const struct decoder_format *b);
/* Writes the frame; 'picture' is NV12, YUV420 or P010, of the frame's size, rounded up to even
 * pixels, and 'planes' has its memory. 0, or -errno: -ENOTSUP for what libswscale does not read. */
int decoder_output_write(struct decoder_output *output, const AVFrame *frame,
                         const struct picture *picture, uint8_t *const *planes);

#endif
