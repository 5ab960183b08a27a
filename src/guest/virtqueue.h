/* SPDX-License-Identifier: MIT */
#ifndef GUEST_VIRTQUEUE_H
#define GUEST_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/chain.h"
#include "guest/guest_memory.h"

/*
 * A split virtqueue, device side (virtio 1.3, 2.7): with INDIRECT_DESC and EVENT_IDX, up to 32768
 * entries. Its three parts are guest addresses and are translated at each batch. A driver that
 * breaks the rules breaks its own queue: 'broken' is set, nothing more is taken from it until it is
 * started again.
 */
struct virtqueue {
    bool started;
    bool enabled;
    bool broken;
    bool event_idx;
    uint16_t size;              /* entries, a power of two */
    uint64_t desc, avail, used; /* guest-physical */
    uint16_t next_avail;        /* the next entry of the available ring to take */
    uint16_t used_idx;  /* the next entry of the used ring to fill: as the ring says at the start */
    uint16_t signalled; /* used_idx at the last call, for EVENT_IDX */
    bool signalled_valid;
    uint32_t generation; /* counts the stops: a chain of an earlier one is not answered any more */
    bool no_indirect;
    unsigned in_flight;          /* chains that the device holds */
    unsigned pieces;             /* of the chains in flight */
    struct guest_memory *memory; /* borrowed */
    struct chain *spare;         /* chains to use again */
    unsigned spares;
};

/* Where a queue starts. */
struct virtqueue_setup {
    uint16_t size;
    uint16_t base;              /* the next available entry */
    uint64_t desc, avail, used; /* guest-physical */
    bool event_idx;
    bool no_indirect; /* INDIRECT_DESC was not negotiated */
};

/* The chains in flight hold at most this many pieces (16 MiB); a driver that asks for more breaks
 * its queue. */
#define VIRTQUEUE_MAX_PIECES (1u << 20)

void virtqueue_init(struct virtqueue *queue, struct guest_memory *memory);
void virtqueue_finish(struct virtqueue *queue);
/* Starts a stopped queue. -EINVAL when the size is no power of two up to 32768, or a part is not
 * aligned or not in guest memory. *fresh says whether the driver begins from nothing (base 0 and
 * used index 0). */
int virtqueue_start(struct virtqueue *queue, const struct virtqueue_setup *setup, bool *fresh);
/* Stops it: chains in flight are the device's to free (virtqueue_drop). Returns the base to go on
 * from. */
uint16_t virtqueue_stop(struct virtqueue *queue);

/* Takes the next request. NULL when there is none, when the queue is stopped, disabled or broken,
 * and when the driver broke the rules (logged, *broken set). With EVENT_IDX, asks for a kick when
 * it returns NULL. */
struct chain *virtqueue_pop(struct virtqueue *queue);
/* Gives it back with 'written' bytes in its writable part. In order, in this version of the
 * journal. */
void virtqueue_push(struct virtqueue *queue, struct chain *chain, uint32_t written);
/* Whether requests may be taken and given back: it is started, enabled and not broken. An answer
 * that is ready while it does not run is kept by the device until it does. */
bool virtqueue_running(const struct virtqueue *queue);
/* Whether the driver still waits for 'chain', which was taken from 'queue': it may be given back
 * once the queue runs. Where not, it is to be dropped (virtqueue_drop). */
bool virtqueue_holds(const struct virtqueue *queue, const struct chain *chain);
/* Forgets a chain of a queue that was stopped meanwhile. */
void virtqueue_drop(struct virtqueue *queue, struct chain *chain);
/* Whether the driver wants to be called for what was pushed since the last time this said so. */
bool virtqueue_must_call(struct virtqueue *queue);

#endif
