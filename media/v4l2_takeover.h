/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_V4L2_TAKEOVER_H
#define MEDIA_V4L2_TAKEOVER_H

#include <stdbool.h>

#include <linux/videodev2.h>

#include "media/v4l2_lane.h"

struct ioctl_call;
struct v4l2_context;
struct v4l2_queue;

/* A buffer as the host's QUERYBUF has it. */
struct v4l2_found {
    struct v4l2_buffer buffer;
    struct v4l2_plane planes[VIDEO_MAX_PLANES];
};

/*
 * Goes on with the open file of a worker before us: asks the host which buffers there are and which
 * of them it has, and compares that with what the guest was told (media/v4l2_estate.h).
 *
 * Host and guest agree, mostly. What the host has and the guest did not queue comes from a QBUF
 * that was not answered: when the guest's request is carried out again, it is answered only. What
 * the guest has queued and the host has not was taken from it by the other worker, just before it
 * died: nobody knows whether the frame was good, so it goes to the guest as it is described, with
 * V4L2_BUF_FLAG_ERROR. Memory of the guest's own (USERPTR) is given up: the host's driver has
 * pinned pages at addresses of the other worker's; the stream is stopped, all buffers come back as
 * errors, and it starts again.
 *
 * Ioctls wait until all this is done. What cannot be made good: an event that the other worker took
 * with DQEVENT in the instant before it died, of which nothing is left, is lost.
 */
struct v4l2_takeover {
    struct v4l2_work work;
    struct v4l2_context *context;
    struct ioctl_call *call; /* that waits for it; borrowed, or NULL */
    int result;
    struct {
        struct v4l2_queue *queue; /* borrowed */
        struct v4l2_found *found; /* owned */
        unsigned count;
    } queues[2];
};

void v4l2_takeover_init(struct v4l2_takeover *takeover, struct v4l2_context *context);
/* Everything that was left is read: context_impl.resumed. */
void v4l2_takeover_start(struct v4l2_takeover *takeover);
/* Frees what one has that was taken back. */
void v4l2_takeover_finish(struct v4l2_takeover *takeover);

#endif
