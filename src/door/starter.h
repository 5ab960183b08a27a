/* SPDX-License-Identifier: MIT */
#ifndef DOOR_STARTER_H
#define DOOR_STARTER_H

#include <sys/types.h>

#include <systemd/sd-event.h>

#include "protocol/starter.h"

/*
 * The door's end of the line to the starter, the process that starts things and ends them: the door
 * itself may do neither. Wishes are sent at once; what comes of them is told by the loop. Without
 * a starter there is no door: when it is gone the loop ends.
 */
struct starter_handler {
    /* The worker that was wished for runs as 'pid'; or it could not be started: -errno. */
    void (*started)(void *data, int pid);
    /* It has ended: 'code' and 'status' as in siginfo_t. */
    void (*ended)(void *data, int pid, int code, int status);
};

/* The same, of an upgrade. */
struct starter_upgrade_handler {
    /* The door beside this one ended, as above; or 'code' is 0 and 'status' -errno: there is none.
     */
    void (*beside_ended)(void *data, int code, int status);
    /* This one, which was beside another, is the device's door from now on. */
    void (*yours)(void *data);
};

struct starter {
    int fd; /* owned; -1: there is none */
    sd_event *loop;
    sd_event_source *io;
    sd_event_source *alive; /* for the watchdog */
    uint64_t alive_us;
    unsigned layers;                       /* of the starter's sandbox, as it says */
    const struct starter_handler *handler; /* of whoever keeps the worker */
    void *data;
    const struct starter_upgrade_handler *upgrade; /* NULL: nobody wants to know */
    void *upgrade_data;
};

/* Takes ownership of 'fd' even on error. 'watchdog_us' is how often a sign of life is wanted, 0 for
 * never; half of it is kept to. 0 or -errno. */
int starter_init(struct starter *starter, sd_event *loop, int fd, uint64_t watchdog_us);
/* The same later, of a starter that wanted none so far. */
int starter_watch(struct starter *starter, uint64_t watchdog_us);
void starter_finish(struct starter *starter);
/* Wishes for a worker with these descriptors, all borrowed; 'arena_fd' may be -1. 0 or -errno. */
int starter_worker(struct starter *starter, int link_fd, int journal_fd, int arena_fd);
/* Wishes for the program to be started anew beside us, with 'channel' (borrowed) to its door. 0 or
 * -errno. */
int starter_upgrade(struct starter *starter, int channel);
/* A door that was started so begins with this. 0 or -errno. */
int starter_speaks(struct starter *starter);
/* One of the wishes that have no descriptor; 'text' may be NULL. What cannot be sent is lost: a
 * line in the log, and -errno; else 0. */
int starter_say(struct starter *starter, enum starter_type type, const char *text);

#endif
