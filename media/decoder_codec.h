/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_DECODER_CODEC_H
#define MEDIA_DECODER_CODEC_H

#include <stdint.h>

#include <linux/videodev2.h>

#include "media/av_library.h"

#ifndef V4L2_PIX_FMT_AV1
#define V4L2_PIX_FMT_AV1 v4l2_fourcc('A', 'V', '0', '1')
#endif

/* A compressed format that the decoder takes, by a decoder of libavcodec. */
struct decoder_codec {
    uint32_t fourcc; /* V4L2_PIX_FMT_* */
    const char *description;
    const char *names[3]; /* of libavcodec's decoders; the first one that is there serves */
    bool direct;          /* it decodes into any memory: it asks for no edges around a picture */
};

/* The format number 'index', NULL past the end. */
const struct decoder_codec *decoder_codec_at(unsigned index);
/* The one of libavcodec's decoders that serves; NULL: there is none. */
const AVCodec *decoder_codec_library(const struct decoder_codec *codec,
                                     const struct av_library *av);
/* The formats of a list (media/codec_list.h) that there is a decoder for: number 'index' of them,
 * NULL past the end. */
const struct decoder_codec *decoder_codec_offered(const struct av_library *av, const char *list,
                                                  unsigned index);
/* That of a fourcc, if it is among them, or NULL. */
const struct decoder_codec *decoder_codec_find(const struct av_library *av, const char *list,
                                               uint32_t fourcc);

#endif
