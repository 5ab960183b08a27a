/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_V4L2_REAP_H
#define MEDIA_V4L2_REAP_H

#include <stdbool.h>

#include <linux/videodev2.h>

#include "media/v4l2_lane.h"

struct v4l2_context;

/* Taken in one go; what is left is taken in the next. */
#define V4L2_REAP_FRAMES 16u
#define V4L2_REAP_EVENTS 16u

/*
 * Takes from the host what it has ready for a session: frames (DQBUF) and events (DQEVENT).
 */
struct v4l2_reap {
    struct v4l2_work work;
    struct v4l2_context *context;
    bool idle; /* there was nothing */
    bool again;
    int error;       /* the node is gone, or a queue broken: -errno; 0: neither */
    uint32_t broken; /* the type of the queue that 'error' is about; 0: the node */
    bool ended;      /* the capture queue says so (-EPIPE) */
    unsigned frames, events;
    struct v4l2_buffer frame[V4L2_REAP_FRAMES];
    struct v4l2_plane planes[V4L2_REAP_FRAMES][VIDEO_MAX_PLANES];
    struct v4l2_event event[V4L2_REAP_EVENTS];
};

void v4l2_reap_init(struct v4l2_reap *reap, struct v4l2_context *context);
/* Gives it to the lane; nothing if it is there. */
void v4l2_reap_start(struct v4l2_reap *reap);

#endif
