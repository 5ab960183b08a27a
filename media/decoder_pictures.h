/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_DECODER_PICTURES_H
#define MEDIA_DECODER_PICTURES_H

#include "base/quota.h"
#include "media/av_library.h"

/* Takes the memory of a picture that libavcodec has just allocated from 'quota' (borrowed, longer
 * than any picture lives), until nobody refers to it any more, on any thread. 0, or
 * AVERROR(ENOMEM): then the frame has no memory. */
int decoder_pictures_take(const struct av_library *av, struct quota *quota, AVFrame *frame);

#endif
