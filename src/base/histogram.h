/* SPDX-License-Identifier: MIT */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

#include "base/stats.h"

/*
 * How long things took, in memory that processes share: one writer, without a lock, and readers may
 * see it a moment late. Bucket N counts what took less than 2^N microseconds, and not less than
 * the bucket before it says; the last one counts all that took longer.
 */
#define HISTOGRAM_BUCKETS 25u

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t sum_ns;
};

static inline unsigned histogram_bucket(uint64_t ns)
{
    uint64_t us = ns / 1000;
    unsigned bucket = us == 0 ? 0 : 64u - (unsigned)__builtin_clzll(us);

    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_add(struct histogram *histogram, uint64_t ns)
{
    stats_add(&histogram->buckets[histogram_bucket(ns)], 1);
    stats_add(&histogram->sum_ns, ns);
}

/* What the bucket's things stay below, in microseconds; 0 for the last one. */
uint64_t histogram_below_us(unsigned bucket);
/* A copy of one that is written to; the number of things in it. */
uint64_t histogram_read(const struct histogram *histogram, struct histogram *copy);

#endif
