/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FRONTEND_GUEST_RAM_H
#define TESTS_FRONTEND_GUEST_RAM_H

#include <stdint.h>

#include "protocol/vhost_user.h"

/*
 * The memory of a pretended guest: one memfd, of which the lower half lies at guest-physical 0 and
 * the upper half at 4 GiB, as on a PC with a hole below 4 GiB. Guest-physical addresses, the
 * front-end's own addresses and offsets in the file all differ, so that nobody can mix them up
 * unnoticed.
 */
#define GUEST_RAM_REGIONS 2u
#define GUEST_RAM_HIGH UINT64_C(0x100000000)

enum guest_ram_half { GUEST_RAM_LOW, GUEST_RAM_UPPER };

struct guest_ram {
    int fd; /* owned */
    uint8_t *data;
    uint64_t size;    /* bytes of both halves */
    uint64_t used[2]; /* bytes given out of each half */
};

/* 'size' bytes, a multiple of two pages. 0 or -errno. */
int guest_ram_init(struct guest_ram *ram, uint64_t size);
/* Has it keep its size, as QEMU does unless it is told otherwise: then dmabufs can be made of it. 0
 * or -errno. */
int guest_ram_seal(struct guest_ram *ram);
void guest_ram_finish(struct guest_ram *ram);
/* Gives out 'size' zeroed bytes at a multiple of 'align'; there is no giving back. Returns the
 * guest-physical address; UINT64_MAX when the half is full. */
uint64_t guest_ram_take(struct guest_ram *ram, enum guest_ram_half half, uint64_t size,
                        uint64_t align);
/* The pointer to a guest-physical address; NULL outside. It is also the address that the front-end
 * names in SET_VRING_ADDR. */
void *guest_ram_at(const struct guest_ram *ram, uint64_t gpa);
/* Describes one of the regions, as a memory table does. */
void guest_ram_region(const struct guest_ram *ram, unsigned index,
                      struct vhost_user_region *region);

#endif
