/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_ENCODER_CODEC_H
#define MEDIA_ENCODER_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "media/av_library.h"
#include "media/encoder.h"

/* What media/encoder.c has to know of the single encoders: how settings are said to each. */

/* FFmpeg's encoder for V4L2_PIX_FMT_*, the best that is there; NULL if there is none. */
const AVCodec *encoder_codec_find(const struct av_library *av, uint32_t coded);
/* The format in which it wants pictures of the format 'raw'. */
enum AVPixelFormat encoder_codec_takes(const AVCodec *codec, enum AVPixelFormat raw);
/* An open encoder in *opened (the caller's). 0 or -errno. */
int encoder_codec_open(const struct av_library *av, const AVCodec *codec,
                       const struct encoder_settings *settings, AVCodecContext **opened);
/* Whether an open encoder can go from the settings 'from' to 'to'. */
bool encoder_codec_can_follow(const AVCodec *codec, const struct encoder_settings *from,
                              const struct encoder_settings *to);
/* Makes it do so, from the next picture on. */
void encoder_codec_follow(const struct av_library *av, AVCodecContext *context,
                          const struct encoder_settings *to);
/* Of a picture, for encoders that want it with each: the quality, in FFmpeg's terms; 0: none. */
int encoder_codec_picture_quality(const struct encoder_settings *settings);

#endif
