/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_PROCESS_FACTS_H
#define HOSTBLOB_PROCESS_FACTS_H

#include <stdbool.h>
#include <stdint.h>

/* What /proc tells of a running process and of how it is shut in. */

enum { PROCESS_FACTS_NAMESPACES = 8, PROCESS_FACTS_LIMITS = 4 };
#define PROCESS_FACTS_UNKNOWN UINT64_MAX /* of a limit, namespace, ...: one may not look */
#define PROCESS_FACTS_UNLIMITED (UINT64_MAX - 1)

struct process_facts {
    int pid, parent;
    char name[20]; /* as the kernel has it, without control characters */
    unsigned uid;
    int seccomp;      /* 0: none, 1: strict, 2: a filter; -1: not told */
    int no_new_privs; /* 0, 1; -1: not told */
    /* Sets of capabilities, by their bits. */
    uint64_t effective, permitted, bounding;
    uint64_t namespaces[PROCESS_FACTS_NAMESPACES]; /* inode numbers, by process_facts_namespaces */
    uint64_t limits[PROCESS_FACTS_LIMITS];         /* the soft ones, by process_facts_limits */
};

/* "user", "mnt" and so on; "core", "nofile" and so on. */
extern const char *const process_facts_namespaces[PROCESS_FACTS_NAMESPACES];
extern const char *const process_facts_limits[PROCESS_FACTS_LIMITS];

/* Reads them. -ESRCH when there is no such process. */
int process_facts_read(struct process_facts *facts, int pid);

/* Finds what 'pid' has started, and what those have: up to 'room' of them. Returns how many. */
unsigned process_facts_offspring(int pid, int *pids, unsigned room);

#endif
