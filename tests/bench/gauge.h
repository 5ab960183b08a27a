/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_GAUGE_H
#define TESTS_BENCH_GAUGE_H

#include "tests/bench/item.h"

/*
 * What an item is held against while it is measured: its floor, or where it has none the ring's.
 * Processors are fast at one moment and slow at the next, by a half on a shared machine: so an item
 * is measured in slices, with the gauge read before and behind each. Only slices whose two readings
 * agree count.
 *
 * Copies take turns with nothing: what they leave in the caches would slow the item, and the item
 * them. So the memcpy or the frame that an item is held against is timed before the first slice and
 * behind the last, and the ring says between them whether the machine is steady.
 */
struct gauge {
    struct floor floor, ring; /* owned; the first of a mapping only */
    double seconds;           /* of a reading */
    double copy_ns;           /* of the copy before the first slice; 0: it is no such item */
    bool has_floor;           /* else it is only the pace of the machine */
    char name[48];            /* on the same processors, gauges of one name can be compared */
};

#define GAUGE_STEADY 1.15 /* what one reading may be to the other */

/* 0 or -errno. Without floors all readings are 0, and agree. */
int gauge_init(struct gauge *gauge, const struct work *work);
/* ns per operation, or -errno. */
double gauge_read(const struct gauge *gauge);
/* Behind the last slice: what the item is held against, of which 'mean' was read on average. ns per
 * operation, or -errno. */
double gauge_conclude(const struct gauge *gauge, const struct work *work, double mean);
bool gauge_agrees(double before, double behind);
void gauge_finish(struct gauge *gauge);

#endif
