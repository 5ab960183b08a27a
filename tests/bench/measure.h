/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

#include "tests/bench/figures.h"

/* Measures an item with a back-end of its own, and fills in all but the round. What goes wrong is
 * in 'result->failed'. */
void measure(const struct item *item, const struct options *options, struct result *result);

#endif
