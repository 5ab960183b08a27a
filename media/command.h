/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_COMMAND_H
#define MEDIA_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "guest/chain.h"
#include "protocol/virtio_media.h"

struct media;

/* A request's readable part may be this large: an ext-control call with 1024 controls is 21 KiB. */
#define COMMAND_MAX_REQUEST 65536u

/*
 * The command queue: one request at a time, in order. A request that waits for the window (the
 * first mapping of a buffer, the last unmapping) holds up the queue until the answer comes: a
 * driver sends one command at a time anyway.
 *
 * If the ring stops meanwhile, the request stays in hand until it runs again. What the stop
 * cancelled is done again then: an error would reach a guest that was only paused.
 */
struct command {
    struct chain *chain; /* in hand while the window's answer is awaited, else NULL */
    bool settled;        /* the answer is there, and waits for the ring */
    int result;          /* it: 0 or -errno */
    struct plane *plane; /* what it maps; NULL for an unmapping */
    struct virtio_media_resp_mmap mapping; /* the answer to it, if it goes well */
    size_t mapping_size;
    sd_event_source *more; /* comes back when a batch was full */
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

#endif
