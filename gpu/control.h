/* SPDX-License-Identifier: MIT */
#ifndef GPU_CONTROL_H
#define GPU_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "gpu/request.h"

/* Commands that one queue may have done before everybody else gets a turn. */
#define CONTROL_BATCH 64u

struct gpu;

/*
 * One of the two queues, and the command in hand. Linux sends CREATE_BLOB and MAP_BLOB behind each
 * other without waiting, and reuses what UNREF gave back as soon as it is answered: so a
 * queue is done strictly in order, and stands still while a command waits for the guest's window or
 * for the renderer.
 */
struct control {
    struct gpu *gpu;
    unsigned queue;
    bool busy;       /* 'request' is not answered yet */
    bool held;       /* it was cancelled: it is done again, or dropped, at the next control_run */
    uint32_t answer; /* of the request, kept until its ring runs again; 0: none yet */
    bool pushed;     /* an answer since the driver was called last */
    struct request request;
    sd_event_source *more; /* owned: goes on with the queue from the loop */
};

/* Returns 0 or -errno. 'gpu' is borrowed. */
int control_init(struct control *control, struct gpu *gpu, unsigned queue);
/* The queue must be reset. */
void control_finish(struct control *control);
/* Forgets the command in hand and gives its chain back without an answer. */
void control_reset(struct control *control);
/* Keeps the command in hand, which was REQUEST_PENDING, unanswered: what it waited for was
 * cancelled because the rings are about to stop. It is done again from its beginning when they run,
 * or dropped if the driver begins anew. An error would reach a guest that was only paused. */
void control_hold(struct control *control);
/* Whether the driver of the ring began anew since the command in hand was taken: its answer goes
 * nowhere. */
bool control_is_stale(const struct control *control);
/* Does what the driver made available: at most CONTROL_BATCH commands, and the rest from the loop.
 */
void control_run(struct control *control);
/* Answers the command in hand, which was REQUEST_PENDING, with 'type', and goes on from the loop;
 * while the ring is stopped the answer waits. */
void control_answer(struct control *control, uint32_t type);

#endif
