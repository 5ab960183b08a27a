/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_UNHARMED_H
#define TESTS_SESSION_UNHARMED_H

#include "story.h"

/*
 * What may not change, whatever a guest or a front-end does: both processes are the same ones, and
 * have as many descriptors open and as much memory as before, when nobody uses the device. What
 * they say of it is little, and is counted.
 */
struct unharmed {
    uint64_t taken_ns;
    pid_t door, worker;
    int door_fds, worker_fds;
    long worker_kilobytes;
    long chains_bad, front_end_errors, command_errors, shmem_refused, memory_lost;
};

/* When the program has been started and no front-end is there. */
void unharmed_take(struct unharmed *before, struct story *s);
/* When the last front-end has left. */
void unharmed_check(const struct unharmed *before, struct story *s);
/* A counter by its name, "chains_bad", has risen since. */
void unharmed_counted(const struct unharmed *before, struct story *s, const char *counter);
/* The program's log says this, and not more often than a stranger can make it. */
void unharmed_said(struct story *s, const char *text);

#endif
