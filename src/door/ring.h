/* SPDX-License-Identifier: MIT */
#ifndef DOOR_RING_H
#define DOOR_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ring_record.h"
#include "protocol/link.h"

/* The door's copy of one virtqueue: what the front-end said of it, kept for a new worker. */
struct ring {
    uint32_t size; /* entries; 0: not said yet */
    uint16_t base;
    bool has_addresses;
    bool started; /* between SET_VRING_KICK and GET_VRING_BASE */
    bool enabled;
    uint64_t desc, avail, used; /* front-end's virtual addresses */
    uint32_t start;      /* the serial of the message that started it; 0: no worker was told */
    int kick, call, err; /* eventfds, owned; -1: none */
};

void ring_init(struct ring *ring);
/* Closes its descriptors and begins anew. */
void ring_finish(struct ring *ring);
/* The front-end forgets what it said, but keeps its descriptors: GET_VRING_BASE. */
void ring_stopped(struct ring *ring, uint16_t base);
/* Where it goes on, after the worker's death: 'record' is what the worker wrote of it. */
uint16_t ring_position(const struct ring *ring, const struct ring_record *record);
/* The link's message that starts it, and its descriptors in 'fds' (borrowed). Returns their number.
 */
unsigned ring_message(const struct ring *ring, uint32_t index, struct link_message *message,
                      int fds[static 2]);

#endif
