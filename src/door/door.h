/* SPDX-License-Identifier: MIT */
#ifndef DOOR_DOOR_H
#define DOOR_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "door/accepting.h"
#include "door/door_shelf.h"
#include "door/errands.h"
#include "door/hand_over.h"
#include "door/keeper.h"
#include "door/session.h"
#include "door/take_over.h"
#include "journal/journal.h"

/*
 * The door of one device: keeps the worker, lets one front-end in at a time, and outlives both. It
 * makes the arena's memory and the journal, so that they outlive the worker.
 */
struct door_options {
    const char *program;               /* its name, "hostblob-gpu" */
    const struct diagnosis_kind *kind; /* its words for its parts; NULL: none */
    uint64_t window_size;              /* bytes */
    bool arena;                        /* own buffers lie in one mapping */
    bool mem_slots;                    /* offer CONFIGURE_MEM_SLOTS */
    uint64_t answer_limit_us;          /* for an answer of the front-end's */
    int starter_fd;       /* the line to the starter, see door/starter.h; door_init owns it */
    uint64_t watchdog_us; /* how often whoever started us wants a sign of life; 0: never */
};

struct door {
    struct door_options options;
    sd_event *loop;
    struct journal journal;
    int arena_fd;    /* owned; -1 without arena */
    unsigned layers; /* of this process's sandbox, for people */
    struct starter starter;
    struct door_shelf shelf;
    struct keeper keeper;
    struct errands errands; /* for whoever speaks with people */
    bool known;             /* the worker has said what the device is */
    struct link_hello facts;
    uint64_t later_features; /* what the next front-end is offered, after an upgrade; else 0 */
    struct hand_over hand_over;
    struct take_over take_over; /* of the door of another program */
    int control_fd;             /* where people ask, borrowed from who answers them; -1: nowhere */
    int listen_fd;              /* owned; -1 when it serves one given connection */
    struct accepting accepting;
    int arrived;             /* a front-end that waits for the worker's first hello, owned */
    struct session *session; /* NULL: nobody is there */
    sd_event_source *leave;  /* finishes a session from outside its own calls */
    const struct door_handler *handler;
    void *data;
};

struct door_handler {
    /* For people: "ready", "a front-end is there", ... */
    void (*status)(void *data, const char *text);
    /* The worker said what the device is, for the first time: the device can be served. */
    void (*ready)(void *data);
    /*
     * For upgrades. This door is another program's from now on: nobody is to be let in at the
     * control socket any more, and door->control_fd is to be closed; who has asked gets an answer.
     */
    void (*given)(void *data);
    /* Whether somebody who has asked is not done yet. */
    bool (*is_asked)(void *data);
    /* This door has taken over another's, from now on: 'control_fd', owned by the callee, is where
     * people ask; -1: nowhere. */
    void (*taken)(void *data, int control_fd);
};

/* Makes the memory and has the worker started. 0 or -errno, logged. */
int door_init(struct door *door, sd_event *loop, const struct door_options *options,
              const struct door_handler *handler, void *data);
/*
 * The same for the door beside another program's, over 'channel', which it owns even on error:
 * serves nobody until it has taken over all that the other has (take_over.h). Ends the loop with
 * EXIT_FAILURE if it cannot.
 */
int door_init_beside(struct door *door, sd_event *loop, const struct door_options *options,
                     int channel, const struct door_handler *handler, void *data);
/* What a session of this door is lent. */
void door_lend(struct door *door, struct session_lent *lent);
/* The handler of a session's end. */
void door_session_closed(void *door);
/* Lets front-ends in, or lets them wait; nothing for one that serves a given connection. */
int door_listen(struct door *door, bool listen);
/* Lets go of everything as if it had never been here: it is another door's now. */
void door_abandon(struct door *door);
/* Ends the session, and has the worker killed. */
void door_finish(struct door *door);
/*
 * Serves 'fd', a listening stream socket (again and again) or a connected one (then the loop exits
 * with 0 when the front-end leaves). Takes ownership even on error. 0 or -errno.
 */
int door_serve(struct door *door, int fd, bool listening);

#endif
