/* SPDX-License-Identifier: MIT */
#ifndef GUEST_CHAIN_H
#define GUEST_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/guest_memory.h"

/* A virtqueue may have this many entries, and so may an indirect table. */
#define VIRTQUEUE_MAX_SIZE 32768u

/* One descriptor: guest-physical, not a pointer, so that it stays right over a new memory table. */
struct chain_piece {
    uint64_t gpa;
    uint32_t size;
};

/*
 * One request of the driver: first the pieces that the device reads, then those that it writes. A
 * chain is taken from a virtqueue by virtqueue_pop and given back by virtqueue_push; it lives as
 * long as the device likes in between. Chains are recycled by their virtqueue.
 */
struct chain {
    uint16_t head; /* the driver's name for it */
    bool again;    /* a worker before us had it, and may have carried it out */
    uint64_t tag;  /* unique in its queue, also over the worker's death; 0: no record is kept */
    uint32_t generation; /* of the queue when it was taken */
    unsigned readable;   /* the first pieces */
    unsigned writable;   /* the pieces after them */
    unsigned capacity;
    struct chain_piece *pieces;
    uint64_t readable_size; /* bytes in all */
    uint64_t writable_size;
    struct chain *next; // virtqueue::spare
};

/* chain_read and chain_write over any pieces; to write there has to be a writable one. */
size_t chain_read_pieces(const struct chain *chain, struct guest_memory *memory, uint64_t offset,
                         void *to, size_t size);
size_t chain_write_pieces(const struct chain *chain, struct guest_memory *memory, uint64_t offset,
                          const void *from, size_t size);

/* Most of what is copied lies in the first piece of all. */
static inline bool chain_piece_has(const struct chain_piece *piece, uint64_t offset, size_t size)
{
    return size <= piece->size && offset <= piece->size - size;
}

/* Copies 'size' readable bytes from 'offset' on. Returns the bytes copied: fewer where the chain,
 * or the guest's memory, ends. */
static inline size_t chain_read(const struct chain *chain, struct guest_memory *memory,
                                uint64_t offset, void *to, size_t size)
{
    const struct chain_piece *first = chain->pieces;

    if (chain->readable > 0 && chain_piece_has(first, offset, size))
        return guest_memory_read(memory, first->gpa + offset, to, size) ? size : 0;
    return chain_read_pieces(chain, memory, offset, to, size);
}

/* Copies 'size' bytes into the writable pieces from 'offset' on. Returns the bytes copied. */
static inline size_t chain_write(const struct chain *chain, struct guest_memory *memory,
                                 uint64_t offset, const void *from, size_t size)
{
    const struct chain_piece *first;

    if (chain->writable == 0)
        return 0;
    first = chain->pieces + chain->readable;
    if (chain_piece_has(first, offset, size))
        return guest_memory_write(memory, first->gpa + offset, from, size) ? size : 0;
    return chain_write_pieces(chain, memory, offset, from, size);
}

#endif
