/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_V4L2_ESTATE_H
#define MEDIA_V4L2_ESTATE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "media/estate.h"

struct context;
struct estate_tally;
struct event;
struct v4l2_queue_buffer;

/*
 * What of a proxy's session outlives the worker. Its open file of the host's node lies on the shelf
 * (base/shelf.h), so nothing changes in the host's driver when a worker dies: formats, controls,
 * subscriptions, streams and queued buffers are there. The estate has what the driver does not tell
 * again: which buffers the guest believes to be queued, where it sees them, and of which it was not
 * told yet. The successor compares the two (media/v4l2_takeover.h).
 *
 * Whoever closes the last descriptor of the file waits for the driver. A session that ends frees
 * its buffers in the lane first, and the door, which has the other descriptor, waits for nothing
 * then.
 */
struct v4l2_estate_queue {
    uint32_t type, streaming, user;
    uint32_t count; /* buffers that the guest knows of */
};

struct v4l2_estate {
    uint64_t key; /* of the file, on the shelf */
    struct v4l2_estate_queue capture, output;
};

struct v4l2_estate_plane {
    uint64_t place, key; /* in the window, on the shelf */
    uint64_t given;      /* USERPTR: what the guest calls it */
    uint32_t offset, length;
    uint32_t copied; /* its bytes are copied from or to the host's */
    uint32_t pad;
};

struct v4l2_estate_buffer {
    struct estate_event event;
    uint32_t output, index;
    uint32_t queued, prepared;
    uint32_t done; /* 'buffer' and 'told' are to be told to the guest */
    uint32_t sequence;
    uint32_t planes, user_planes;
    struct v4l2_estate_plane plane[VIDEO_MAX_PLANES];
    struct v4l2_buffer buffer;
    struct v4l2_plane told[VIDEO_MAX_PLANES];
};

/* Enters the buffer into the estate, and forgets it. */
void v4l2_estate_buffer(struct v4l2_queue_buffer *buffer);
void v4l2_estate_buffer_gone(struct v4l2_queue_buffer *buffer);
/* event::note of a buffer's event. */
void v4l2_estate_note(struct event *event);

/* context_impl.leave, resume and resume_part. A session whose file is not on the shelf any more is
 * gone: its programs get -ENODEV. */
size_t v4l2_estate_leave(const struct context *context, void *to);
int v4l2_estate_resume(struct context *context, const void *from, size_t size);
int v4l2_estate_resume_part(struct context *context, uint32_t handle, const void *from, size_t size,
                            struct estate_tally *tally);

#endif
