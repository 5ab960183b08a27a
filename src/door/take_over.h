/* SPDX-License-Identifier: MIT */
#ifndef DOOR_TAKE_OVER_H
#define DOOR_TAKE_OVER_H

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "door/door_state.h"
#include "door/unpack.h"

/*
 * An upgrade, as the door sees it that takes over (the other end is hand_over.h). It begins with a
 * worker and memory of its own, to learn what the device is in this program, and with nobody to
 * serve. If the other door's offer fits it says so and lets that worker go; then it takes what
 * comes, checks every word of it, and says that it has it. When the starter says that it is the
 * device's door it begins to read, and starts a worker, which goes on as after any worker's death.
 * Whatever does not fit, before that, is told to the other door in a sentence, and ends this
 * process.
 */
enum take_over_state {
    TAKE_OVER_NONE, /* this door has always been the device's, or is so now */
    TAKE_OVER_LEARNS,
    TAKE_OVER_TAKES,
    TAKE_OVER_HOLDS,  /* all of it is there */
    TAKE_OVER_STARTS, /* this is the device's door; its worker does not run yet */
    TAKE_OVER_REFUSED,
};

struct door;

struct take_over {
    struct door *door;
    enum take_over_state state;
    int channel; /* to the other door, owned; -1: there is none */
    sd_event_source *io;
    bool offered; /* 'offer' has come */
    struct door_state_offer offer;
    struct unpack unpack;
};

void take_over_init(struct take_over *t, struct door *door);
/* Begins, over 'channel', which it owns even on error. 0 or -errno. */
int take_over_start(struct take_over *t, int channel);
void take_over_finish(struct take_over *t);
/* Whether this door is not the device's yet. */
bool take_over_begins(const struct take_over *t);
/* The worker has said what the device is in this program. */
void take_over_compare(struct take_over *t);
/* It ended. */
void take_over_worker_died(struct take_over *t);
/* The starter says that this is the device's door from now on. */
void take_over_yours(struct take_over *t);
/* The device's worker runs. */
void take_over_runs(struct take_over *t);
/* Why an offer does not fit 'door', whose worker has said what the device is: a sentence without
 * its end (static), or NULL. */
const char *take_over_check(const struct door *door, const struct door_state_offer *offer);

#endif
