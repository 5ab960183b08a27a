/* SPDX-License-Identifier: MIT */
#ifndef GUEST_GUEST_PINS_H
#define GUEST_GUEST_PINS_H

#include <stdint.h>
#include <sys/uio.h>

#include "guest/guest_memory.h"

/* A stretch of the guest's memory. */
struct guest_piece {
    uint64_t gpa;  /* guest-physical address */
    uint64_t size; /* bytes */
};

/* The pieces of one set of pins lie in at most this many places (4 GiB of single pages). */
#define GUEST_PINS_MAX (1u << 20)

/*
 * Guest pages as pointers that stay right for as long as the pins live, whatever the front-end does
 * with its table: they hold the mappings of their regions. For those who cannot translate at each
 * use, such as a renderer's thread. References are counted by the loop's thread alone; another
 * thread may read 'iov', and what it points to, while someone holds a reference for it. The guest
 * may change the bytes at any time.
 */
struct guest_pins {
    unsigned refs;
    unsigned count;    /* of 'iov' */
    struct iovec *iov; /* the pieces in order, divided where two regions meet */
    uint64_t size;     /* bytes in all */
    unsigned mapping_count;
    struct guest_mapping *mappings[]; /* one reference of each: of the regions with places */
};

/*
 * Pins 'count' pieces of the guest's memory, with one reference; none at all is a valid set of
 * pins. NULL with errno set: EFAULT when a piece is empty, wraps or is not in the guest's memory,
 * E2BIG for more than GUEST_PINS_MAX places or 2^64 bytes, ENOMEM.
 */
struct guest_pins *guest_pins_create(struct guest_memory *memory, const struct guest_piece *pieces,
                                     unsigned count);
/* One more reference. Returns 'pins'. */
struct guest_pins *guest_pins_ref(struct guest_pins *pins);
/* One less; the last one lets the pages go. Takes NULL. */
void guest_pins_unref(struct guest_pins *pins);

#endif
