/* SPDX-License-Identifier: MIT */
#ifndef GUEST_GUEST_VIEW_H
#define GUEST_GUEST_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/quota.h"
#include "guest/guest_memory.h"
#include "guest/guest_pins.h"

/* The views of this process have at most this many stretches in all: each is a mapping of its own,
 * and Linux gives a process 65530 (vm.max_map_count), which others need too. */
#define GUEST_VIEW_MAX_STRETCHES 32768u

/* A run of bytes of one file. */
struct guest_stretch {
    uint64_t dev, ino; /* of the file */
    uint64_t offset;   /* of the first byte in it */
    uint64_t size;
};

/*
 * Guest pages that lie anywhere, seen one behind the other: mapped in place, never copied. So the
 * guest sees what is written here at once, and may change it at any time. The view holds the files
 * of its pages, and stays as it is whatever the front-end does with its table. Any thread may use
 * the bytes; making and ending it is for the loop's thread alone.
 */
struct guest_view {
    uint8_t *data;                 /* the first byte, anywhere in a page */
    uint64_t size;                 /* bytes */
    struct guest_mapping *mapping; /* when it is one stretch, else NULL: what is mapped is ours */
    uint8_t *start;
    uint64_t mapped;                 /* bytes from 'start' on */
    struct guest_fault_place *place; /* of what is ours */
    unsigned count;
    struct guest_stretch stretches[];
};

/*
 * Shows 'count' pieces of the guest's memory (not 0) in their order. NULL with errno set: EFAULT
 * when a piece is empty, wraps or is not in the guest's memory; EINVAL when two that follow one
 * another do not meet at the edge of a page; EOPNOTSUPP for several stretches of huge pages
 * (hugetlbfs), which cannot be mapped piece by piece; ENOMEM; EDQUOT past GUEST_VIEW_MAX_STRETCHES,
 * or what guest_view_use said.
 */
struct guest_view *guest_view_create(struct guest_memory *memory, const struct guest_piece *pieces,
                                     unsigned count);
/* From now on the stretches of all views are taken from 'quota' (borrowed; NULL: one of our own).
 * There must be no views. */
void guest_view_use(struct quota *quota);
/* Takes NULL. */
void guest_view_destroy(struct guest_view *view);
/* Whether it shows just these pieces, as they lie in the guest's memory now. Not once bytes of it
 * were gone. */
bool guest_view_shows(const struct guest_view *view, struct guest_memory *memory,
                      const struct guest_piece *pieces, unsigned count);

#endif
