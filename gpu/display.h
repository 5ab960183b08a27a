/* SPDX-License-Identifier: MIT */
#ifndef GPU_DISPLAY_H
#define GPU_DISPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "gpu/audience.h"
#include "gpu/cursor.h"
#include "gpu/output.h"
#include "gpu/request.h"
#include "gpu/scanout.h"
#include "protocol/virtio_gpu.h"

struct cursor_fetch;
struct display_question;
struct display_own;
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
    struct audience audience;
    bool unread;                              /* outputs changed since the guest has asked */
    unsigned holds;                           /* display_hold less display_release */
    TAILQ_HEAD(, display_question) questions; /* that wait for the release */
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

/* Takes over a sink, and tells it of all that is shown. -ENOSPC when there are AUDIENCE_MAX: the
 * sink is destroyed. */
int display_add_sink(struct display *display, struct sink *sink);
/* Destroys it. What waits for it goes on. */
void display_remove_sink(struct display *display, struct sink *sink);
/* gpu/display_front_end.c: a sink that is the front-end's own came, or a sink left. What the
 * front-end says of outputs counts, and the guest hears it from the front-end; when it leaves they
 * are again as they were. Nobody is told: a front-end is there to stop the rings, or gone. */
void display_front_end_came(struct display *display);
void display_front_end_left(struct display *display);

/* Outputs are others than the guest has heard of: it is told, unless a front-end does. */
void display_outputs_changed(struct display *display);
/* The driver acknowledges VIRTIO_GPU_EVENT_DISPLAY. What changed after it last asked is said again:
 * it may have acknowledged news that it has not heard. */
void display_acknowledged(struct display *display);

/* The thread that writes pictures to files, started when first asked for. NULL with errno set. */
struct render_thread *display_files(struct display *display);

/* gpu/display_query.c: forgets the questions that wait, without an answer. */
void display_drop_questions(struct display *display);

#endif
