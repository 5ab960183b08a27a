/* SPDX-License-Identifier: MIT */
#ifndef GUEST_GUEST_MEMORY_H
#define GUEST_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "guest/guest_mapping.h"

#define GUEST_MEMORY_MAX_REGIONS 64u

/*
 * The guest's memory as the front-end described it: regions of guest-physical addresses, each a
 * piece of a descriptor. A region is mapped when something first points into it, and stays mapped
 * over a new table that has it unchanged. Pointers are valid until the next change of the table:
 * hold guest addresses, and translate at each use, or hold the pages (guest/guest_pins.h).
 */
struct guest_region {
    uint64_t gpa;                  /* guest-physical address */
    uint64_t size;                 /* bytes */
    uint64_t user;                 /* the same place as the front-end's virtual address */
    uint64_t fd_offset;            /* of the region's first byte in its file */
    int fd;                        /* owned */
    uint64_t dev, ino;             /* of the file */
    struct guest_mapping *mapping; /* one reference; NULL until something points there */
    uint8_t *data;                 /* of the mapping, or NULL */
    bool starved;                  /* there was no memory to map it the last time: try again */
    bool broken; /* it cannot be mapped, or bytes of it are gone: do not try at each descriptor */
};

struct guest_memory {
    unsigned count;
    unsigned last;    /* where the last address was found: the next one is mostly there too */
    unsigned faults;  /* guest_fault_count, when the mappings were last looked at */
    unsigned changes; /* of the table, and regions that were lost: each ends the pointers before */
    struct guest_region regions[GUEST_MEMORY_MAX_REGIONS]; /* ordered by gpa */
};

/* What the front-end says of one region. */
struct guest_region_spec {
    uint64_t gpa, size, user, fd_offset;
};

void guest_memory_init(struct guest_memory *memory);
void guest_memory_finish(struct guest_memory *memory);

/*
 * Replaces the whole table; takes ownership of the 'count' descriptors even on error. Refuses, and
 * keeps the old table, when a region is empty, wraps, overlaps another, or lies past the end of its
 * file
 * (-EINVAL), or there are too many (-E2BIG).
 */
int guest_memory_set(struct guest_memory *memory, const struct guest_region_spec *specs,
                     const int *fds, unsigned count);
/* Adds one region; takes ownership of fd even on error. -EINVAL or -E2BIG as above. */
int guest_memory_add(struct guest_memory *memory, const struct guest_region_spec *spec, int fd);
/* Removes the region with that gpa, size and user address. 0 or -ENOENT. */
int guest_memory_remove(struct guest_memory *memory, const struct guest_region_spec *spec);

/* The region that holds 'gpa', mapped; NULL if there is none, it cannot be mapped, or the front-end
 * has cut its file short. Valid until the table changes. */
struct guest_region *guest_memory_region(struct guest_memory *memory, uint64_t gpa);
/* Whether pointers are still valid that were given when guest_memory::changes was 'seen'. */
static inline bool guest_memory_same(const struct guest_memory *memory, unsigned seen)
{
    return memory->changes == seen &&
           memory->faults == __atomic_load_n(&guest_fault_count, __ATOMIC_ACQUIRE);
}

/* guest_memory_at where the address is not in the region of the last one. */
void *guest_memory_find(struct guest_memory *memory, uint64_t gpa, uint64_t size);

/* The pointer to [gpa, gpa + size), which must lie inside one region; NULL otherwise. */
static inline void *guest_memory_at(struct guest_memory *memory, uint64_t gpa, uint64_t size)
{
    const struct guest_region *region = &memory->regions[memory->last];
    uint64_t offset = gpa - region->gpa; /* no region wraps: below it, this is past its end */

    if (guest_memory_same(memory, memory->changes) && region->data != NULL &&
        offset < region->size && size <= region->size - offset)
        return region->data + offset;
    return guest_memory_find(memory, gpa, size);
}

/* The pointer to the longest piece of [gpa, gpa + *size) that lies in the first region; shortens
 * *size. */
void *guest_memory_piece(struct guest_memory *memory, uint64_t gpa, uint64_t *size);
/* The guest-physical address of a front-end's virtual address, as SET_VRING_ADDR gives it. */
bool guest_memory_from_user(const struct guest_memory *memory, uint64_t user, uint64_t *gpa);
/* Where the bytes at 'at' lie, a pointer that some function here has given: the descriptor of
 * their file (borrowed), and *offset in it. -1 when no region has all of them any more. */
int guest_memory_file(const struct guest_memory *memory, const void *at, uint64_t size,
                      uint64_t *offset);
/* Whether there is memory at 'gpa' that could not be mapped for want of the host's: another try may
 * do better. */
bool guest_memory_starved(const struct guest_memory *memory, uint64_t gpa);
/* guest_memory_read and guest_memory_write over more than one region. */
bool guest_memory_read_pieces(struct guest_memory *memory, uint64_t gpa, void *to, size_t size);
bool guest_memory_write_pieces(struct guest_memory *memory, uint64_t gpa, const void *from,
                               size_t size);

/* The guest may change what was copied at any time: whoever checks the copy must not be given a
 * second look at the original by the compiler. */
static inline void guest_memory_copied(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Copies across regions. Returns whether all of it was there; what was there may have been copied.
 */
static inline bool guest_memory_read(struct guest_memory *memory, uint64_t gpa, void *to,
                                     size_t size)
{
    const void *at = guest_memory_at(memory, gpa, size);

    if (at == NULL)
        return guest_memory_read_pieces(memory, gpa, to, size);
    memcpy(to, at, size);
    guest_memory_copied();
    return true;
}

static inline bool guest_memory_write(struct guest_memory *memory, uint64_t gpa, const void *from,
                                      size_t size)
{
    void *at = guest_memory_at(memory, gpa, size);

    if (at == NULL)
        return guest_memory_write_pieces(memory, gpa, from, size);
    memcpy(at, from, size);
    return true;
}

#endif
