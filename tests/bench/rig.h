/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_RIG_H
#define TESTS_BENCH_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/backend.h"
#include "tests/bench/display.h"
#include "tests/bench/volley.h"
#include "tests/frontend/frontend.h"

/*
 * All that an item is measured with: a back-end, a front-end with guest memory, rings and window,
 * and the display socket.
 */
enum front_end {
    FRONT_END_PLAIN,   /* maps first and answers then: as crosvm */
    FRONT_END_BARRIER, /* answers first, so that the back-end has to see to it that it is mapped */
    FRONT_END_QEMU,    /* and tells each mapping as a memory region, as QEMU 11.1 */
};

#define RIG_CAPSETS 16u

struct rig {
    const struct options *options; /* borrowed */
    struct backend backend;
    struct frontend frontend;
    struct display display;
    struct volley volley;          /* of ring 0 */
    uint32_t capsets[RIG_CAPSETS]; /* that a GPU tells of */
    unsigned capset_count;
    int64_t features_ns, first_ns; /* from its start to the first answer, to the first command's */
    char trouble[160];             /* what went wrong, in words */
};

/* "plain", "barrier", "qemu" */
const char *front_end_name(enum front_end front_end);

/* Starts or joins the back-end, negotiates and starts the rings, and asks what it can do. 0 or
 * -errno, with 'trouble'; rig_close in any case. */
int rig_open(struct rig *rig, const struct options *options, enum front_end front_end);
void rig_close(struct rig *rig);
/* Waits until 'wake' (or -1) can be read, and serves the display socket and the back-end channel
 * meanwhile. 0, -ETIMEDOUT, -ECONNRESET, -errno. */
int rig_attend(struct rig *rig, int wake, int milliseconds);
/* Sends what is 'size' bytes long to the GPU's control ring or the media device's command ring, and
 * waits for 'space' bytes of answer. Gives its first word (little endian), which says how it went,
 * or -errno. */
int64_t rig_command(struct rig *rig, const void *request, size_t size, void *answer, size_t space);
/* Notes what went wrong; the first one counts. Returns 'result'. */
int rig_trouble(struct rig *rig, int result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* SHMEM requests of the back-end so far. */
unsigned rig_messages(const struct rig *rig);
bool rig_has_capset(const struct rig *rig, uint32_t capset);

#endif
