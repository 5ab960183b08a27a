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
 * The buffers of one V4L2 queue, with the rules that Linux's videobuf2 gives them: one session owns
 * the queue from its first buffer to REQBUFS(0) or its close, a buffer is with the guest, queued,
 * worked on, or done. Done means that its dequeue event waits for the guest's event buffer. Their
 * memory is ours (MMAP) or, where 'takes_user' says so, the guest's (USERPTR).
 *
 * A capture queue's buffers come empty and go full, an output queue's come full and go empty.
 */
#define BUFFER_QUEUE_MAX VIDEO_MAX_FRAME

enum queue_buffer_state {
    QUEUE_BUFFER_IDLE,     /* the guest's */
    QUEUE_BUFFER_PREPARED, /* the guest's, after PREPARE_BUF */
    QUEUE_BUFFER_QUEUED,
    QUEUE_BUFFER_ACTIVE, /* queued still, for the guest; somebody works on it */
    QUEUE_BUFFER_DONE,
};

struct queue_buffer {
    uint32_t index;
    enum queue_buffer_state state;
    unsigned planes;
    /* Held. Of a user buffer NULL until it was queued once, and another one whenever the guest
     * queues it with other memory: whoever works on buffers leaves a plane alone once it is done.
     */
    struct plane *plane[VIDEO_MAX_PLANES];
    uint32_t least[VIDEO_MAX_PLANES];   /* bytes that each plane must have */
    uint64_t userptr[VIDEO_MAX_PLANES]; /* what a user buffer's planes are called in the guest */
    /* Of a capture buffer when it is done, of an output buffer since it was queued. */
    uint32_t bytesused[VIDEO_MAX_PLANES];
    uint32_t data_offset[VIDEO_MAX_PLANES]; /* where the guest's data begin; output only */
    uint64_t timestamp;                     /* ns */
    uint64_t queued_order;                  /* among the queued ones */
    uint32_t sequence;
    uint32_t flags; /* V4L2_BUF_FLAG_* beside those of state, mapping and timestamp: ERROR, LAST,
                       KEYFRAME, ... */
    struct buffer_queue *queue;      /* whose it is */
    struct event event;              /* its dequeue event */
    TAILQ_ENTRY(queue_buffer) entry; // buffer_queue::queued
};

struct buffer_queue;

TAILQ_HEAD(queue_buffer_list, queue_buffer);

/* Who works on the buffers. */
struct buffer_queue_ops {
    /* STREAMON. 0 or -errno. */
    int (*start)(struct buffer_queue *queue);
    /* The end of the stream: takes no buffer any more after this, and keeps none. */
    void (*stop)(struct buffer_queue *queue);
    /* A buffer was queued while it streams; NULL: nobody wants to know. */
    void (*queued)(struct buffer_queue *queue);
};

struct buffer_queue {
    struct window *window;      /* borrowed */
    struct event_queue *events; /* borrowed */
    const struct buffer_queue_ops *ops;
    void *data;              /* for ops */
    uint32_t type;           /* V4L2_BUF_TYPE_* */
    uint32_t timestamp_flag; /* V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, or _COPY */
    uint32_t least;          /* REQBUFS gives at least so many buffers */
    uint32_t cookies;        /* its buffers' mem_offsets begin here */
    uint32_t context;        /* context::id */
    uint32_t record;         /* in the estate */
    unsigned resume_count;   /* buffers that another worker left */
    bool resume_streams;     /* and that it streamed */
    bool takes_user;         /* USERPTR will do: nobody looks at a plane once it is done */
    bool user;               /* the buffers that there are are USERPTR's */
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
    bool user;                       /* the guest has the memory, and gives it with QBUF */
};

/* A queue of a camera. For a codec's, set timestamp_flag, least and cookies after it; takes_user
 * where it will do. */
void buffer_queue_init(struct buffer_queue *queue, uint32_t type, struct window *window,
                       struct event_queue *events, const struct buffer_queue_ops *ops, void *data);
/* Stops and frees all; planes that the guest has mapped live on in the window. Also finishes it. */
void buffer_queue_clear(struct buffer_queue *queue);

/* Whether another session has the queue: -EBUSY, else 0. */
int buffer_queue_check_owner(const struct buffer_queue *queue, uint32_t session);
/* VIDIOC_REQBUFS: frees what there is (buffers that the guest has mapped live on until unmapped),
 * then allocates up to *count buffers and says how many. Count 0 stops the stream too. -EBUSY when
 * another session owns it, or it streams; -EDQUOT or -ENOMEM when not one could be had. Of user
 * memory only where the queue takes it. */
int buffer_queue_request(struct buffer_queue *queue, uint32_t session, uint32_t *count,
                         const struct buffer_layout *layout);
/* VIDIOC_CREATE_BUFS: adds up to *count buffers; *first is the first one's index. -EBUSY, -EDQUOT,
 * -ENOMEM, -ENOBUFS when the queue is full, -EINVAL when there are buffers of other memory. */
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

/* VIDIOC_QBUF and VIDIOC_PREPARE_BUF, as the guest gave them: 'planes' are those of a multi-planar
 * type. A user buffer has its planes already (user_plane_set). What was said of a prepared buffer
 * stands. -EINVAL when the buffer is not the guest's (any more), or an output buffer's data are not
 * inside of it. */
int buffer_queue_put(struct buffer_queue *queue, struct queue_buffer *buffer,
                     const struct v4l2_buffer *given, const struct v4l2_plane *planes);
int buffer_queue_prepare(struct buffer_queue *queue, struct queue_buffer *buffer,
                         const struct v4l2_buffer *given, const struct v4l2_plane *planes);
/* VIDIOC_STREAMON: -EINVAL without buffers; 0 when it streams already. */
int buffer_queue_start(struct buffer_queue *queue);
/* VIDIOC_STREAMOFF: every buffer is the guest's again, dequeue events that were not sent are not.
 */
void buffer_queue_stop(struct buffer_queue *queue);

/* For whoever works on buffers: the oldest queued one, or NULL. It stays queued. */
struct queue_buffer *buffer_queue_next(const struct buffer_queue *queue);
/* Takes the oldest queued one to work on; NULL if there is none. It goes back by one of the two
 * below, or with the end of the stream. */
struct queue_buffer *buffer_queue_take(struct buffer_queue *queue);
/* Takes this one, which is queued. */
void buffer_queue_take_this(struct buffer_queue *queue, struct queue_buffer *buffer);
/* It is queued again, before all others. */
void buffer_queue_untake(struct buffer_queue *queue, struct queue_buffer *buffer);
/* Gives a taken buffer to the guest through a dequeue event. Its sequence, timestamp and flags are
 * set, and bytesused, unless V4L2_BUF_FLAG_ERROR is among the flags of a capture buffer. */
void buffer_queue_done(struct buffer_queue *queue, struct queue_buffer *buffer);

/* Enters a buffer into the estate: its event's note. */
void buffer_queue_note(struct event *event);
/* The id that the memory of a plane goes by. */
uint32_t buffer_queue_cookie(const struct buffer_queue *queue, uint32_t index, unsigned plane);
/* It is done, and its event is made, but given to nobody yet. */
void buffer_queue_redo(struct buffer_queue *queue, struct queue_buffer *buffer);

/* A buffer of the queue that has no planes yet; it is in no list. NULL with errno set. */
struct queue_buffer *buffer_queue_blank(struct buffer_queue *queue, uint32_t index);
/* Ends one with its planes, which live on where the guest has them mapped. */
void buffer_queue_release(struct queue_buffer *buffer);

/* buffer_queue_resume.c, for whoever goes on after another worker. */

/* Makes a buffer that has 'planes' planes to come. NULL with errno set. */
struct queue_buffer *buffer_queue_restore(struct buffer_queue *queue, uint32_t index,
                                          unsigned planes);
/* It was not to be. */
void buffer_queue_unrestore(struct buffer_queue *queue, struct queue_buffer *buffer);
/*
 * All buffers of 'resume_count' are there, in the states that they had: goes on with them. A buffer
 * that was worked on is queued again if it is a capture buffer, and comes back with
 * V4L2_BUF_FLAG_ERROR (*lost counts them) if it is an output buffer, whose bytes may have been what
 * the other worker died of. Starts the stream if it ran. 0; -errno: a buffer is missing, and all
 * are freed, or the stream does not start, and all come back so.
 */
int buffer_queue_resume(struct buffer_queue *queue, unsigned *lost);

#endif
