/* SPDX-License-Identifier: MIT */
#ifndef DOOR_UNPACK_H
#define DOOR_UNPACK_H

#include <stdbool.h>

#include "base/fd.h"
#include "door/door_state.h"

struct door;

/*
 * Takes a parcel out, record by record, into a door that serves nobody: each is checked as if a
 * stranger had written it, and what cannot be is an error, after which the door is of no use.
 */
struct unpack {
    bool has_house;
    unsigned rings;            /* bits of those that came */
    unsigned listener;         /* 1: there is one */
    int listen_fd, control_fd; /* owned until they are taken; -1: none */
};

void unpack_init(struct unpack *unpack);
void unpack_finish(struct unpack *unpack);
/* Takes one record, which keeps to the table; whoever takes a descriptor out of 'fds' owns it.
 * NULL, or a sentence without its end (static) that says what is wrong. */
const char *unpack_take(struct unpack *unpack, struct door *door, const struct door_state *record,
                        struct fd_list *fds);
/* All has come: whether it is whole. As above. */
const char *unpack_end(struct unpack *unpack, struct door *door);

#endif
