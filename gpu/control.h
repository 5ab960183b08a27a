/* SPDX-License-Identifier: MIT */
#ifndef GPU_CONTROL_H
#define GPU_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "gpu/request.h"

/* Commands that one queue may have done before everybody else gets a turn. */
#define CONTROL_BATCH 64u
/* Commands in hand, and the bytes of their copies: more are left in the ring until some are
 * answered. */
#define CONTROL_MAX_REQUESTS 1024u
#define CONTROL_MAX_BYTES (64u << 20)

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
    unsigned queue;
    bool running;                 /* control_run is at work */
    bool pushed;                  /* an answer since the driver was called last */
    struct request_list requests; /* all in hand, by arrival */
    unsigned count;               /* of them */
    unsigned waiting;             /* of them AGAIN or READY */
    unsigned held;                /* of them HELD */
    uint32_t generation;          /* of the ring, when it was last looked at */
    uint64_t bytes;               /* of their copies */
    struct request *spare;        /* the last one answered, to use again */
    sd_event_source *more;        /* owned: goes on with the queue from the loop */
};

/* Returns 0 or -errno. 'gpu' is borrowed. */
int control_init(struct control *control, struct gpu *gpu, unsigned queue);
/* The queue must be reset. */
void control_finish(struct control *control);
/* Forgets the commands in hand and gives their chains back without an answer. */
void control_reset(struct control *control);
/* The worker's queue_ready: does again what is held, then as control_run. */
void control_ready(struct control *control);
/* Does what the driver made available: at most CONTROL_BATCH commands, and the rest from the loop.
 */
void control_run(struct control *control);

/* The work of a request, which was REQUEST_PENDING, is done: answers it with 'type' when its fence
 * allows. The request may be gone when this returns. */
void control_answer(struct request *request, uint32_t type);
/* Does a request again from its beginning, soon: what it waited for has changed. */
void control_again(struct request *request);
/* Keeps a request until the worker calls queue_ready: what it waited for was cancelled because the
 * rings are about to stop, or the window is shut. Then it is done again from its beginning. An
 * error would reach a guest that was only paused. */
void control_hold(struct request *request);
/* For fence.c: the answer goes out, now or when the ring runs. The request is gone. */
void control_deliver(struct request *request);

#endif
