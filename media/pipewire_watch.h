/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PIPEWIRE_WATCH_H
#define MEDIA_PIPEWIRE_WATCH_H

#include "media/pipewire_capture.h"

/*
 * Has a running stream of the guest take its frames from the right camera: connects to the daemon,
 * again and again while there is none, opens the camera when it comes, links it where no session
 * manager does, takes no other in its place, and says in the log what is missing.
 */
struct pipewire_watch {
    const char *target; /* borrowed; NULL: the default camera */
    struct pipewire_remote remote;
    struct pipewire_capture capture;
    sd_event_source *tick; /* while something is missed */
    uint64_t since;        /* ns: when the camera's link was missed, or the stream failed */
    uint64_t patience;     /* ns, of a failed stream */
    unsigned changes;      /* of the cameras: the last that was seen */
    bool linked;
    uint32_t stranger; /* the node that was said to be linked in place of the target */
    bool managed;      /* a session manager was there when we looked last */
    bool alone;        /* we link the camera, as no session manager does */
    bool down_said, up_said, missing_said; /* no daemon, a daemon, no camera */
    char failure[160];                     /* the last that was said */
    struct pipewire_format format;         /* the last that was said */
};

/* Connects soon. 0 or -errno, logged; finish it in both cases. */
int pipewire_watch_init(struct pipewire_watch *watch, struct media *media, sd_event *loop,
                        const char *target);
/* The guest's stream begins. 0; -ENODEV, logged, when there is no daemon or no camera; or -errno.
 */
int pipewire_watch_start(struct pipewire_watch *watch, struct context *context,
                         const struct media_stream *stream, struct buffer_queue *queue);
/* And ends; waits for what a thread does, which takes one frame's time. */
void pipewire_watch_stop(struct pipewire_watch *watch);
void pipewire_watch_finish(struct pipewire_watch *watch);

#endif
