/* SPDX-License-Identifier: MIT */
#ifndef GUEST_CHAIN_WALK_H
#define GUEST_CHAIN_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/chain.h"
#include "guest/guest_memory.h"

/* The way along the descriptors of one request (virtio 1.3, 2.7.5), each of which is copied once:
 * what is checked is what is used. */
struct chain_walk {
    struct guest_memory *memory; /* borrowed */
    uint64_t table;              /* the queue's descriptor table, guest-physical */
    uint16_t size;               /* its entries */
    bool no_indirect;            /* INDIRECT_DESC was not negotiated */
    unsigned room;               /* pieces that may be collected */
    const char *fault;           /* the rule that the driver broke, after -EINVAL */
};

/* Collects into 'chain', which is empty, what the descriptors from number 'head' on point to. 0,
 * -EINVAL or -ENOMEM. */
int chain_walk_from(struct chain_walk *walk, struct chain *chain, uint16_t head);

#endif
