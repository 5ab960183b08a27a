/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_V4L2_QUEUE_H
#define MEDIA_V4L2_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "media/event_queue.h"
#include "media/v4l2_user.h"
#include "media/window.h"

struct v4l2_calls;

/*
 * One queue of a host's video node, as the session knows it that streams: which buffers there are,
 * where the guest sees them, and which of them the host has. Changed on the loop only, while
 * nothing runs in the lane.
 */

/* Buffers of a queue; Linux gives 32, and some drivers more. */
#define V4L2_QUEUE_MAX 128u

/* A plane is the host's own memory, given to the guest as a descriptor; or, where the driver can
 * give none, a plane of ours, and 'map' the host's, between which every frame is copied. */
struct v4l2_queue_plane {
    uint32_t offset, length; /* as the host's QUERYBUF said */
    struct plane *plane;     /* held; NULL: the guest has not asked for it */
    void *map;               /* of 'length' bytes, owned; NULL: nothing is copied */
    void *bytes;             /* of 'plane', if something is copied */
};

struct v4l2_queue_buffer {
    struct v4l2_queue *queue; /* whose it is */
    uint32_t index;
    struct event event; /* dequeued, and the guest has not heard of it yet */
    bool queued;        /* the host has it */
    bool prepared;      /* and has its memory, by PREPARE_BUF */
    uint32_t untold;    /* the ioctl that a worker before us has done with it and not answered; 0 */
    unsigned planes;    /* 0: the guest has not asked for them */
    struct v4l2_queue_plane plane[VIDEO_MAX_PLANES];
    struct v4l2_user user; /* of USERPTR: what the host got last */
};

struct v4l2_queue {
    struct estate *estate; /* borrowed */
    uint32_t session;      /* whose it is */
    uint32_t type;         /* V4L2_BUF_TYPE_*; 0: there is no such queue */
    bool user;             /* its buffers are USERPTR's: memory of the guest's */
    bool streaming;
    bool ended;        /* the last frame was dequeued: nothing comes before a new start */
    unsigned queued;   /* buffers that the host has */
    unsigned count;    /* buffers that the guest knows of */
    unsigned surplus;  /* more that there are: of a CREATE_BUFS that was not answered */
    uint32_t sequence; /* of the next frame, if none is lost */
    struct v4l2_queue_buffer *buffer[V4L2_QUEUE_MAX]; /* NULL where nobody has used it */
};

/* The buffer of that number, made if need be. NULL with errno set: EINVAL, ENOMEM. */
struct v4l2_queue_buffer *v4l2_queue_buffer(struct v4l2_queue *queue, uint32_t index);
/* The buffer of that number if there is one, or NULL. */
struct v4l2_queue_buffer *v4l2_queue_find(const struct v4l2_queue *queue, uint32_t index);
/* The plane to which the host gave that offset, or NULL. */
struct plane *v4l2_queue_plane(const struct v4l2_queue *queue, uint32_t offset);
/* The host has let go of every buffer: takes back what the guest was not told yet. */
void v4l2_queue_stop(struct v4l2_queue *queue, struct event_queue *events);
/* There are no buffers any more; what the guest has mapped stays for it. */
void v4l2_queue_clear(struct v4l2_queue *queue, struct event_queue *events,
                      const struct v4l2_calls *calls);
/* Frees one buffer that nobody has. */
void v4l2_queue_forget(struct v4l2_queue *queue, uint32_t index, const struct v4l2_calls *calls);
/* The host has given a buffer back: tells the guest. Nothing if the host did not have it. */
void v4l2_queue_done(struct v4l2_queue *queue, uint32_t session, struct event_queue *events,
                     const struct v4l2_buffer *buffer, const struct v4l2_plane *planes);
/* The node is gone, or its queue broken: gives back every buffer that the host has, as errors. */
void v4l2_queue_fail(struct v4l2_queue *queue, uint32_t session, struct event_queue *events);
/* Corrects what the host says of a buffer, for the guest. 'planes' are those of a multi-planar one.
 */
void v4l2_queue_describe(const struct v4l2_queue *queue, struct v4l2_buffer *buffer,
                         struct v4l2_plane *planes);
/* Copies a frame out of the host's memory, or into it, where that has to be. Any thread. 0 or
 * -errno. */
int v4l2_queue_copy(const struct v4l2_queue *queue, const struct v4l2_buffer *buffer,
                    const struct v4l2_plane *planes);

#endif
