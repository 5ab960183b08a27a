/* SPDX-License-Identifier: MIT */
#include "base/histogram.h"

uint64_t histogram_below_us(unsigned bucket)
{
    return bucket + 1 < HISTOGRAM_BUCKETS ? UINT64_C(1) << bucket : 0;
}

uint64_t histogram_read(const struct histogram *histogram, struct histogram *copy)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        copy->buckets[i] = __atomic_load_n(&histogram->buckets[i], __ATOMIC_RELAXED);
        count += copy->buckets[i];
    }
    copy->sum_ns = __atomic_load_n(&histogram->sum_ns, __ATOMIC_RELAXED);
    return count;
}
