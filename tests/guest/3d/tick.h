/* SPDX-License-Identifier: MIT */
#ifndef GUEST_3D_TICK_H
#define GUEST_3D_TICK_H

#include <stdbool.h>
#include <stdint.h>

/* Tells the host how a loop goes on, so that it sees every stall. */
struct tick {
    uint64_t begun, last, said; /* ms */
    uint64_t longest;           /* the longest step so far, ms */
    unsigned steps;
};

/* Milliseconds of a clock that goes on evenly. */
uint64_t tick_now(void);

/* Begins to count; the first step is counted from here. */
void tick_init(struct tick *);

/* One step is done. Each quarter of a second, and after each step of half a second or more, prints
 * '@@ tick=STEPS at=MS step=MS longest=MS', with MS since tick_init(). */
void tick_step(struct tick *);

/* Prints '@@ ticked=STEPS longest=MS'. */
void tick_end(const struct tick *);

/* Whether 'ms' milliseconds have passed since tick_init(). */
bool tick_over(const struct tick *, uint64_t ms);

#endif
