/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_MEMORY_STREAM_H
#define PROTOCOL_MEMORY_STREAM_H

#include <stddef.h>
#include <stdint.h>

/*
 * The command stream of the 'memory' renderer: what a guest may write into SUBMIT_3D in a context
 * that was made with capset MEMORY_STREAM_CAPSET.
 *
 * The renderer has no GPU; it owns memory. Its commands let a guest have the host write and read
 * that memory, so that both ends can prove that they see the same bytes. All fields are little
 * endian. A stream is a row of commands; the first bad one ends it with an error answer, and those
 * before it have been carried out. A resource must be attached to the context.
 *
 * The capset id is not one of the virtio specification's (1 to 6 at the time of writing). Linux
 * takes ids up to 63, but 7.3 shifts a 32-bit 1 by them, and tells user space 32 bits of the
 * result: 30 is the highest that works.
 */
#define MEMORY_STREAM_CAPSET 30u
#define MEMORY_STREAM_VERSION 1u

/* GET_CAPSET's answer, version 1. */
struct memory_stream_capset {
    uint32_t version; /* MEMORY_STREAM_VERSION */
    uint32_t opcodes; /* bit N set: opcode N is understood */
    uint64_t max_blob_size;
};

enum memory_stream_opcode {
    /* Writes memory_stream_word(seed, i) to each 64-bit word i of the range, i from 0. */
    MEMORY_STREAM_FILL = 1,
    /* Writes memory_stream_sum() of the range as a 64-bit word to result_offset of result_resource.
     */
    MEMORY_STREAM_SUM = 2,
};

/* Every command has this size and form; what an opcode does not use is 0. */
struct memory_stream_command {
    uint32_t opcode;
    uint32_t resource;        /* virtio-gpu resource id, blob resources only */
    uint64_t offset;          /* bytes from the resource's start, multiple of 8 */
    uint64_t size;            /* bytes, multiple of 8, not 0 */
    uint64_t seed;            /* FILL */
    uint32_t result_resource; /* SUM */
    uint32_t pad;
    uint64_t result_offset; /* SUM: multiple of 8 */
};

/* The word number 'index' of the pattern 'seed' (the finaliser of a 64-bit mix). */
static inline uint64_t memory_stream_word(uint64_t seed, uint64_t index)
{
    uint64_t x = seed + index * 0x9e3779b97f4a7c15ull;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ull;
    x ^= x >> 32;
    return x;
}

/* A sum over 'words' 64-bit words that changes when words change place or value. A long range may
 * be summed in pieces, each going on from the sum of the one before, the first from
 * MEMORY_STREAM_SUM_SEED. */
#define MEMORY_STREAM_SUM_SEED 0x6a09e667f3bcc908ull

static inline uint64_t memory_stream_sum_on(uint64_t sum, const volatile uint64_t *from,
                                            size_t words)
{
    for (size_t i = 0; i < words; i++)
        sum = ((sum << 7) | (sum >> 57)) + (from[i] ^ 0xbb67ae8584caa73bull);
    return sum;
}

static inline uint64_t memory_stream_sum(const volatile uint64_t *from, size_t words)
{
    return memory_stream_sum_on(MEMORY_STREAM_SUM_SEED, from, words);
}

#endif
