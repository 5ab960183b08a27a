/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_DECODER_H
#define MEDIA_DECODER_H

#include <stdbool.h>

#include "media/decoder_codec.h"
#include "media/decoder_output.h"
#include "media/decoder_pictures.h"
#include "media/decoder_slots.h"
#include "media/m2m.h"

/* No picture has more pixels, or is wider or higher than this. */
#define DECODER_MAX_SIDE 8192u
#define DECODER_MAX_PIXELS (8192u * 4352u)

/*
 * A decoder of libavcodec, which takes packets and gives pictures by the steps of an m2m context.
 * One access unit (a picture, in most formats) is in one packet. It runs on one thread at a time;
 * everything here is to be called while no step is done, decoder_step apart.
 */
struct decoder {
    const struct av_library *av;       /* borrowed */
    struct quota *memory;              /* of pictures that are in no buffer; borrowed */
    const struct decoder_codec *codec; /* what comes in */
    struct decoder_output output;
    struct decoder_slots slots;
    /* From the loop, for the next step. */
    struct decoder_format told;    /* the format that the guest knows of */
    struct decoder_format running; /* that of the buffers that stream */
    struct picture picture;        /* and how they hold it */
    /* For the loop: the format of the pending picture. */
    struct decoder_format found;
    /* Of the steps. */
    AVCodecContext *context; /* owned; NULL until the first packet */
    AVPacket *packet;        /* owned */
    AVFrame *frame;          /* owned */
    uint64_t direct, copied; /* pictures given: decoded in place, and not */
    bool has_frame;          /* in 'frame': the pending one */
    bool waiting;            /* 'packet' is for when the pictures before it are out */
    bool draining;           /* the codec knows that no packet comes */
    bool drained;            /* and has no picture any more */
    bool wants_key; /* what another worker's codec held is lost: nothing before a key picture
                       can be decoded */
};

/* 0 or -ENOMEM; needs an end either way. */
int decoder_init(struct decoder *decoder, const struct av_library *av,
                 const struct decoder_codec *codec, struct quota *memory);
void decoder_finish(struct decoder *decoder);
/* Packets of this format follow; forgets all before. */
void decoder_select(struct decoder *decoder, const struct decoder_codec *codec);
/* m2m_ops.work. */
void decoder_step(struct decoder *decoder, struct m2m_work *work);

#endif
