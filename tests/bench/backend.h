/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_BACKEND_H
#define TESTS_BENCH_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/bench/options.h"

/*
 * A back-end under measurement, of whoever's make: started or connected to, and watched from
 * outside. What it has started counts with it. This program becomes the parent of what a back-end
 * leaves behind, so that all of it is found.
 */
#define BACKEND_PROCESSES 32u

struct backend {
    const struct options *options; /* borrowed */
    pid_t started;                 /* what was started; 0: nothing */
    pid_t root;                    /* it and its children are the back-end */
    int64_t start_ns;              /* when it was started */
    int status;                    /* of waitpid, once it has ended */
    pid_t processes[BACKEND_PROCESSES];
    unsigned count;
    char dir[48], log[64]; /* a folder of our own; what it prints */
    char path[104];        /* where it listens; "" if it does not */
};

#define BACKEND_LISTED 3u

/* What one process has. */
struct backend_part {
    long rss_kb, pss_kb;
};

/* What all its processes together have. */
struct backend_state {
    int64_t cpu_ns;                           /* of a processor, so far */
    int64_t wakeups;                          /* voluntary context switches, so far */
    long rss_kb, pss_kb, fds;                 /* now */
    struct backend_part each[BACKEND_LISTED]; /* the first ones, in the order of their making */
    unsigned listed;
    unsigned processes, tasks; /* now */
};

/* Starts it, or connects to it. Gives a connected socket, which the caller owns, or -errno. Its
 * processes are not looked for yet: that takes time of the start, on the same processor. */
int backend_start(struct backend *backend, const struct options *options);
/* Looks which processes it consists of now. */
void backend_find(struct backend *backend);
/* Only the processor's time, of the processes that were found. */
int64_t backend_cpu_ns(const struct backend *backend);
/* Finds its processes, and looks at them. */
void backend_look(struct backend *backend, struct backend_state *state);
/* Waits until it has ended by itself. The time that it took (ns), or -ETIMEDOUT; -ENOTSUP when it
 * was not started here. */
int64_t backend_await_end(struct backend *backend, int milliseconds);
/* Connects once more to one that listens itself; a socket that the caller owns, or -errno. */
int backend_connect(const struct backend *backend);
/* Whether it ended with an error or by a signal: what of, in words. NULL if not. */
const char *backend_trouble(const struct backend *backend, char text[static 64]);
/* Prints the end of what it has printed. */
void backend_show_log(const struct backend *backend);
/* Ends it if it was started here, and removes the folder. */
void backend_stop(struct backend *backend);

#endif
