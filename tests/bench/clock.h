/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_CLOCK_H
#define TESTS_BENCH_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/units.h"

/* Nanoseconds since some moment; signed, for differences. */
static inline int64_t clock_ns(void)
{
    return (int64_t)units_now_ns();
}

/* Nanoseconds from one moment to another, as one of many that are kept. */
static inline uint32_t clock_span(int64_t begun, int64_t ended)
{
    return ended - begun < UINT32_MAX ? (uint32_t)(ended - begun) : UINT32_MAX;
}

/* Sorts spans, the shortest first. */
void clock_sort(uint32_t *spans, size_t count);

/* Nanoseconds of a processor that this process has had, all its threads together. */
static inline int64_t clock_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

#endif
