/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_FOOTPRINT_H
#define TESTS_SESSION_FOOTPRINT_H

#include <sys/types.h>

/* What a process holds at one moment: to find it the same after a crowd has been there. */
struct footprint {
    int fds;
    long threads;
    long kilobytes; /* of its own and of shared memory, resident or swapped out; not of files */
};

/* Fails the test if there is no such process. */
void footprint_take(struct footprint *footprint, pid_t pid);
/* Fails the test unless the process has, within 20 seconds, as many descriptors and threads as
 * 'before', and at most 'slack' KiB more. A sanitizer keeps what was freed: then memory says
 * nothing. */
void footprint_assert_same(const struct footprint *before, pid_t pid, long slack);

#endif
