/* SPDX-License-Identifier: MIT */
#ifndef GUEST_CHAIN_WALK_H
#define GUEST_CHAIN_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/chain.h"
#include "guest/guest_memory.h"

/* A table of descriptors. */
struct chain_table {
    uint64_t gpa;      /* guest-physical */
    const uint8_t *at; /* the same; NULL where it is not in one piece, or not there */
};

/* The way along the descriptors of one request (virtio 1.3, 2.7.5), each of which is copied once:
 * what is checked is what is used. */
struct chain_walk {
    struct guest_memory *memory; /* borrowed */
    struct chain_table table;    /* the queue's */
    uint16_t size;               /* its entries */
    bool no_indirect;            /* INDIRECT_DESC was not negotiated */
    unsigned room;               /* pieces that may be collected */
    const char *fault;           /* the rule that the driver broke, after -EINVAL */
};

/* Collects into 'chain', which is empty, what the descriptors from number 'head' on point to. 0,
 * -EINVAL or -ENOMEM. */
int chain_walk_from(struct chain_walk *walk, struct chain *chain, uint16_t head);

#endif
