/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_CODEC_CROWD_H
#define TESTS_SESSION_CODEC_CROWD_H

#include "story.h"

/*
 * A crowd at a codec: each session has a stream of its own, and all of them work at once. They come
 * and go in any order, mostly while a thread is at work for them.
 */
#define CODEC_CROWD_SESSIONS 100u
#define CODEC_CROWD_BUFFERS 2u
#define CODEC_CROWD_THREADS 3 /* of the worker, beside its first */

struct codec_crowd_member {
    bool open, streams;
    uint32_t session;
    uint32_t used; /* bytes of a source */
    uint64_t
        offset[CODEC_CROWD_BUFFERS]; /* of the output's buffers, mapped if 'mapped' has their bit */
    unsigned mapped;
};

struct codec_crowd {
    struct codec_crowd_member members[CODEC_CROWD_SESSIONS];
    bool encodes;
    unsigned deaths;   /* of workers, in a round */
    unsigned upgrades; /* of the program, in a round */
    uint64_t random;
    unsigned opened, closed, streams, sources, pictures, killed_at_work;
};

/* Starts a device of that "--kind=", and joins it. */
void codec_crowd_start(struct story *s, const char *kind);

/* All open a session, then so many steps are taken by members in any order, and all is closed and
 * unmapped: nothing is left. */
void codec_crowd_round(struct story *s, struct codec_crowd *crowd, unsigned steps);

#endif
