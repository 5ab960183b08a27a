/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_BUFFER_QUEUE_H
#define MEDIA_BUFFER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>
#include <linux/videodev2.h>

#include "media/event_queue.h"
#include "media/window.h"

/*
 * The buffers of one V4L2 queue, with the rules that Linux's videobuf2 gives them: MMAP memory
 * only, one session owns the queue from its first buffer to REQBUFS(0) or its close, a buffer is
 * with the guest, queued, or done. Done means that its dequeue event waits for the guest's event
 * buffer.
 */
#define BUFFER_QUEUE_MAX VIDEO_MAX_FRAME

enum queue_buffer_state {
    QUEUE_BUFFER_IDLE,     /* the guest's */
    QUEUE_BUFFER_PREPARED, /* the guest's, after PREPARE_BUF */
    QUEUE_BUFFER_QUEUED,
    QUEUE_BUFFER_DONE,
};

struct queue_buffer {
    uint32_t index;
    enum queue_buffer_state state;
    unsigned planes;
    struct plane *plane[VIDEO_MAX_PLANES]; /* held */
    uint32_t bytesused[VIDEO_MAX_PLANES];
    uint64_t timestamp; /* ns of CLOCK_MONOTONIC; 0 unless done */
    uint32_t sequence;
    bool failed;                     /* done without a picture */
    struct event event;              /* its dequeue event */
    TAILQ_ENTRY(queue_buffer) entry; // buffer_queue::queued
};

TAILQ_HEAD(queue_buffer_list, queue_buffer);

/* Who fills the buffers. */
struct buffer_queue_ops {
    int (*start)(void *data); /* 0 or -errno */
    void (*stop)(void *data); /* takes no buffer any more after this */
};

struct buffer_queue {
    struct window *window;      /* borrowed */
    struct event_queue *events; /* borrowed */
    const struct buffer_queue_ops *ops;
    void *data;    /* for ops */
    uint32_t type; /* V4L2_BUF_TYPE_* */
    bool owned;
    uint32_t owner; /* session id, if owned */
    bool streaming;
    unsigned count;
    struct queue_buffer *buffers[BUFFER_QUEUE_MAX];
    struct queue_buffer_list queued; /* oldest first */
};

/* The planes of buffers to allocate. */
struct buffer_layout {
    unsigned planes;
    uint32_t size[VIDEO_MAX_PLANES]; /* bytes, not 0 */
};

void buffer_queue_init(struct buffer_queue *queue, uint32_t type, struct window *window,
                       struct event_queue *events, const struct buffer_queue_ops *ops, void *data);
/* Stops and frees all; planes that the guest has mapped live on in the window. Also finishes it. */
void buffer_queue_clear(struct buffer_queue *queue);

/* Whether another session has the queue: -EBUSY, else 0. */
int buffer_queue_check_owner(const struct buffer_queue *queue, uint32_t session);
/* VIDIOC_REQBUFS: frees what there is (buffers that the guest has mapped live on until unmapped),
 * then allocates up to *count buffers and says how many. Count 0 stops the stream too. -EBUSY when
 * another session owns it, or it streams; -ENOMEM when not one could be had. */
int buffer_queue_request(struct buffer_queue *queue, uint32_t session, uint32_t *count,
                         const struct buffer_layout *layout);
/* VIDIOC_CREATE_BUFS: adds up to *count buffers; *first is the first one's index. -EBUSY, -ENOMEM,
 * and -ENOBUFS when the queue is full. */
int buffer_queue_add(struct buffer_queue *queue, uint32_t session, uint32_t *count, uint32_t *first,
                     const struct buffer_layout *layout);
/* The session closed: if it owns the queue, stops the stream and frees the buffers. */
void buffer_queue_forsake(struct buffer_queue *queue, uint32_t session);

/* The buffer of that index, or NULL. */
struct queue_buffer *buffer_queue_get(const struct buffer_queue *queue, uint32_t index);
/* The plane that QUERYBUF described with this mem_offset, or NULL. */
struct plane *buffer_queue_plane(const struct buffer_queue *queue, uint32_t offset);
/* VIDIOC_QUERYBUF's answer. 'planes' takes queue_buffer::planes entries; NULL for single-planar
 * types. */
void buffer_queue_describe(const struct buffer_queue *queue, const struct queue_buffer *buffer,
                           struct v4l2_buffer *to, struct v4l2_plane *planes);

/* VIDIOC_QBUF and VIDIOC_PREPARE_BUF. -EINVAL when the buffer is not the guest's (any more). */
int buffer_queue_put(struct buffer_queue *queue, struct queue_buffer *buffer);
int buffer_queue_prepare(struct buffer_queue *queue, struct queue_buffer *buffer);
/* VIDIOC_STREAMON: -EINVAL without buffers; 0 when it streams already. */
int buffer_queue_start(struct buffer_queue *queue);
/* VIDIOC_STREAMOFF: every buffer is the guest's again, dequeue events that were not sent are not.
 */
void buffer_queue_stop(struct buffer_queue *queue);

/* For whoever fills buffers: the oldest queued one, or NULL. It stays queued until
 * buffer_queue_done. */
struct queue_buffer *buffer_queue_next(const struct buffer_queue *queue);
/* Gives a queued buffer back to the guest through a dequeue event; bytesused is set, unless
 * 'failed'. */
void buffer_queue_done(struct buffer_queue *queue, struct queue_buffer *buffer, uint32_t sequence,
                       uint64_t timestamp, bool failed);

#endif
