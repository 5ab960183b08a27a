/* SPDX-License-Identifier: MIT */
#ifndef GUEST_GUEST_MAPPING_H
#define GUEST_GUEST_MAPPING_H

#include <stdint.h>

#include "guest/guest_fault.h"

/*
 * A piece of a file of the guest's memory, mapped. The region that it was made for holds one
 * reference, and so does everything that needs the bytes to stay where they are when the front-end
 * changes its table. Only the loop's thread counts references.
 */
struct guest_mapping {
    unsigned refs;
    uint8_t *data;                   /* the first byte that was asked for */
    uint64_t lead;                   /* bytes mapped before 'data', for page alignment */
    uint64_t mapped;                 /* bytes of the whole mapping */
    struct guest_fault_place *place; /* its watch for bytes that go */
};

/* Maps 'size' bytes from 'offset' of 'fd' (borrowed: the mapping needs it no more) to read and
 * write, with one reference. NULL with errno set. */
struct guest_mapping *guest_mapping_create(int fd, uint64_t offset, uint64_t size);
/* One more reference. Returns 'mapping'. */
struct guest_mapping *guest_mapping_ref(struct guest_mapping *mapping);
/* One less; the last one unmaps. Takes NULL. */
void guest_mapping_unref(struct guest_mapping *mapping);

#endif
