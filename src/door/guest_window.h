/* SPDX-License-Identifier: MIT */
#ifndef DOOR_GUEST_WINDOW_H
#define DOOR_GUEST_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stats.h"
#include "door/back_channel.h"
#include "journal/journal.h"
#include "shm/shm_ledger.h"

/*
 * The guest's window: carries out what the worker asks, by the ledger and the back-end channel, and
 * only while the front-end can take it (QEMU 11.1 crashes on a SHMEM request between ring stop and
 * ring start).
 *
 *     shut -> opening -> open -> shut
 *
 * It opens when a ring is enabled: what the last driver left is cleared away, the arena is mapped,
 * a barrier proves it, and then the worker is told. It shuts before a ring stops.
 */
enum guest_window_state { GUEST_WINDOW_SHUT, GUEST_WINDOW_OPENING, GUEST_WINDOW_OPEN };

enum guest_window_news {
    GUEST_WINDOW_IS_SHUT, /* for now: wait */
    GUEST_WINDOW_IS_OPEN,
    GUEST_WINDOW_IS_NONE, /* and there will be none: the front-end does not offer one, or it broke
                           */
};

struct guest_window_handler {
    /* The window opened or shut, or cannot be had. */
    void (*changed)(void *data, enum guest_window_news news);
    /* The worker's request 'ticket' is done: 0 or -errno. */
    void (*done)(void *data, uint64_t ticket, int result);
    /* Whether every message of the front-end has been handled. */
    bool (*quiet)(void *data);
};

struct guest_window {
    enum guest_window_state state;
    unsigned openings; /* barriers of openings that are not answered yet: the last one counts */
    unsigned owner;    /* changes with the worker: an answer is for the one who asked */
    struct shm_ledger ledger;
    struct back_channel channel;
    const struct guest_window_handler *handler;
    void *data;
    struct stats *stats;                 /* borrowed */
    struct journal_latencies *latencies; /* borrowed */
    int arena_fd;                        /* borrowed; -1: buffers are mapped one by one */
    bool drops_at_reset; /* the front-end forgets our mappings at a device reset (QEMU); else it
                            keeps them */
    bool needs_barrier;  /* it answers before it commits (QEMU) */
    bool writable; /* SHMEM and REPLY_ACK are negotiated, and the front-end has asked for it */
};

#define GUEST_WINDOW_ARENA_ID UINT32_MAX /* the arena's id in the ledger, for people */

/* Each request of ours has to be answered within 'limit_us'. */
void guest_window_init(struct guest_window *w, sd_event *loop, uint64_t limit_us,
                       struct shm_region region, const struct guest_window_handler *handler,
                       void *data);
/* The front-end is gone, and its mappings with it: empties the ledger. */
void guest_window_finish(struct guest_window *w);

/* A ring was enabled. Does nothing unless the window is shut. */
void guest_window_open(struct guest_window *w);
/* No more requests: what has not been sent is forgotten, what is under way becomes doubtful. */
void guest_window_shut(struct guest_window *w);
/* A driver begins from nothing: no mapping has an owner any more. Before guest_window_open. */
void guest_window_fresh(struct guest_window *w);
/* The worker died, and another goes on with what it had: what was settled stays, and so does the
 * arena. A worker that asks again for the same memory at the same place has it at once. */
void guest_window_bequeath(struct guest_window *w);

/* Whether the front-end is asked for nothing. */
bool guest_window_rests(const struct guest_window *w);
/* Another process had it until now: takes up what it left. */
void guest_window_go_on(struct guest_window *w);

/* The worker asks to map; takes ownership of 'fd'. Answered through 'done', possibly at once. */
void guest_window_map(struct guest_window *w, const struct shm_wish *wish, int fd);
/* The worker asks to unmap. */
void guest_window_unmap(struct guest_window *w, const struct shm_wish *wish);

#endif
