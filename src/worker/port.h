/* SPDX-License-Identifier: MIT */
#ifndef WORKER_PORT_H
#define WORKER_PORT_H

#include <bsd/sys/queue.h>
#include <systemd/sd-event.h>

#include "base/range_set.h"
#include "buffer/arena.h"
#include "device/shm_port.h"
#include "journal/journal.h"
#include "protocol/link.h"

/*
 * The worker's shm_port: keeps what of the device's is in the guest's window, and asks the door for
 * what needs a message. A piece of the arena needs none: it waits for the window at most.
 */
struct port_request {
    TAILQ_ENTRY(port_request) link; // port::requests
    bool map;                       /* else unmap */
    bool sent;
    bool answered;
    int result;
    uint64_t ticket;
    struct port_mapping *mapping;
    shm_port_done *done;
    void *data;
};

struct port_mapping {
    struct range range; // port::mappings, unless it is a piece of the arena
    struct buffer *buffer;
    int slot;   /* in the journal, or -1 */
    bool there; /* its mapping was answered */
    bool leaving;
    struct port_request request; /* in, and later out: to take something out needs no memory */
};

struct port {
    struct shm_port base;
    int link_fd;             /* borrowed */
    struct arena *arena;     /* borrowed, NULL without */
    struct journal *journal; /* borrowed */
    enum link_window_news news;
    uint64_t next_ticket;
    struct range_set mappings;                        /* of what is no piece of the arena */
    TAILQ_HEAD(port_requests, port_request) requests; /* in the order of their answers */
    sd_event_source *flush;
};

/* 0 or -errno. */
int port_init(struct port *port, sd_event *loop, uint64_t size, int link_fd, struct arena *arena,
              struct journal *journal);
void port_finish(struct port *port);
/* The door's news of the window. Shut and none fail what waits, before this returns. */
void port_window(struct port *port, enum link_window_news news);
/* The door's answer: the device has it before this returns, unless one before it is missing. */
void port_done(struct port *port, const struct link_shm *shm);
/* A fresh driver: fails what waits, and forgets every mapping. Whoever is told of it cannot map
 * anything until this returns. */
void port_forget(struct port *port);

#endif
