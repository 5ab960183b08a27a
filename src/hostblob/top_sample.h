/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_TOP_SAMPLE_H
#define HOSTBLOB_TOP_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "hostblob/process_usage.h"
#include "hostblob/run_directory.h"

/* What one device has counted up to a moment. */
struct top_device {
    char name[RUN_DIRECTORY_PATH];
    char path[RUN_DIRECTORY_PATH]; /* of its control socket */
    bool answers;
    char kind[24], front_end[24];
    uint64_t at_ns;  /* CLOCK_MONOTONIC */
    uint64_t device; /* the pid of its starter: another one counts from 0 */
    struct process_usage usage;
    uint64_t mapped; /* bytes in the window */
    uint64_t maps, commands, frames, errors;
};

struct top_sample {
    unsigned count;
    struct top_device all[RUN_DIRECTORY_MAX];
};

/* What happened between two samples, per second. */
struct top_rates {
    double cpu; /* percent of one processor */
    double maps, commands, frames;
};

/* Asks the devices of those names, 'count' of them, or with 0 all in the run directory. One that
 * does not answer within a second or two is there without figures; one of the run directory that
 * has ended is not. 0, or -errno with a sentence when a name fits none. */
int top_sample_read(struct top_sample *sample, int count, char **names, char *why);
/* The device of that path in an earlier sample, if it is the same one still; NULL. */
const struct top_device *top_sample_find(const struct top_sample *sample,
                                         const struct top_device *device);
/* All 0 where 'before' is NULL. */
struct top_rates top_sample_rates(const struct top_device *before, const struct top_device *now);

#endif
