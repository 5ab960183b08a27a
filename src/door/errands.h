/* SPDX-License-Identifier: MIT */
#ifndef DOOR_ERRANDS_H
#define DOOR_ERRANDS_H

#include <stdint.h>

#include <systemd/sd-event.h>

#include "door/keeper.h"

#define ERRANDS_MAX 8u

/*
 * A person's commands on their way to the worker and back. What a command means only the device
 * knows; the door sees to it that each is answered, in time, whatever becomes of the worker.
 */

/* The end of a command: 0 or -errno; 'text' is borrowed: what was asked for, or why not. */
typedef void errands_done(void *data, int result, const char *text);

struct errand {
    uint32_t serial; /* of its message; 0: this one is free */
    errands_done *done;
    void *data;
    sd_event_source *timer;
};

struct errands {
    sd_event *loop;
    struct keeper *keeper;
    uint64_t limit_us; /* for an answer */
    struct errand all[ERRANDS_MAX];
};

void errands_init(struct errands *errands, sd_event *loop, struct keeper *keeper);
/* Forgets what waits; nobody is told. */
void errands_finish(struct errands *errands);
/*
 * Has the worker carry out 'line', with 'fd' (borrowed, -1 for none). 0: 'done' comes exactly once,
 * never from within this call, unless errands_forget comes first. -EMSGSIZE when the line is too
 * long, -EBUSY when there are ERRANDS_MAX, -ENOTCONN without a worker, or another -errno.
 */
int errands_ask(struct errands *errands, const char *line, int fd, errands_done *done, void *data);
/* Whoever asked with that 'data' does not want to know any more. */
void errands_forget(struct errands *errands, const void *data);
/* The worker's LINK_COMMAND_DONE; one that nobody waits for is nothing. */
void errands_answered(struct errands *errands, const struct link_message *message);
/* Nothing that was asked will be answered. */
void errands_worker_died(struct errands *errands);

#endif
