/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_CASE_H
#define TESTS_GUEST_MEDIA_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "media_client.h"
#include "media_stream.h"

/*
 * The subcommands, each run in a process of its own beside the driver, with sockets for as many
 * clients as it may need. A case forks further clients itself.
 */
#define MEDIA_CASE_SOCKETS 4

struct media_case {
    struct media_place place;
    int sockets[MEDIA_CASE_SOCKETS]; /* owned; a client takes one over */
    uint8_t card[33];                /* config space */
    uint32_t device_type;
    /* Options. */
    struct media_stream_ask ask;
    unsigned frames;
    unsigned buffers;
    bool no_drops;     /* a dropped frame is a failure */
    const char *save;  /* NULL: nothing is saved */
    const char *until; /* the file that ends media_case_steady() */
};

/* Each returns 0, or 1 after a sentence on standard error. */
int media_case_info(struct media_case *c);
int media_case_stream(struct media_case *c);
int media_case_steady(struct media_case *c);
int media_case_formats(struct media_case *c);
int media_case_buffers32(struct media_case *c);
int media_case_busy(struct media_case *c);
int media_case_killed(struct media_case *c);
int media_case_ioctls(struct media_case *c);
int media_case_rounds(struct media_case *c);
/* Leaves a session that streams, with all it has mapped. */
int media_case_abandon(struct media_case *c);
/* What comes after a reset: new buffers are empty, and a stream runs. */
int media_case_fresh(struct media_case *c);

/* Makes a client of socket 'index'. Returns 0, or -errno after a sentence. */
int media_case_client(struct media_case *c, unsigned index, struct media_client *client);

/* Closes the sockets that are still here, but number 'but' (or all, with MEDIA_CASE_SOCKETS). */
void media_case_close_sockets(struct media_case *c, unsigned but);

/*
 * Calls 'found' for each format of each capture type that the device has. Stops at a result other
 * than 0 and returns it.
 */
int media_case_each_format(struct media_case *c, struct media_client *client, uint32_t session,
                           int (*found)(void *context, const struct v4l2_fmtdesc *desc),
                           void *context);

#endif
