/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_GAUGE_H
#define TESTS_BENCH_GAUGE_H

#include "tests/bench/item.h"

/*
 * What an item is held against while it is measured: its floor, or where it has none the ring's.
 * Processors are fast at one moment and slow at the next, by a half on a shared machine: so an item
 * is measured in slices, with the gauge read before and behind each. Only slices whose two readings
 * agree count.
 */
struct gauge {
    struct floor floor, ring; /* owned; of a mapping both, else one of them */
    double seconds;           /* of a reading */
    bool has_floor;           /* else it is only the pace of the machine */
    char name[40];            /* gauges of one name can be compared: "ring x64" */
};

#define GAUGE_STEADY 1.15 /* what one reading may be to the other */

/* 0 or -errno. Without floors all readings are 0, and agree. */
int gauge_init(struct gauge *gauge, const struct work *work);
/* ns per operation, or -errno. */
double gauge_read(const struct gauge *gauge);
bool gauge_agrees(double before, double behind);
void gauge_finish(struct gauge *gauge);

#endif
