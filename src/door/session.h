/* SPDX-License-Identifier: MIT */
#ifndef DOOR_SESSION_H
#define DOOR_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "door/connection.h"
#include "door/diagnosis.h"
#include "door/door_shelf.h"
#include "door/front_memory.h"
#include "door/guest_window.h"
#include "door/keeper.h"
#include "door/ring.h"
#include "door/shared_objects.h"
#include "journal/journal.h"

/*
 * One front-end, from its connection to its end: what was negotiated, the door's own copies of its
 * memory and rings, and the window. Requests are handled one at a time; one that the worker has to
 * carry out is answered when the worker has, and until then the main socket is not read.
 *
 * If the worker dies in between, the request counts as carried out: the next worker is brought up
 * to date from the copies.
 */
struct session_lent {
    sd_event *loop;
    struct keeper *keeper;
    struct journal *journal;
    const struct link_hello *facts;    /* what the device is, as the worker said */
    uint64_t window_size;              /* bytes */
    int arena_fd;                      /* borrowed; -1: buffers are mapped one by one */
    bool mem_slots;                    /* offer CONFIGURE_MEM_SLOTS */
    uint64_t answer_limit_us;          /* for an answer of the front-end's */
    struct door_shelf *shelf;          /* what workers left for each other */
    const struct diagnosis_kind *kind; /* what people call the device's parts; NULL: nothing */
};

/* What was said of the front-end: see session_diagnosis.h. */
struct session_diagnosis {
    enum diagnosis_stage stage;
    uint32_t said;  /* rows of the table */
    bool described; /* what was negotiated was told */
    bool late;      /* not every ring was started within a while */
    sd_event_source *patience;
};

struct session {
    struct session_lent lent;
    struct connection connection;
    struct guest_window window;
    struct shared_objects objects; /* uses the window's channel */
    enum guest_window_news news;   /* the last that the worker was told */
    struct front_memory memory;
    struct ring rings[JOURNAL_RINGS];
    int display_fd; /* what GPU_SET_SOCKET brought, for a new worker; owned, -1: nothing */
    uint64_t features;
    uint64_t protocol_features;
    struct session_diagnosis diagnosis;
    uint32_t waits_for; /* the serial of the worker's answer; 0: none; or SESSION_WORKERS_END */
    struct vhost_user_message waiting; /* the request that it belongs to */
    void (*closed)(void *data);
    void *data;
};

/* What a request waits for when the worker is being killed: until it is dead it may still touch the
 * guest's memory and the journal. No serial is as high. */
#define SESSION_WORKERS_END UINT32_MAX

/* What becomes of a request: 0 or -errno, acknowledged at once, or one of these. */
#define SESSION_ANSWERED 1 /* the handler has answered */
#define SESSION_WAITS 2    /* it is answered when the worker has */

/* The counters of the device. */
struct stats *session_stats(struct session *s);
/* How many rings run. */
unsigned session_rings_started(const struct session *s);
/* Gives the worker the front-end's display socket, if there is one. */
void session_tell_display(struct session *s);
/* Has the worker carry out 'm' for the request that is being handled. Always SESSION_WAITS; without
 * a worker s->waits_for is 0. */
int session_ask_worker(struct session *s, struct link_message *m, const int *fds, unsigned count);

#endif
