/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/options.h"

/*
 * What the same thing costs at least on this machine at this moment, with nothing but the kernel
 * between the two ends: measured in each round, on the same processors as the back-end.
 */
enum floor_kind {
    FLOOR_NONE,
    FLOOR_RING,    /* a command: a minimal device, which only answers */
    FLOOR_MAPPING, /* a message with a descriptor, mapped, answered, unmapped; and two commands */
    FLOOR_COPY,    /* memcpy from guest memory */
};

#define FLOOR_DEPTHS 5u /* 1, 2, 16, 64, 120 */
#define FLOOR_SIZES 3u  /* 4 KiB, 1 MiB, 64 MiB */

struct floors {
    double ring[FLOOR_DEPTHS];   /* ns per command */
    double message[FLOOR_SIZES]; /* ns per mapping */
    double copy[2][2];           /* ns per picture: 1080p and 4K, from one piece and from pages */
    bool noisy;
};

extern const unsigned floor_depths[FLOOR_DEPTHS];
extern const uint64_t floor_sizes[FLOOR_SIZES];
extern const char *const floor_pictures[2], *const floor_backings[2];

/* 0 or -errno. */
int floors_measure(struct floors *floors, const struct options *options);
/* ns per operation; 0: there is none. */
double floors_ring(const struct floors *floors, unsigned depth);
double floors_mapping(const struct floors *floors, uint64_t bytes);
/* 'size' and 'backing' as the items name them. */
double floors_copy(const struct floors *floors, const char *size, const char *backing);
const char *floor_name(enum floor_kind kind);

/* floor_ring.c, floor_message.c, floor_copy.c: ns per operation, or -errno. The median: another
 * program that comes between is no part of the floor. */
double floor_ring(const struct options *options, unsigned depth, double seconds);
double floor_message(const struct options *options, uint64_t size, double seconds);
double floor_copy(const struct options *options, uint32_t width, uint32_t height, bool scattered,
                  double seconds);
/* The numbers of 'count' pages in disorder, which is always the same: that of the scattered
 * pictures, whose transfer is held against this floor. */
void floor_shuffle(uint32_t *pages, uint32_t count);
/* Times 'turn' over and over for so long: the median in ns, or the -errno that it gave. */
double floor_time(int (*turn)(void *data), void *data, double seconds);
/* Runs 'child' in another process on the back-end's processor; it must not return. -errno. */
pid_t floor_fork(const struct options *options, void (*child)(void *data), void *data);
/* Ends it. */
void floor_end(pid_t pid);

/* Has this process run on the processor that was chosen for it. */
void floor_pin(int cpu);

#endif
