/* SPDX-License-Identifier: MIT */
#ifndef WORKER_WORKER_RING_H
#define WORKER_WORKER_RING_H

#include <systemd/sd-event.h>

#include "base/fd.h"

/* How the driver and the worker wake each other at one ring: by two descriptors, which the
 * front-end has too and may have done anything to. The kick is never read, so whatever it is, it
 * can wake the worker only when somebody writes to it. */
struct worker_ring {
    unsigned index;
    int kick, call; /* owned, -1: none */
    sd_event_source *kicked;
    void (*run)(void *data, unsigned index);
    void *data;
};

/* 'run' comes when the driver has kicked. */
void worker_ring_init(struct worker_ring *ring, unsigned index,
                      void (*run)(void *data, unsigned index), void *data);
/* Takes the descriptors out of 'fds' that are there as 'flags' (LINK_RING_HAS_...) says, in place
 * of those before, and listens by 'loop'. 0, also for one that nobody can wait for, or -errno; both
 * logged. */
int worker_ring_open(struct worker_ring *ring, sd_event *loop, uint32_t flags, struct fd_list *fds);
/* Another descriptor to call by, owned from now on; -1: none. */
void worker_ring_set_call(struct worker_ring *ring, int fd);
/* Tells the driver that there are answers. Never waits. */
void worker_ring_call(const struct worker_ring *ring);
void worker_ring_close(struct worker_ring *ring);

#endif
