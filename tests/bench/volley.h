/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_VOLLEY_H
#define TESTS_BENCH_VOLLEY_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/frontend/driver_queue.h"

/*
 * Requests that are prepared once in the slots of a ring, and sent over and over: made available
 * all at once, with one kick, and awaited by the call eventfd. Every answer is checked by its first
 * word, and spoilt afterwards, so that an answer that was not written is not taken for one.
 */
struct volley {
    struct driver_queue *queue; /* borrowed */
    uint32_t expect[DRIVER_QUEUE_SLOTS];
    /* Serves whatever else there is until 'call' can be read. 0 or -errno; -ETIMEDOUT. May be NULL:
     * there is nothing else. */
    int (*attend)(void *data, int call, int milliseconds);
    void *data;
    uint32_t got; /* the first wrong answer's first word, after -EPROTO */
};

/* Whoever waits for the device sleeps in read() alone, and everything else is served ten times a
 * second. Without it poll() watches all there is. Signals interrupt while it is on. */
void volley_lean(bool on);

/* Prepares a slot: 'size' bytes that the device reads, and 'more' at the guest-physical 'at', then
 * 'space' that it writes, of which the first word must be 'expect' (little endian). Gives the place
 * of the 'size' bytes; NULL when it does not fit. */
void *volley_place(struct volley *volley, unsigned slot, size_t size, uint64_t at, size_t more,
                   size_t space, uint32_t expect);
/* Sends the slots [first, first + count) and waits for the answers to all of them. 0; -EPROTO for a
 * wrong answer, -ETIMEDOUT, -errno. */
int volley_fire(struct volley *volley, unsigned first, unsigned count);

#endif
