/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_RING_H
#define TESTS_GUEST_MEDIA_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#include "media_dma.h"
#include "media_pci.h"

/* The driver's side of a split virtqueue (virtio specification 1.2, 2.7), polled. */
#define MEDIA_RING_MAX 256u
/* The longest chain, as the Linux driver's; an indirect table holds it. */
#define MEDIA_RING_CHAIN 64u

/* One piece of a request, in media_dma memory. */
struct media_piece {
    void *at;
    uint32_t size; /* bytes */
    bool write;    /* the device writes it; these come after those it reads */
};

struct media_ring {
    struct media_pci *pci; /* not owned */
    struct media_dma *dma; /* not owned; all parts lie in it */
    unsigned size;         /* entries */
    volatile struct vring_desc *desc;
    volatile struct vring_avail *avail;
    volatile struct vring_used *used;
    volatile uint16_t *avail_event; /* after the used ring: when the device wants a kick */
    volatile uint16_t *notify;
    uint16_t number; /* what is written into the notify register */
    bool event_idx;
    bool indirect;
    uint16_t free_head;
    unsigned free_count;
    uint16_t avail_index; /* entries made available */
    uint16_t kicked;      /* those that the device was told of, or did not want to be */
    uint16_t used_index;  /* entries taken back */
    struct {
        uint32_t token;
        uint16_t count;           /* descriptors taken; 0: not in use */
        uint32_t room;            /* bytes that the device may write */
        struct vring_desc *table; /* indirect table, made once */
    } slots[MEDIA_RING_MAX];
    uint64_t kicks;     /* notify writes */
    uint64_t indirects; /* chains sent by an indirect table */
};

/* What came back. */
struct media_done {
    uint32_t token;
    uint32_t used; /* bytes written, as the device says */
    uint32_t room; /* bytes it might have written */
};

/*
 * Makes queue 'index' of a negotiated device, with as many entries as it offers, MEDIA_RING_MAX at
 * most, and enables it. Returns 0, -ENODEV when there is no such queue, -ENOMEM or -ERANGE.
 */
int media_ring_init(struct media_ring *ring, struct media_pci *pci, struct media_dma *dma,
                    unsigned index);

/*
 * Makes a request of 'count' pieces available, by an indirect table when 'indirect' is set and the
 * feature is there. 'token' comes back with it. Returns 0, -ENOSPC when the ring is full or -E2BIG.
 */
int media_ring_add(struct media_ring *ring, const struct media_piece *pieces, unsigned count,
                   bool indirect, uint32_t token);

/* Tells the device what was added, if it wants to know (2.7.7, 2.7.10). */
void media_ring_kick(struct media_ring *ring);

/*
 * Takes back one request. Returns 1 with 'done' filled, 0 when there is none, or -EPROTO when the
 * device returned what it was not given, or claims more bytes than there was room for.
 */
int media_ring_take(struct media_ring *ring, struct media_done *done);

#endif
