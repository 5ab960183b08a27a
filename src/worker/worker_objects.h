/* SPDX-License-Identifier: MIT */
#ifndef WORKER_WORKER_OBJECTS_H
#define WORKER_WORKER_OBJECTS_H

#include <bsd/sys/queue.h>

#include "base/fd.h"
#include "device/device.h"
#include "protocol/link.h"

#define WORKER_OBJECTS_LOOKUPS 64u /* that wait at a time */

/* The worker's side of shared objects: asks the door, which keeps them and speaks with the
 * front-end. */
struct worker_lookup;

struct worker_objects {
    int link_fd; /* borrowed */
    uint64_t next_ticket;
    unsigned count;
    TAILQ_HEAD(, worker_lookup) lookups;
};

void worker_objects_init(struct worker_objects *objects, int link_fd);
/* Forgets what waits; nobody is told. */
void worker_objects_finish(struct worker_objects *objects);

/* A fresh driver: fails what waits with -ECANCELED. */
void worker_objects_forget(struct worker_objects *objects);

/* See struct device_host. */
int worker_objects_share(struct worker_objects *objects, const uint8_t uuid[static 16], int fd);
void worker_objects_unshare(struct worker_objects *objects, const uint8_t uuid[static 16]);
int worker_objects_lookup(struct worker_objects *objects, const uint8_t uuid[static 16],
                          device_object_done *done, void *data);

/* The door's LINK_OBJECT_FOUND. */
void worker_objects_found(struct worker_objects *objects, const struct link_message *message,
                          struct fd_list *fds);

#endif
