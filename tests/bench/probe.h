/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_PROBE_H
#define TESTS_BENCH_PROBE_H

#include "tests/bench/figures.h"

/* Starts the back-end once, says in a few lines what it offers, and adds that to the figures. What
 * goes wrong is said, too; the items will say it again. */
void probe(const struct options *options, FILE *json);

#endif
