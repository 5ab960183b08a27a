/* SPDX-License-Identifier: MIT */
#ifndef DOOR_PARCEL_H
#define DOOR_PARCEL_H

#include <stdbool.h>

#include <bsd/sys/queue.h>

#include "base/fd.h"
#include "door/door_state.h"

struct door;

/* All that a door hands over, as records that wait to be sent. The descriptors stay the door's. */
struct parcel_item {
    TAILQ_ENTRY(parcel_item) link; // parcel::items
    unsigned count;
    int fds[FD_LIST_MAX]; /* borrowed */
    struct door_state record;
};

struct parcel {
    TAILQ_HEAD(, parcel_item) items;
    bool short_of_memory; /* something is missing */
};

void parcel_init(struct parcel *parcel);
void parcel_finish(struct parcel *parcel);
/* What the device is, for the other door to say whether it fits. */
void parcel_offer(const struct door *door, struct door_state *offer);
/* Whether nothing is under way with the front-end, so that all can be handed over. */
bool parcel_possible(const struct door *door);
/* Fills it with all that the door has, up to the end. The door must change nothing until it is
 * sent. 0, or -ENOMEM. */
int parcel_fill(struct parcel *parcel, struct door *door);
/* Sends as much as there is room for. 1: all is sent; 0: more is to come; or -errno. */
int parcel_send(struct parcel *parcel, int fd);

#endif
