/* SPDX-License-Identifier: MIT */
#ifndef GPU_AUDIENCE_H
#define GPU_AUDIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "gpu/rect.h"
#include "gpu/sink.h"
#include "protocol/virtio_gpu.h"

#define AUDIENCE_MAX 4u

struct audience_wait;
struct request;

/*
 * Who looks at the display: every sink, what it was told last, and the requests that wait until a
 * sink is done with an update. Whoever changes a scanout or a cursor tells the audience; it knows
 * nothing of either but what it is told.
 */
struct audience {
    SLIST_HEAD(, sink) sinks;
    struct rect told[VIRTIO_GPU_MAX_SCANOUTS]; /* the sizes that the sinks know; x and y are 0 */
    TAILQ_HEAD(, audience_wait) waits;         /* for sinks, by age */
};

void audience_init(struct audience *audience);
/* Forgets which requests wait. What a sink was given it still has. */
void audience_reset(struct audience *audience);
/* Takes over a sink, without a word to it. -ENOSPC when there are AUDIENCE_MAX. */
int audience_add(struct audience *audience, struct sink *sink);
/* The sink is no longer one; what waits for it goes on. It is the caller's again. */
void audience_remove(struct audience *audience, struct sink *sink);

/* Whether a sink wants to have frames. */
bool audience_wants_frames(const struct audience *audience);
/* Whether a sink is the front-end's own. */
bool audience_has_front_end(const struct audience *audience);

/* The output shows a picture of that size from now on; 0 x 0: none. Nothing if they know. */
void audience_tell_scanout(struct audience *audience, unsigned output, uint32_t width,
                           uint32_t height);
/* The pixels in 'damage' are new. 'request', which may be NULL, has a part more for each sink that
 * the guest is to wait for. */
void audience_tell_update(struct audience *audience, unsigned output,
                          const struct sink_frame *frame, const struct rect *damage,
                          struct request *request);
/* The pointer has this picture, NULL: none, and its upper left corner is there. */
void audience_tell_cursor(struct audience *audience, unsigned output,
                          const struct sink_cursor *picture, int32_t x, int32_t y);
void audience_tell_cursor_move(struct audience *audience, unsigned output, int32_t x, int32_t y);
/* The sink is done with its oldest update of the output; nothing if it has none. */
void audience_updated(struct audience *audience, struct sink *sink, unsigned output);

/* One part of a flush is done: the last one answers it. */
void audience_part_done(struct request *request);
/* What a flush is answered when all of its parts are done. */
uint32_t audience_flush_result(struct request *request);

#endif
