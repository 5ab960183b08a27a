/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_FRAME_STAMP_H
#define PROTOCOL_FRAME_STAMP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* The bytes of a plane are summed in blocks of this size, and the blocks' sums are put together:
 * who draws into a known picture sums what he has drawn. The last block is what is left. */
#define FRAME_STAMP_BLOCK 65536u

/* A word of a plane, which lies where a guest's program wants it: at any address. */
static inline uint64_t frame_stamp_word(const uint8_t *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof(word));
    return word;
}

/* The sum of one block. Four lanes, so that it is about as fast as memory. */
static inline uint64_t frame_stamp_block(const void *block, size_t words)
{
    uint64_t lane[4] = {0x510e527fade682d1ull, 0x1111111111111111ull, 0x2222222222222222ull,
                        0x3333333333333333ull};
    const uint8_t *from = block, *rest = from + words / 4 * 32;

    for (; from < rest; from += 32)
        for (unsigned k = 0; k < 4; k++)
            lane[k] = ((lane[k] << 7) | (lane[k] >> 57)) + frame_stamp_word(from + 8 * k);
    for (unsigned k = 0; k < words % 4; k++)
        lane[k] = ((lane[k] << 7) | (lane[k] >> 57)) + frame_stamp_word(rest + 8 * k);
    return (lane[0] ^ (lane[1] * 3)) + ((lane[2] * 5) ^ (lane[3] * 7));
}

/* The sum of what came before a block and the block. */
static inline uint64_t frame_stamp_add(uint64_t sum, uint64_t block)
{
    return (((sum << 7) | (sum >> 57)) ^ block) * 0x9e3779b97f4a7c15ull;
}

/* Sums the 'words' 64-bit words of a plane, going on from 'sum'. */
static inline uint64_t frame_stamp_sum(uint64_t sum, const void *plane, size_t words)
{
    const size_t most = FRAME_STAMP_BLOCK / 8;
    const uint8_t *from = plane;

    for (; words > most; words -= most, from += FRAME_STAMP_BLOCK)
        sum = frame_stamp_add(sum, frame_stamp_block(from, most));
    return words > 0 ? frame_stamp_add(sum, frame_stamp_block(from, words)) : sum;
}

#endif
