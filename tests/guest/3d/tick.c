/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "tick.h"

#define OFTEN 250
#define STALL 500

uint64_t tick_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void tick_init(struct tick *tick)
{
    *tick = (struct tick){.begun = tick_now()};
    tick->last = tick->begun;
}

void tick_step(struct tick *tick)
{
    uint64_t now = tick_now(), step = now - tick->last;

    tick->last = now;
    tick->steps++;
    if (step > tick->longest)
        tick->longest = step;
    if (tick->steps > 1 && step < STALL && now - tick->said < OFTEN)
        return;
    tick->said = now;
    printf("@@ tick=%u at=%ju step=%ju longest=%ju\n", tick->steps, (uintmax_t)(now - tick->begun),
           (uintmax_t)step, (uintmax_t)tick->longest);
    fflush(stdout);
}

void tick_end(const struct tick *tick)
{
    printf("@@ ticked=%u longest=%ju\n", tick->steps, (uintmax_t)tick->longest);
    fflush(stdout);
}

bool tick_over(const struct tick *tick, uint64_t ms)
{
    return tick_now() - tick->begun >= ms;
}
