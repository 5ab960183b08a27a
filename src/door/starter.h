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

struct starter {
    int fd; /* owned; -1: there is none */
    sd_event *loop;
    sd_event_source *io;
    sd_event_source *alive; /* for the watchdog */
    uint64_t alive_us;
    unsigned layers;                       /* of the starter's sandbox, as it says */
    const struct starter_handler *handler; /* of whoever keeps the worker */
    void *data;
};

/* Takes ownership of 'fd' even on error. 'watchdog_us' is how often a sign of life is wanted, 0 for
 * never; half of it is kept to. 0 or -errno. */
int starter_init(struct starter *starter, sd_event *loop, int fd, uint64_t watchdog_us);
void starter_finish(struct starter *starter);
/* Wishes for a worker with these descriptors, all borrowed; 'arena_fd' may be -1. 0 or -errno. */
int starter_worker(struct starter *starter, int link_fd, int journal_fd, int arena_fd);
/* STARTER_KILL, STARTER_READY, STARTER_STOPPING or STARTER_STATUS; 'text' may be NULL. What cannot
 * be sent is lost: a line in the log. */
void starter_say(struct starter *starter, enum starter_type type, const char *text);

#endif
