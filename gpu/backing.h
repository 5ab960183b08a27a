/* SPDX-License-Identifier: MIT */
#ifndef GPU_BACKING_H
#define GPU_BACKING_H

#include <stddef.h>
#include <stdint.h>

#include "guest/guest_pins.h"
#include "protocol/cursor.h"

/* The guest's pages that a request brings for a resource, which has the pins from then on. They are
 * pinned, since a renderer keeps pointers to them. */
struct backing {
    struct guest_pins *pins;    /* one reference; NULL: there are none, or a resource has them */
    struct guest_piece *pieces; /* owned: what was pinned, until somebody has noted it, or NULL */
    uint32_t piece_count;
};

/*
 * Reads 'count' struct virtio_gpu_mem_entry, which must be all that 'entries' has left, joins
 * neighbours and pins them. Returns 0; -EINVAL when the bytes do not match the count, or an entry
 * is empty, wraps or is not in the guest's memory; -E2BIG; -ENOMEM. 'backing' is empty after an
 * error, and for a count of 0.
 */
int backing_init(struct backing *backing, struct reader *entries, uint32_t count,
                 struct guest_memory *memory);
/* They are noted, or nobody wants to know. */
void backing_forget_pieces(struct backing *backing);
/* Lets go of both. */
static inline void backing_finish(struct backing *backing)
{
    if (backing->pieces != NULL)
        backing_forget_pieces(backing);
    if (backing->pins != NULL)
        guest_pins_unref(backing->pins);
    backing->pins = NULL;
}

/* Bytes in all; 0 without pins. */
uint64_t backing_size(const struct guest_pins *pins);
/* Places of the guest's memory; 0 without pins. */
uint32_t backing_count(const struct guest_pins *pins);

#endif
