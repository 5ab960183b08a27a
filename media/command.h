/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_COMMAND_H
#define MEDIA_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "guest/chain.h"
#include "media/ioctl.h"
#include "protocol/virtio_media.h"

struct media;
struct plane;

/* A request's readable part may be this large: an ext-control call with 1024 controls is 21 KiB. */
#define COMMAND_MAX_REQUEST 65536u

/*
 * The command queue: one request at a time, in order. A request that waits for the window (the
 * first mapping of a buffer, the last unmapping), for a thread that works on the buffers that it
 * would take away, or for a thread that does it, holds up the queue until then: a driver sends one
 * command at a time anyway.
 *
 * If the ring stops meanwhile, the request stays in hand until it runs again. What the stop
 * cancelled is done again then: an error would reach a guest that was only paused.
 */
struct command {
    struct chain *chain;    /* in hand while something is awaited, else NULL */
    bool settled;           /* what was awaited is there, and waits for the ring */
    int result;             /* it: 0 or -errno; -ECANCELED: the request is to be done again */
    bool waits_for_context; /* and for nothing else */
    struct plane *plane;    /* what it maps; NULL for every other request */
    bool again;             /* a worker before us had the request */
    uint32_t opening;       /* the session that a thread opens; 0 for every other request */
    size_t size;            /* bytes in 'request' */
    uint64_t room;          /* bytes that the driver can take */
    size_t reply_size;      /* bytes of 'reply' to answer with, if it goes well */
    size_t error_size;      /* and if it does not: the header, or more */
    struct ioctl_call call; /* an ioctl: its payload lies in 'reply' */
    sd_event_source *more;  /* comes back when a batch was full */
    _Alignas(8) uint8_t request[COMMAND_MAX_REQUEST];
    _Alignas(8) uint8_t reply[COMMAND_MAX_REQUEST];
};

/* Returns 0 or -errno. */
int command_init(struct command *command, struct media *media);
void command_finish(struct command *command);
/* Forgets the request in hand: its ring begins anew. */
void command_reset(struct media *media);
/* Takes requests from the command queue and answers them. */
void command_run(struct media *media);

/* What the request in hand waited for has come to 'result': 0, -errno, or -ECANCELED: it is done
 * again. Now, or when the ring is next ready. */
void command_settle(struct media *media, int result, bool now);

#endif
