/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_PROCESS_USAGE_H
#define HOSTBLOB_PROCESS_USAGE_H

#include <stdbool.h>
#include <stdint.h>

/* What processes take of the machine, as /proc tells. */
struct process_usage {
    unsigned processes; /* that could be looked at */
    uint64_t cpu_ns;    /* of the processors, since each began */
    uint64_t memory;    /* bytes */
    bool shared_once;   /* memory that others have too is divided among them (PSS); else all of it
                           is counted in each (RSS), because one may not look closer */
};

/* 'pid' and all that it has started, and those have, added up. */
void process_usage_read(struct process_usage *usage, int pid);

#endif
