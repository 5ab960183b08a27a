/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/options.h"

/*
 * What the same thing costs at least on this machine at this moment, with nothing but the kernel
 * between the two ends, on the same processors as the back-end: between the slices of an item that
 * is held against it, see gauge.h.
 */
enum floor_kind {
    FLOOR_NONE,
    FLOOR_RING,    /* a command: a minimal device, which only answers */
    FLOOR_MAPPING, /* a message with a descriptor, mapped, answered, unmapped; and two commands */
    FLOOR_COPY,    /* memcpy from guest memory */
    FLOOR_FRAME,   /* the same, then written into a socket and read there */
};

/* A floor that is ready: it is made once, and timed as often as one likes. */
struct floor {
    int (*turn)(void *data); /* 0 or -errno */
    void (*destroy)(void *data);
    void *data; /* owned; NULL: there is none */
    unsigned per_turn;
    int cpu;   /* for the turns, OPTIONS_ANY_CPU: where this process is */
    bool lean; /* see volley_lean */
};

const char *floor_name(enum floor_kind kind);

/* floor_ring.c, floor_message.c, floor_copy.c, floor_frame.c: make one. 0 or -errno; then there is
 * none. */
int floor_ring(struct floor *floor, const struct options *options, unsigned depth);
int floor_message(struct floor *floor, const struct options *options, uint64_t size);
int floor_copy(struct floor *floor, const struct options *options, uint32_t width, uint32_t height,
               bool scattered);
/* 'copies': memcpy is a part of it. */
int floor_frame(struct floor *floor, const struct options *options, uint32_t width, uint32_t height,
                bool copies);
/* Takes turns for so long: ns per operation, or the -errno that a turn gave. The median: another
 * program that comes between is no part of the floor. */
double floor_time(const struct floor *floor, double seconds);
/* The same, but the mean of this process's processor time, which is how items are told. */
double floor_cpu_time(const struct floor *floor, double seconds);
void floor_finish(struct floor *floor);
/* The numbers of 'count' pages in disorder, which is always the same: that of the scattered
 * pictures, whose transfer is held against this floor. */
void floor_shuffle(uint32_t *pages, uint32_t count);
/* Memory that is shared, as guest memory is, of 'size' bytes, with something in it; munmap ends it.
 * MAP_FAILED: there is none. */
uint8_t *floor_shared(size_t size);
/* Runs 'child' in another process on the back-end's processor; it must not return. -errno. */
pid_t floor_fork(const struct options *options, void (*child)(void *data), void *data);
/* Ends it. */
void floor_end(pid_t pid);

/* Has this process run on the processor that was chosen for it. */
void floor_pin(int cpu);

#endif
