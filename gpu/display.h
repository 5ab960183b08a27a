/* SPDX-License-Identifier: MIT */
#ifndef GPU_DISPLAY_H
#define GPU_DISPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "gpu/cursor.h"
#include "gpu/output.h"
#include "gpu/request.h"
#include "gpu/scanout.h"
#include "gpu/sink.h"
#include "protocol/virtio_gpu.h"

#define DISPLAY_MAX_SINKS 4u

struct cursor_fetch;
struct display_question;
struct display_own;
struct display_wait;
struct gpu;
struct gpu_options;
struct render_thread;
struct scanout_fetch;

/*
 * What the guest can show pictures on, what it shows, and who looks at it. Outputs and sinks belong
 * to the host and stay over a reset of the device; scanouts and cursors are the guest's.
 */
struct display {
    struct gpu *gpu; /* borrowed */
    unsigned count;  /* outputs that there are: 0 to VIRTIO_GPU_MAX_SCANOUTS */
    struct output outputs[VIRTIO_GPU_MAX_SCANOUTS];
    struct display_own *own; /* owned; while a front-end says what the outputs are */
    struct scanout scanouts[VIRTIO_GPU_MAX_SCANOUTS];
    struct cursor cursors[VIRTIO_GPU_MAX_SCANOUTS];
    uint64_t serial; /* of the last picture */
    SLIST_HEAD(, sink) sinks;
    struct rect told[VIRTIO_GPU_MAX_SCANOUTS]; /* the sizes that the sinks know; x and y are 0 */
    TAILQ_HEAD(, display_wait) waits;          /* for sinks, by age */
    bool unread;                               /* outputs changed since the guest has asked */
    unsigned holds;                            /* display_hold less display_release */
    TAILQ_HEAD(, display_question) questions;  /* that wait for the release */
    LIST_HEAD(, scanout_fetch) fetches;
    LIST_HEAD(, cursor_fetch) cursor_fetches;
    struct render_thread *files; /* owned: writes pictures; NULL until there is one to write */
};

/* 'options' say what outputs there are. */
void display_init(struct display *display, struct gpu *gpu, const struct gpu_options *options);
/* Ends the sinks and forgets whoever waits. The device was reset. */
void display_finish(struct display *display);
/* The guest's part begins from nothing. The renderers were reset, the requests in hand are not
 * yet forgotten. */
void display_reset(struct display *display);

/* Takes over a sink, and tells it of all that is shown. -ENOSPC when there are DISPLAY_MAX_SINKS:
 * the sink is destroyed. */
int display_add_sink(struct display *display, struct sink *sink);
/* Destroys it. What waits for it goes on. */
void display_remove_sink(struct display *display, struct sink *sink);
/* gpu/display_front_end.c: whether a sink is the front-end's own. What that says of outputs counts,
 * and the guest hears it from the front-end; when it leaves they are again as they were. Nobody is
 * told: a front-end is there to stop the rings, or gone. */
bool display_has_front_end(const struct display *display);
void display_front_end_came(struct display *display);
void display_front_end_left(struct display *display);
/* Whether a sink wants to have frames. */
bool display_wants_frames(const struct display *display);

/* The driver acknowledges VIRTIO_GPU_EVENT_DISPLAY. What changed after it last asked is said again:
 * it may have acknowledged news that it has not heard. */
void display_acknowledged(struct display *display);

/* For the scanouts and cursors: tell every sink. */
void display_tell_scanout(struct display *display, unsigned output, uint32_t width,
                          uint32_t height);
/* Sends what the output shows. 'request', which may be NULL, has a part more for each sink that the
 * guest is to wait for. 0 or -errno: there is nothing that can be sent. */
int display_tell_update(struct display *display, unsigned output, const struct rect *damage,
                        struct request *request);
void display_tell_cursor(struct display *display, unsigned output);
void display_tell_cursor_move(struct display *display, unsigned output);

/* One part of a flush is done: the last one answers it. */
void display_part_done(struct request *request);
/* What a flush is answered when all of its parts are done. */
uint32_t display_flush_result(struct request *request);

/* The thread that writes pictures to files, started when first asked for. NULL with errno set. */
struct render_thread *display_files(struct display *display);

/* gpu/display_query.c: forgets the questions that wait, without an answer. */
void display_drop_questions(struct display *display);

#endif
