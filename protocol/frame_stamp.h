/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_FRAME_STAMP_H
#define PROTOCOL_FRAME_STAMP_H

#include <stddef.h>
#include <stdint.h>

/*
 * The stamp at the start of every frame of the media kind 'pattern': the first FRAME_STAMP_SIZE
 * bytes of the first plane. It looks like noise in the picture's first line, and lets a reader
 * check that it got the whole frame, and which. Little endian.
 *
 * 'sum' covers every plane's bytesused bytes, plane after plane, with the sum field itself taken as
 * 0. Each plane is summed on its own with frame_stamp_sum(), starting from the sum of the one
 * before (the first from FRAME_STAMP_SEED). A plane's size is a multiple of 8 in every format
 * offered.
 */
#define FRAME_STAMP_MAGIC 0x50414d5453424f48ull /* "HOBSTAMP" */
#define FRAME_STAMP_SEED 0x6a09e667f3bcc908ull

struct frame_stamp {
    uint64_t magic;
    uint64_t sequence;  /* frame number since STREAMON, as in v4l2_buffer.sequence */
    uint64_t timestamp; /* nanoseconds of the host's CLOCK_MONOTONIC, as in v4l2_buffer.timestamp */
    uint64_t sum;
};

#define FRAME_STAMP_SIZE sizeof(struct frame_stamp)

/* Sums 'words' 64-bit words, going on from 'sum'. Four lanes, so that it is about as fast as
 * memory. */
static inline uint64_t frame_stamp_sum(uint64_t sum, const uint64_t *from, size_t words)
{
    uint64_t lane[4] = {sum, sum ^ 0x1111111111111111ull, sum ^ 0x2222222222222222ull,
                        sum ^ 0x3333333333333333ull};
    size_t i = 0;

    for (; i + 4 <= words; i += 4)
        for (unsigned k = 0; k < 4; k++)
            lane[k] = ((lane[k] << 7) | (lane[k] >> 57)) + from[i + k];
    for (; i < words; i++)
        lane[i & 3] = ((lane[i & 3] << 7) | (lane[i & 3] >> 57)) + from[i];
    return (lane[0] ^ (lane[1] * 3)) + ((lane[2] * 5) ^ (lane[3] * 7));
}

#endif
