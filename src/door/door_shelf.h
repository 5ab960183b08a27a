/* SPDX-License-Identifier: MIT */
#ifndef DOOR_DOOR_SHELF_H
#define DOOR_DOOR_SHELF_H

#include <stdint.h>

#include <bsd/sys/tree.h>

#include "base/fd.h"
#include "protocol/link.h"

/*
 * What workers leave for those after them (base/shelf.h): descriptors by key. The door holds them
 * and knows nothing of them. A descriptor that there is no room for is not kept, which is said.
 */
struct door_shelf_item;

struct door_shelf {
    RB_HEAD(door_shelf_tree, door_shelf_item) items;
    unsigned count;
};

void door_shelf_init(struct door_shelf *shelf);
/* Drops all. */
void door_shelf_clear(struct door_shelf *shelf);
/* The worker's LINK_SHELF_PUT or LINK_SHELF_DROP. */
void door_shelf_take(struct door_shelf *shelf, const struct link_message *message,
                     struct fd_list *fds);
/* The answer to its LINK_SHELF_ASK: the message, and the descriptors (borrowed) that go with it.
 * Returns how many. */
unsigned door_shelf_give(struct door_shelf *shelf, const struct link_message *ask,
                         struct link_message *give, int fds[static LINK_SHELF_BATCH]);

#endif
