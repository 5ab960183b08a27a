/* SPDX-License-Identifier: MIT */
#ifndef WORKER_WORKER_PARTS_H
#define WORKER_WORKER_PARTS_H

#include "base/fd.h"
#include "journal/journal.h"
#include "protocol/link.h"
#include "worker/poll_span.h"
#include "worker/port.h"
#include "worker/worker.h"
#include "worker/worker_command.h"
#include "worker/worker_objects.h"
#include "worker/worker_ring.h"
#include "worker/worker_shelf.h"

/* The worker, between the files that it is made of: worker.c has its life, worker_queues.c what it
 * does on the rings, worker_poll.c how it looks at them unasked, worker_link.c what it says and
 * hears on the link. */

#define WORKER_FEATURE(number) (UINT64_C(1) << (number))

/* Looking at the rings instead of sleeping. */
struct worker_poll {
    struct poll_span span;
    bool looks;      /* just now: the driver need not kick */
    unsigned faults; /* guest_fault_count, at the last look */
};

struct worker {
    sd_event *loop;
    int link_fd;
    sd_event_source *link_io, *lost_io;
    sd_event_source *starved; /* looks again for requests that there was no memory for */
    struct journal journal;
    struct arena arena;
    struct exporter exporter;
    struct guest_memory memory;
    struct port port;
    struct virtqueue queues[DEVICE_MAX_QUEUES];
    struct worker_ring rings[DEVICE_MAX_QUEUES];
    struct worker_poll poll;
    uint64_t features;
    struct device_host host;
    struct quota quotas[QUOTAS_MAX];
    struct device_facts facts;
    struct device *device;
    struct worker_commands commands;
    struct worker_objects objects;
    unsigned layers; /* of the sandbox, for the door */
    struct worker_shelf shelf;
    bool resumed; /* or begun anew: what workers before us left is settled */
};

/* ---- worker_queues.c ---- */

/* As they are lent to the device. */
void worker_init_queues(struct worker *w);
/* When the device is there: listens for what may happen to them besides kicks. 0 or -errno. */
int worker_watch_queues(struct worker *w);
/* Has the device look for requests in a queue, if that runs. 'data' is the worker. */
void worker_run_queue(void *data, unsigned index);
/* The same, where that they came was noticed. */
void worker_serve_queue(struct worker *w, unsigned index);
void worker_run_queues(struct worker *w);
/* Starts the ring of a LINK_RING_START, with its descriptors. *fresh is 1 when a driver begins from
 * nothing with it. 0 or -errno. */
int worker_start_ring(struct worker *w, const struct link_message *m, struct fd_list *fds,
                      uint64_t *fresh);
/* Returns where the next driver goes on. */
uint16_t worker_stop_ring(struct worker *w, unsigned index);
/* A driver begins from nothing: nothing of the last one may be left, nor be seen. */
void worker_begin_anew(struct worker *w);

/* ---- worker_poll.c; only where the span has a limit ---- */

/* The driver was given answers: looks at the rings from now on, if that has paid lately. */
void worker_poll_answered(struct worker *w);
/* Whether requests came in a ring since the last look at it. */
bool worker_poll_notices(struct worker *w, unsigned index);
/* One turn of the loop, and a look at the rings if it is time for that. Waits at most 'timeout'
 * microseconds, and not at all while it looks. What sd_event_run returns. */
int worker_poll_turn(struct worker *w, uint64_t timeout);
/* Turns until the loop is to end. The status that it ends with, or -errno. */
int worker_poll_loop(struct worker *w);

/* ---- worker_settings.c ---- */

/* What a person has changed since the device was started, as the journal has it: from now on. */
void worker_take_settings(struct worker *w);

/* ---- worker_link.c ---- */

/* Says what the device is. */
void worker_say_hello(struct worker *w);
/* Ends the loop when the door cannot be told. */
void worker_send(struct worker *w, struct link_message *m);
/* The door's next message. */
int worker_on_link(sd_event_source *source, int fd, uint32_t events, void *data);

#endif
