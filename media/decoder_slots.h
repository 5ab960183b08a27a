/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_DECODER_SLOTS_H
#define MEDIA_DECODER_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "media/av_library.h"
#include "media/buffer_queue.h"
#include "media/picture.h"

/*
 * Buffers of the capture queue that the codec decodes straight into. The codec keeps such a
 * buffer's memory until no picture refers to it any more: longer than the buffer is away from the
 * guest, and maybe longer than the queue has it. The guest may write into it meanwhile, and sees
 * the effect in later pictures; to the codec they are bytes like others.
 *
 * All is called on the loop while no step is done, except what says that it is for a step.
 */
#define DECODER_SLOTS VIDEO_MAX_FRAME
/* So many buffers of the queue are never the codec's: pictures that it has in memory of its own
 * must be able to come out. */
#define DECODER_SLOTS_SPARE 2u
/* Bytes behind a plane that codecs may touch beside what they show: lines up to the next multiple
 * of 32, two more, and the end of a line. */
#define DECODER_SLOTS_MARGIN(bytes_per_line) ((bytes_per_line)*34u + 128u)

struct decoder_slot {
    bool used;
    struct queue_buffer *buffer; /* taken, its picture not yet given; NULL: given, or taken away */
    unsigned planes;
    struct plane *plane[PICTURE_MAX_PLANES];
    struct picture_part parts[PICTURE_MAX_PLANES];
    uint8_t *memory[PICTURE_MAX_PLANES];
    uint32_t size[PICTURE_MAX_PLANES];
    bool claimed;  /* the codec has it; set in a step */
    unsigned refs; /* buffers of libavutil that there are; atomic */
};

struct decoder_slots {
    const struct av_library *av; /* borrowed */
    struct decoder_slot *offer;  /* for the next picture of the codec; NULL: none */
    const char *reason;          /* why the last picture was not decoded into it; NULL: it was */
    struct decoder_slot slots[DECODER_SLOTS];
};

void decoder_slots_init(struct decoder_slots *slots, const struct av_library *av);
/* The codec is closed. */
void decoder_slots_finish(struct decoder_slots *slots);

/* Whether the codec has the memory of this buffer. */
bool decoder_slots_hold(const struct decoder_slots *slots, const struct queue_buffer *buffer);
/* Offers a taken buffer to the codec for the next step, if the picture's form and the number of
 * buffers of the queue allow it. */
void decoder_slots_offer(struct decoder_slots *slots, const struct buffer_queue *queue,
                         struct queue_buffer *buffer, const struct picture *picture);
/* The step is done: what came of the offer. 'kept': the buffer stays with the codec. */
void decoder_slots_settle(struct decoder_slots *slots, bool kept);
/* The buffers' own pictures have gone, or will never come: those that the codec has let go of
 * unshown are queued again. */
void decoder_slots_reap(struct decoder_slots *slots, struct buffer_queue *queue);
/* The buffer's picture goes to the guest. */
void decoder_slots_given(struct decoder_slots *slots, const struct queue_buffer *buffer);
/* The queue takes all buffers away; also the one offered. */
void decoder_slots_detach(struct decoder_slots *slots);

/* In a step, for AVCodecContext.get_buffer2: lets the codec have what is offered. False: it does
 * not fit the codec's needs. */
bool decoder_slots_claim(struct decoder_slots *slots, AVCodecContext *context, AVFrame *frame);
/* In a step: the slot in which the frame lies, whose picture has not been given; NULL: none. */
struct decoder_slot *decoder_slots_of(struct decoder_slots *slots, const AVFrame *frame);

#endif
