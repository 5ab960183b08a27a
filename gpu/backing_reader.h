/* SPDX-License-Identifier: MIT */
#ifndef GPU_BACKING_READER_H
#define GPU_BACKING_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/backing.h"

/*
 * Copies bytes out of a resource's guest pages, which may be thousands of pieces: it remembers the
 * piece where it stopped, so that lines read one after another, downwards, cost one walk in all.
 * Good until the backing changes; the memory table may change between two reads.
 */
struct backing_reader {
    const struct backing *backing; /* borrowed */
    struct guest_memory *memory;   /* borrowed */
    uint32_t piece;
    uint64_t start; /* of that piece, counted from the backing's first byte */
};

/* Both are borrowed. */
void backing_reader_init(struct backing_reader *reader, const struct backing *backing,
                         struct guest_memory *memory);
/* Copies [offset, offset + size) of the backing. Returns 0; -ERANGE when the backing ends before,
 * and nothing is copied; -EFAULT when a page is not in the guest's memory any more. */
int backing_reader_get(struct backing_reader *reader, uint64_t offset, void *to, size_t size);
/* The pointer to [offset, offset + size), where those bytes lie next to each other; NULL where they
 * do not. Right until the next change of the memory table. */
const void *backing_reader_at(struct backing_reader *reader, uint64_t offset, uint64_t size);

#endif
