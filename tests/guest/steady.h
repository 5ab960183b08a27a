/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_STEADY_H
#define TESTS_GUEST_STEADY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/*
 * A load that goes on until a file appears, and tells the host how steadily. Every so often, and
 * after each long gap at once, it prints
 *
 *   @@ steady=NAME units=N gap_us=N bad=N
 *
 * with the units of work done so far, the longest time between the ends of two of them since the
 * last such line, and how many were wrong. For each of the guest's programs: so it is all here.
 */
#define STEADY_REPORT_US 200000u
#define STEADY_LONG_US 300000u

struct steady {
    const char *name;
    const char *until;     /* a path */
    uint64_t last, told;   /* us: the end of the last unit, and of the last that was told of */
    uint64_t longest;      /* us */
    uint64_t longest_ever; /* us */
    unsigned long units, bad;
};

static inline uint64_t steady_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static inline void steady_init(struct steady *s, const char *name, const char *until)
{
    *s = (struct steady){.name = name, .until = until, .last = steady_now()};
    s->told = s->last;
}

static inline void steady_tell(struct steady *s)
{
    /* One write: the lines of several programs come by the same way. */
    printf("@@ steady=%s units=%lu gap_us=%llu bad=%lu\n", s->name, s->units,
           (unsigned long long)s->longest, s->bad);
    fflush(stdout);
    s->told = s->last;
    s->longest = 0;
}

/* A unit of work has ended. Returns whether another is to begin. */
static inline bool steady_unit(struct steady *s, bool good)
{
    uint64_t now = steady_now(), gap = now - s->last;

    s->last = now;
    s->units++;
    s->bad += !good;
    if (gap > s->longest)
        s->longest = gap;
    if (gap > s->longest_ever)
        s->longest_ever = gap;
    if (now - s->told < STEADY_REPORT_US && gap < STEADY_LONG_US && good)
        return true;
    steady_tell(s);
    return access(s->until, F_OK) != 0;
}

/* The last line; returns whether all was well. */
static inline bool steady_end(struct steady *s)
{
    printf("@@ steady_end=%s units=%lu longest_us=%llu bad=%lu\n", s->name, s->units,
           (unsigned long long)s->longest_ever, s->bad);
    fflush(stdout);
    return s->bad == 0 && s->units > 0;
}

#endif
