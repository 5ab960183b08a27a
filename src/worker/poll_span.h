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
 * looks then until commands come close together again. Each time that this happens twice as many of
 * them have to: a driver that gets no processor while we look comes close behind every sleep. Each
 * command that was found by looking makes it a quarter less.
 */
struct poll_span {
    uint64_t limit; /* 0: nobody ever looks */
    uint64_t span;  /* how long to look after the next answer */
    uint64_t since; /* the last answer */
    bool idle;      /* no command came since */
    unsigned doubt; /* so many commands have to come close together before the span grows from 0 */
    unsigned close; /* so many came */
};

#define POLL_SPAN_FIRST 10000u     /* what it grows to from 0 */
#define POLL_SPAN_MOST_DOUBT 4095u /* commands */

void poll_span_init(struct poll_span *s, uint64_t limit);
/* An answer went out. */
void poll_span_answered(struct poll_span *s, uint64_t now);
/* A command came. */
void poll_span_came(struct poll_span *s, uint64_t now);
/* Whether looking is over. */
bool poll_span_is_over(const struct poll_span *s, uint64_t now);

#endif
