/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_AWAKE_H
#define TESTS_BENCH_AWAKE_H

/*
 * Keeps the processors 'one' and 'other' from halting, until this process ends: on each a process
 * runs in circles that gives way to everything else (SCHED_IDLE). What it costs to wake a processor
 * that halts is left out of the figures then. 0 or -errno.
 */
int awake_keep(int one, int other);

#endif
