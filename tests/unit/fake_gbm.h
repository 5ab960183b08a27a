/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_GBM_H
#define TESTS_UNIT_FAKE_GBM_H

/*
 * A libgbm whose buffers are memory files: it gives and refuses what a test wants it to, and counts
 * what it has given out.
 */
#include <stdbool.h>
#include <stdint.h>

struct fake_gbm {
    /* What it does. */
    bool no_device;    /* has no driver for the node */
    int error;         /* makes no buffers, with this errno; -1: and says no reason */
    uint32_t refused;  /* makes none for these uses */
    bool no_fd;        /* lends no descriptors */
    uint64_t missing;  /* bytes that a buffer's file is too short by */
    bool old_bytes;    /* of somebody else's are in new buffers */
    uint64_t modifier; /* of all images */
    int planes;        /* of all images; 0: one */
    uint32_t stride;   /* of all images; 0: as long as the rows, rounded up to 512 */
    /* What was asked for last, and what there is now. */
    uint32_t width, height, flags;
    unsigned devices, bos;
};

extern struct fake_gbm fake_gbm;

#endif
