/* SPDX-License-Identifier: MIT */
#include "tests/bench/clock.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

    return one < other ? -1 : one > other;
}

void clock_sort(uint32_t *spans, size_t count)
{
    qsort(spans, count, sizeof(*spans), compare);
}
