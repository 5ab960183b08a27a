/* SPDX-License-Identifier: MIT */
#ifndef GPU_HAND_H
#define GPU_HAND_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/quota.h"
#include "gpu/request.h"

/*
 * The requests of one queue that were taken and are not answered, and who of them wants to be
 * looked at. Whoever was waited for says so here, from anywhere; the queue (gpu/control.h) is woken
 * and sees to them.
 */
struct hand {
    unsigned queue;               /* of the device, whose they are */
    struct request_list requests; /* by arrival */
    unsigned count;               /* of them */
    struct quota *commands;       /* what each is taken from that stays; borrowed */
    struct quota *command_bytes;  /* and its copy */
    struct request_list turns; /* of them, AGAIN or READY, in the order in which they became it */
    unsigned held;             /* of them HELD */
    struct request *spare;     /* the last one dropped, to use again */
    bool runs;                 /* the queue looks at them just now, and need not be woken */
    sd_event_source *wake;     /* owned by the queue: its turn of the loop */
};

void hand_init(struct hand *hand, unsigned queue, struct quota *commands,
               struct quota *command_bytes);
/* There must be none in it. */
void hand_finish(struct hand *hand);
/* Whether one more request of any length may be taken; else the rest waits in the ring. */
bool hand_has_room(const struct hand *hand);
/* A request for what was just taken, where there is room; its fields are not set, see request_init.
 * NULL: no memory. */
struct request *hand_take(struct hand *hand);
/* Its step is over, and it is not answered: it counts in the quotas from now on. */
void hand_keep(struct request *request);
/* Ends a request, whose chain was given back. */
void hand_drop(struct request *request);

/* Its work goes on. */
void hand_work(struct request *request);
/* Its work is done, and its fence is not. */
void hand_fence(struct request *request);
/* Its answer may go out. The request may be gone when this returns. */
void hand_ready(struct request *request);
/* Has it done again from its beginning, soon: what it waited for has changed. It may be gone. */
void hand_again(struct request *request);
/* Keeps it until the worker calls queue_ready: what it waited for was cancelled because the rings
 * are about to stop, or the window is shut. Then it is done again from its beginning. An error
 * would reach a guest that was only paused. It may be gone. */
void hand_hold(struct request *request);
/* What is held is done again now. */
void hand_let_go(struct hand *hand);
/* Whose turn it is: AGAIN or READY; or NULL. */
struct request *hand_next(struct hand *hand);

/* Has all that are parked in 'list' done again, in order; or keeps them all. */
void hand_again_all(struct request_list *list);
void hand_hold_all(struct request_list *list);

#endif
