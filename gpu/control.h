/* SPDX-License-Identifier: MIT */
#ifndef GPU_CONTROL_H
#define GPU_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/hand.h"

/* Commands that one queue may have done before everybody else gets a turn. */
#define CONTROL_BATCH 64u

struct gpu;

/*
 * One of the two queues, and the commands in hand. Handlers run in the order of the ring, and what
 * they ask of the window or of a renderer keeps that order; but one that waits does not hold up the
 * next, and answers go out as they come. Linux sends CREATE_BLOB and MAP_BLOB behind each other
 * without waiting: what finds its resource busy is parked there (resource_park), and is done again
 * when the resource has settled, before anything newer of that resource.
 *
 * When the ring stops, what is in hand stays: it is answered when the ring runs again. A driver
 * that begins from nothing resets the device.
 */
struct control {
    struct gpu *gpu;
    struct hand hand;
    uint32_t generation; /* of the ring, when it was last looked at */
    bool pushed;         /* an answer since the driver was called last */
};

/* Returns 0 or -errno. 'gpu' is borrowed, and so are the quotas of the commands in hand and of the
 * bytes of their copies: more are left in the ring until some are answered. */
int control_init(struct control *control, struct gpu *gpu, unsigned queue,
                 struct quota quotas[static 2]);
/* The queue must be reset. */
void control_finish(struct control *control);
/* Forgets the commands in hand and gives their chains back without an answer. */
void control_reset(struct control *control);
/* The worker's queue_ready: does again what is held, then what the driver made available: at most
 * CONTROL_BATCH commands, and the rest from the loop. */
void control_ready(struct control *control);

#endif
