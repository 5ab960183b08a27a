/* SPDX-License-Identifier: MIT */
#ifndef WORKER_WORKER_SHELF_H
#define WORKER_WORKER_SHELF_H

#include "base/shelf.h"

/* The worker's side of the shelf: the door holds what is on it. */
struct worker_shelf_item {
    uint64_t key;
    int fd; /* owned; -1: it was taken */
};

struct worker_shelf {
    struct shelf base;
    int link_fd; /* borrowed */
    uint64_t last_key;
    unsigned count, most;            /* descriptors that are there, and may be */
    struct worker_shelf_item *items; /* owned: what workers before us left, by key */
    unsigned item_count;
};

/* Fetches what workers before us left: before hello, and waits for it. 0 or -errno. */
int worker_shelf_init(struct worker_shelf *shelf, int link_fd);
void worker_shelf_finish(struct worker_shelf *shelf);
/* What was not taken until now is nobody's: drops it. */
void worker_shelf_settle(struct worker_shelf *shelf);
/* Drops all: the driver for which it was kept is gone. */
void worker_shelf_clear(struct worker_shelf *shelf);

#endif
