/* SPDX-License-Identifier: MIT */
#ifndef DOOR_HAND_OVER_H
#define DOOR_HAND_OVER_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/fd.h"
#include "door/door_state.h"
#include "door/parcel.h"

/*
 * An upgrade, as the door sees it that hands over. Nothing is given up before the other program has
 * shown that it can go on:
 *
 *     idle -> tries -> ends -> gives -> given -> leaves
 *
 * tries  the starter starts the program anew, beside this one. Its door starts a worker of its own
 *        to learn what the device is now, compares that with our offer, and says ACCEPTED. Until
 *        then the guest is served as ever.
 * ends   our worker is killed, and what is under way with the front-end comes to its end.
 * gives  the front-end is read no more; all that we hold goes over. The other door checks it, and
 *        says TAKEN.
 * given  the starter makes the other door the device's. Ours has let go of everything; it only
 *        waits for the word that the new worker runs.
 * leaves that word is told to who asked; then this process ends.
 *
 * A refusal, the other's end, or a time limit before 'given' leads back: the next worker is of this
 * program again, and goes on as after any worker's death.
 */
enum hand_over_state {
    HAND_OVER_IDLE,
    HAND_OVER_TRIES,
    HAND_OVER_ENDS,
    HAND_OVER_GIVES,
    HAND_OVER_GIVEN,
    HAND_OVER_LEAVES,
};

struct door;

/* The end of an upgrade: 0 or -errno; 'text' is borrowed: what it came to. */
typedef void hand_over_done(void *data, int result, const char *text);

struct hand_over {
    struct door *door;
    enum hand_over_state state;
    bool beside;                /* the starter has one beside us */
    uint64_t ends_us, gives_us; /* time limits of these states: the guest waits */
    int channel;                /* to the other door, owned; -1: there is none */
    sd_event_source *io, *limit, *step;
    struct parcel parcel;
    char refusal[DOOR_STATE_TEXT]; /* said at the loop's next turn; "": nothing is */
    hand_over_done *done;          /* NULL: nobody wants to know */
    void *data;
};

/* 0 or -errno. */
int hand_over_init(struct hand_over *h, struct door *door);
void hand_over_finish(struct hand_over *h);
/* Whether a person's command asks for an upgrade: see protocol/upgrade_wish.h. */
bool hand_over_is(const char *line);
/* Carries it out. 0: 'done' comes once, never from within, unless hand_over_forget comes first; or
 * -EBUSY. */
int hand_over_ask(struct hand_over *h, const char *line, hand_over_done *done, void *data);
/* Who asked does not want to know any more. The upgrade goes on. */
void hand_over_forget(struct hand_over *h, const void *data);

#endif
