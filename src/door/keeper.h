/* SPDX-License-Identifier: MIT */
#ifndef DOOR_KEEPER_H
#define DOOR_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "base/fd.h"
#include "door/starter.h"
#include "protocol/link.h"

/*
 * The keeper of the worker: has it started, speaks the link with it, and has it replaced when it
 * dies, hangs or talks nonsense. One that dies is replaced at once, a few times; if that goes on,
 * ever later (up to 5 s). Only the first of all ends the loop, with EXIT_FAILURE, when it ends with
 * EX_CONFIG: what it was asked for is not to be had here, and the person who asked is still there
 * to be told.
 */
struct keeper_handler {
    /* The worker is there and says what it is: bring it up to date. */
    void (*hello)(void *data, const struct link_hello *hello);
    /* It answered the message 'serial'. */
    void (*ack)(void *data, uint32_t serial, int result, uint64_t value);
    /* It asks for something. Whoever takes a descriptor out of 'fds' owns it. */
    void (*request)(void *data, const struct link_message *message, struct fd_list *fds);
    /* It is gone: nothing that was asked will be answered. */
    void (*died)(void *data);
};

struct keeper {
    sd_event *loop;
    const struct keeper_handler *handler;
    void *data;
    struct starter *starter; /* borrowed; NULL: no worker can be started */
    int journal_fd;          /* borrowed */
    int arena_fd;            /* borrowed, -1 if there is none */
    uint64_t limit_us;       /* for an answer */
    uint64_t start_limit_us; /* for hello: a worker first tries drivers, each with a limit */
    uint64_t started_us;     /* when it was asked for */
    bool running;            /* one was asked for, and its end has not been told */
    pid_t pid;               /* 0: none runs, or it is not known yet */
    int fd;                  /* the link, owned; -1: none */
    bool silent;             /* it is being killed: only its last words are heard, at its end */
    bool ready;              /* it said hello */
    bool proven;             /* one has said hello before: what was asked for can be had */
    bool stopping;           /* its end is asked for */
    bool resting;            /* it is killed, and no other is started for now */
    uint32_t serial;
    unsigned unanswered;
    unsigned failures;    /* to start one, in a row */
    unsigned deaths;      /* that are not forgiven yet: time does that */
    uint64_t forgiven_ns; /* until when it has */
    unsigned starts;
    sd_event_source *io, *limit, *again;
};

/* Makes itself the handler of 'starter'. 0 or -errno; it is to be finished in either case. */
int keeper_init(struct keeper *keeper, sd_event *loop, const struct keeper_handler *handler,
                void *data, struct starter *starter);
/* Has the worker killed, if one runs. Nobody waits for its end here. */
void keeper_finish(struct keeper *keeper);
/* Asks for the worker. 0 or -errno. */
int keeper_start(struct keeper *keeper);
/*
 * Sends 'message' (type and payload are filled in) with 'count' borrowed descriptors. If
 * 'answered', the time limit runs until the ack. Returns the serial (> 0), or -ENOTCONN when there
 * is no worker that could take it.
 */
int64_t keeper_send(struct keeper *keeper, struct link_message *message, const int *fds,
                    unsigned count, bool answered);
/* Answers a worker that asks before its hello; as keeper_send, but nothing comes back. */
void keeper_give(struct keeper *keeper, const struct link_message *message, const int *fds,
                 unsigned count);
/* Whether the worker is being killed, and not dead yet. */
bool keeper_ending(const struct keeper *keeper);
/* Has the worker killed, and none in its place until keeper_wake; 'died' comes as always, unless it
 * is dead already: then keeper->running is false. */
void keeper_rest(struct keeper *keeper);
void keeper_wake(struct keeper *keeper);
/* Replaces the worker: 'reason' completes "The worker is replaced: ". */
void keeper_replace(struct keeper *keeper, const char *reason);

#endif
