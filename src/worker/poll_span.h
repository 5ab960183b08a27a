/* SPDX-License-Identifier: MIT */
#ifndef WORKER_POLL_SPAN_H
#define WORKER_POLL_SPAN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * For how long a worker looks at its rings after an answer before it sleeps: as long as it paid
 * lately, and never longer than the limit. Times are nanoseconds of any one clock.
 *
 * An idle time that was longer than the span, but within the limit, makes the span grow: a little
 * more, and there had been no need to sleep. One that was longer than the limit makes it 0: nobody
 * looks then until commands come close together again. So do commands that come just when looking
 * was over, however long it was: their driver has to wait for our processor.
 *
 * Each time that this happens twice as many commands have to come close together, and each that was
 * found by looking makes it a quarter less: looking goes on if about three are found in between.
 */
struct poll_span {
    uint64_t limit; /* 0: nobody ever looks */
    uint64_t span;  /* how long to look after the next answer */
    uint64_t since; /* the last answer */
    bool idle;      /* no command came since */
    bool behind;    /* the last one came just when looking was over */
    unsigned doubt; /* so many commands have to come close together before the span grows from 0 */
    unsigned close; /* so many came */
};

#define POLL_SPAN_FIRST 10000u     /* what it grows to from 0 */
#define POLL_SPAN_BEHIND 10000u    /* from the end of looking, to be close behind it */
#define POLL_SPAN_MOST_DOUBT 4095u /* commands */

void poll_span_init(struct poll_span *s, uint64_t limit);
/* An answer went out. */
void poll_span_answered(struct poll_span *s, uint64_t now);
/* A command came. */
void poll_span_came(struct poll_span *s, uint64_t now);
/* Whether looking is over. */
bool poll_span_is_over(const struct poll_span *s, uint64_t now);

#endif
