/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_CHECK_H
#define TESTS_GUEST_MEDIA_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media_rpc.h"

/* What every frame of a run is checked for, and what was found. */
struct media_check {
    /* Set by the caller. */
    uint64_t interval; /* ns between frames */
    bool multi_planar;
    unsigned planes;
    uint64_t plane_size[VIDEO_MAX_PLANES]; /* bytesused expected; 0: not known */
    unsigned sum_every; /* sums one frame in so many, where a sum takes longer than a frame lasts;
                           0 is 1 */
    /* Counted. */
    uint64_t frames, summed;
    uint64_t drops; /* sequence numbers that were left out */
    uint64_t bad_stamp, bad_sum, bad_sequence, bad_time, bad_clock, bad_fields;
    uint64_t indexes;               /* bit per buffer seen */
    uint64_t first_time, last_time; /* ns, the host's clock */
    uint64_t first_sequence, last_sequence;
    uint64_t worst_clock; /* ns away from the frame clock */
    uint64_t busy;        /* ns spent in checking */
};

/*
 * Checks one frame: the event's fields, stamp, sums, sequence and time. planes[i] are the frame's
 * bytes, which are read once; the sum's field is written to meanwhile. Returns true when all is
 * well; says what is wrong on standard error for the first few.
 */
bool media_check_frame(struct media_check *check, const struct media_frame_info *info,
                       uint8_t *const *planes);

/* How many frames or figures were wrong. */
uint64_t media_check_bad(const struct media_check *check);

#endif
