/* SPDX-License-Identifier: MIT */
#ifndef DOOR_FRONT_MEMORY_H
#define DOOR_FRONT_MEMORY_H

#include "base/fd.h"
#include "protocol/link.h"
#include "protocol/vhost_user.h"

/*
 * The door's copy of the guest memory table: descriptors that came from the front-end, kept for a
 * new worker. The door never maps them.
 */
struct front_memory {
    unsigned count;
    struct link_region regions[LINK_MAX_REGIONS];
    int fds[LINK_MAX_REGIONS]; /* owned */
};

void front_memory_init(struct front_memory *memory);
void front_memory_finish(struct front_memory *memory);
/*
 * Checks a whole table (as many descriptors as regions, none empty, wrapping, overlapping, or past
 * the end of its file) and takes it over, with the descriptors. On error the old table stays. 0,
 * -EINVAL or -E2BIG.
 */
int front_memory_set(struct front_memory *memory, const struct vhost_user_mem_table *table,
                     uint32_t payload_size, struct fd_list *fds);
/* The same for one region more, whose descriptor is taken from 'fds'. */
int front_memory_add(struct front_memory *memory, const struct vhost_user_region *region,
                     struct fd_list *fds);
/* One region less: 0, or -ENOENT. */
int front_memory_remove(struct front_memory *memory, const struct vhost_user_region *region);
/* The link's message that brings a worker up to date; the descriptors stay memory->fds. */
void front_memory_message(const struct front_memory *memory, struct link_message *message);

#endif
