/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FRONTEND_DRIVER_QUEUE_H
#define TESTS_FRONTEND_DRIVER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/frontend/guest_ram.h"

/*
 * The driver's side of a split virtqueue (virtio 1.3, 2.7), with INDIRECT_DESC and EVENT_IDX. Every
 * request has a slot: room in guest memory for what the device reads and for what it writes, and
 * four descriptors of its own.
 */
#define DRIVER_QUEUE_SLOTS 256u
#define DRIVER_QUEUE_REQUEST 8192u /* bytes of a slot that the device reads */
#define DRIVER_QUEUE_ANSWER 8064u  /* and writes */

struct driver_slot {
    bool busy;       /* with the device, or answered and not yet taken */
    bool answered;   /* the device has given it back */
    uint32_t length; /* bytes that the device says it wrote */
    uint16_t order;  /* its place in the used ring */
};

struct driver_queue {
    struct guest_ram *ram; /* borrowed */
    uint16_t size;
    bool event_idx, indirect;
    bool split;                 /* cut what the device reads and writes in two descriptors each */
    uint64_t desc, avail, used; /* guest-physical */
    uint64_t rooms;             /* of the slots, guest-physical */
    unsigned slots;
    unsigned free_from; /* no slot below it is free */
    uint16_t next_avail, seen_used;
    uint16_t kicked_avail; /* next_avail at the last kick */
    int kick, call;        /* eventfds, owned */
    unsigned violations;   /* times that the device gave back what it did not have */
    struct driver_slot slot[DRIVER_QUEUE_SLOTS];
};

/* A ring of 'size' entries in guest memory. 0 or -errno. */
int driver_queue_init(struct driver_queue *queue, struct guest_ram *ram, uint16_t size);
void driver_queue_finish(struct driver_queue *queue);
/* The device calls for both through one descriptor. 0 or -errno. */
int driver_queue_share_call(struct driver_queue *queue, const struct driver_queue *with);
/* A new driver: the ring is empty and its indices are 0. */
void driver_queue_fresh(struct driver_queue *queue);
/* Makes a request available, without a kick: 'size' bytes for the device to read, 'space' for it to
 * write; either may be 0, but not both. Returns its slot, or -ENOSPC. */
int driver_queue_submit(struct driver_queue *queue, const void *request, size_t size, size_t space);
/* The two halves of it, for who prepares requests once and sends them over and over. What the
 * device reads is 'size' bytes of the slot's room and then 'more' bytes at the guest-physical 'at'
 * (0: none); it writes 'space' bytes. The slot stays as it is placed. -ENOSPC. */
int driver_queue_place(struct driver_queue *queue, unsigned slot, size_t size, uint64_t at,
                       size_t more, size_t space);
/* Makes 'count' placed slots from 'first' on available at once, without a kick. */
void driver_queue_offer(struct driver_queue *queue, unsigned first, unsigned count);
/* Kicks the device, unless it asked not to be kicked. */
void driver_queue_kick(struct driver_queue *queue);
/* Whether the device asks for a kick for the next request. */
bool driver_queue_wants_kick(const struct driver_queue *queue);
/* Takes what the device has given back. Returns whether there was something. */
bool driver_queue_collect(struct driver_queue *queue);
/* Asks the device to call at its next answer; false when there is an answer already. */
bool driver_queue_arm(struct driver_queue *queue);
/* The bytes that the device wrote into the slot. */
const void *driver_queue_answer(const struct driver_queue *queue, unsigned slot);
/* The bytes that the device reads in the slot. */
void *driver_queue_request(const struct driver_queue *queue, unsigned slot);
/* The slot may be used again. */
void driver_queue_release(struct driver_queue *queue, unsigned slot);
/* Requests that the device has not given back. */
unsigned driver_queue_in_flight(const struct driver_queue *queue);

#endif
