/* SPDX-License-Identifier: MIT */
#ifndef GUEST_VIRTQUEUE_H
#define GUEST_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ring_record.h"
#include "guest/chain.h"
#include "guest/guest_memory.h"

/*
 * A split virtqueue, device side (virtio 1.3, 2.7): with INDIRECT_DESC and EVENT_IDX, up to 32768
 * entries. Its three parts are guest addresses, and are translated anew whenever the guest's memory
 * has become another. A driver that breaks the rules breaks its own queue: 'broken' is set, nothing
 * more is taken from it until it is started again.
 *
 * Requests are answered in any order. One that is in the device's hands when the queue stops stays
 * there: the driver waits for it, and gets the answer when the queue goes on from where it stopped.
 * If the driver begins anew instead, the queue's generation changes, and the device drops it.
 */
struct virtqueue {
    bool started;
    bool enabled;
    bool broken;
    bool event_idx;
    bool hushed;                /* the driver need not kick */
    uint16_t size;              /* entries, a power of two */
    uint64_t desc, avail, used; /* guest-physical */
    /* The three parts; NULL where one is not in the guest's memory. Looked for before use. */
    uint8_t *desc_at, *avail_at, *used_at;
    unsigned seen;       /* guest_memory::changes, when they were translated */
    uint16_t next_avail; /* the next entry of the available ring to take */
    uint16_t avail_idx;  /* entries before this one are there, as the ring last said */
    uint16_t looked;     /* and as virtqueue_look saw last */
    uint16_t used_idx;  /* the next entry of the used ring to fill: as the ring says at the start */
    uint16_t signalled; /* used_idx at the last call, for EVENT_IDX */
    bool signalled_valid;
    uint32_t generation; /* counts the beginnings: a chain of an earlier one is not answered */
    bool no_indirect;
    unsigned in_flight;          /* chains that the device holds */
    unsigned pieces;             /* of the chains in flight */
    struct guest_memory *memory; /* borrowed */
    struct chain *spare;         /* chains to use again */
    unsigned spares;
    struct ring_record *record; /* of what is in flight, borrowed; NULL: none is kept */
    bool known;                 /* started before by this process */
    uint16_t *again;            /* heads that someone before us took and did not answer, owned */
    unsigned again_count, again_next;
    /* Called when there was no memory for a request, which stays where it is; NULL: nobody cares.
     */
    void (*starved)(void *data);
    void *starved_data;
};

/* Where a queue starts. */
struct virtqueue_setup {
    uint16_t size;
    uint16_t base;              /* the next available entry */
    uint64_t desc, avail, used; /* guest-physical */
    bool event_idx;
    bool no_indirect; /* INDIRECT_DESC was not negotiated */
    uint32_t name;    /* of this start, for the record */
};

/* The chains in flight hold at most this many pieces (16 MiB); a driver that asks for more breaks
 * its queue. */
#define VIRTQUEUE_MAX_PIECES (1u << 20)

void virtqueue_init(struct virtqueue *queue, struct guest_memory *memory);
/* The device has dropped or answered every chain. */
void virtqueue_finish(struct virtqueue *queue);
/*
 * Starts a stopped queue. -EINVAL when the size is no power of two up to 32768, or a part is not
 * aligned or not in guest memory; -ENOMEM. *fresh says whether the driver begins from nothing (base
 * 0 and used index 0).
 *
 * What was in flight when it stopped is so again if it goes on at the base that virtqueue_stop
 * returned, in the same place, and the driver is not fresh. Where another process had it, by the
 * record, virtqueue_pop gives it first. Otherwise it is forgotten, and the generation changes.
 */
int virtqueue_start(struct virtqueue *queue, const struct virtqueue_setup *setup, bool *fresh);
/* Stops it, and returns the base to go on from: behind everything that was taken. The chains in
 * flight stay the device's. */
uint16_t virtqueue_stop(struct virtqueue *queue);
/* Nothing more is taken from it and nothing given back until it is started anew. */
void virtqueue_break(struct virtqueue *queue);
/* The driver of a stopped queue begins anew: what is in flight is forgotten. */
void virtqueue_reset(struct virtqueue *queue);

/* Takes the next request. NULL when there is none, when the queue is stopped, disabled or broken,
 * when there is no memory for it ('starved' hears of it: it is to be taken later), and when the
 * driver broke the rules (logged, *broken set). With EVENT_IDX, asks for a kick when
 * it returns NULL. */
struct chain *virtqueue_pop(struct virtqueue *queue);
/* Whether there is something that virtqueue_pop would look at. With EVENT_IDX, asks for a kick when
 * there is not. */
bool virtqueue_waits(struct virtqueue *queue);
/*
 * The driver need not kick from now on, if the queue runs: the caller looks (virtqueue_look) until
 * virtqueue_listen. A stop ends it too; and at the start nothing is left of one before, whoever
 * left it.
 */
void virtqueue_hush(struct virtqueue *queue);
/* The driver shall kick again. Whether there is something that virtqueue_pop would look at, which
 * came without. */
bool virtqueue_listen(struct virtqueue *queue);
/* Whether there are requests to take that the last look did not see. It looks at nothing else. */
bool virtqueue_look(struct virtqueue *queue);
/* Gives it back with 'written' bytes in its writable part, in any order. Ask virtqueue_running
 * first: guest memory is not touched while the queue is stopped, and the answer would be lost. */
void virtqueue_push(struct virtqueue *queue, struct chain *chain, uint32_t written);
/* Whether requests may be taken and given back: it is started, enabled and not broken. An answer
 * that is ready while it does not run is kept by the device until it does. */
static inline bool virtqueue_running(const struct virtqueue *queue)
{
    return queue->started && queue->enabled && !queue->broken;
}

/* Whether the driver still waits for 'chain', which was taken from 'queue': it may be given back
 * once the queue runs. Where not, it is to be dropped (virtqueue_drop). */
static inline bool virtqueue_holds(const struct virtqueue *queue, const struct chain *chain)
{
    return chain->generation == queue->generation;
}

/* Forgets a chain. A driver that still waits for it never gets it back. */
void virtqueue_drop(struct virtqueue *queue, struct chain *chain);
/* Whether the driver wants to be called for what was pushed since the last time this said so. */
bool virtqueue_must_call(struct virtqueue *queue);

#endif
