/* SPDX-License-Identifier: MIT */
#ifndef GPU_BACKING_H
#define GPU_BACKING_H

#include <stdint.h>

#include "guest/guest_memory.h"
#include "protocol/cursor.h"

/* Guest pages of a resource, as guest addresses: they are translated at each use, since the memory
 * table may change at any time. */
struct backing_piece {
    uint64_t gpa;
    uint64_t size; /* bytes */
};

struct backing {
    uint32_t count;               /* 0: there is no backing */
    struct backing_piece *pieces; /* owned */
    uint64_t size;                /* bytes in all */
};

/*
 * Reads 'count' struct virtio_gpu_mem_entry, which must be all that 'entries' has left, and joins
 * neighbours. Returns 0; -EINVAL when the bytes do not match the count, or an entry is empty, wraps
 * or is not in the guest's memory; -ENOMEM. 'backing' is empty after an error.
 */
int backing_init(struct backing *backing, struct reader *entries, uint32_t count,
                 struct guest_memory *memory);
/* Frees the list; the guest's pages are the guest's. */
void backing_finish(struct backing *backing);

#endif
