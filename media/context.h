/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_CONTEXT_H
#define MEDIA_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "media/buffer_queue.h"
#include "media/control_set.h"

/*
 * What a session's ioctls act on: formats, controls, and one queue of buffers or two. A camera's
 * context is the node's, and one for all sessions, as V4L2 has it: who sets a format sets it for
 * all, and who owns the buffers shuts the others out. A codec's context belongs to the session that
 * opened it.
 *
 * The device keeps the rules that V4L2 has for every driver (types checked, buffers owned, queued
 * and dequeued, events subscribed); a context says what there is, and works on the buffers while a
 * queue streams.
 */
struct context;
struct estate_tally;
struct ioctl_call;
struct json_text;
struct media;
struct session;

/* Where a function is NULL, the ioctl does not exist (-ENOTTY). Each returns 0 or the -errno that
 * V4L2 names. 'queue' is the one of the ioctl's buffer type. */
struct context_impl {
    /* Ends the opening of a session on a thread: -EINPROGRESS, and context_started comes later; or
     * 0 or -errno at once. NULL: nothing takes long. */
    int (*start)(struct context *context);
    /* Fills in the format number desc->index; index and type are there, the rest is zero. */
    int (*enum_fmt)(struct context *context, struct buffer_queue *queue, struct v4l2_fmtdesc *desc);
    /* What an ioctl answers is in format->fmt, zeroed before g_fmt; in try_fmt and s_fmt the wish
     * lies there, and every byte of it is to be overwritten. s_fmt comes only while the queue has
     * no buffers. */
    int (*g_fmt)(struct context *context, struct buffer_queue *queue, struct v4l2_format *format);
    int (*try_fmt)(struct context *context, struct buffer_queue *queue, struct v4l2_format *format);
    int (*s_fmt)(struct context *context, struct buffer_queue *queue, struct v4l2_format *format);
    int (*enum_framesizes)(struct context *context, struct v4l2_frmsizeenum *sizes);
    int (*enum_frameintervals)(struct context *context, struct v4l2_frmivalenum *intervals);
    /* s_parm comes only while the queue does not stream. */
    int (*g_parm)(struct context *context, struct buffer_queue *queue,
                  struct v4l2_streamparm *parm);
    int (*s_parm)(struct context *context, struct buffer_queue *queue,
                  struct v4l2_streamparm *parm);
    int (*g_selection)(struct context *context, struct v4l2_selection *selection);
    int (*s_selection)(struct context *context, struct v4l2_selection *selection);
    int (*decoder_cmd)(struct context *context, struct v4l2_decoder_cmd *cmd, bool only_try);
    int (*encoder_cmd)(struct context *context, struct v4l2_encoder_cmd *cmd, bool only_try);
    /* The planes of a buffer for the format in force. */
    void (*layout)(struct context *context, const struct buffer_queue *queue,
                   struct buffer_layout *layout);
    /* Whether events of this type can ever come, V4L2_EVENT_CTRL apart. NULL: none. */
    bool (*has_event)(struct context *context, uint32_t type, uint32_t id);
    /* A session has subscribed, and asks for the state of things at once
     * (V4L2_EVENT_SUB_FL_SEND_INITIAL). May be NULL. */
    void (*send_initial)(struct context *context, struct session *session, uint32_t type,
                         uint32_t id);
    /*
     * Whether a thread works on its buffers now. Then ioctls that would take the buffers away wait,
     * all the requests behind them too, and are done when context_settled is called. NULL: never.
     */
    bool (*busy)(struct context *context);
    /* Instead of all the above: runs the ioctl itself. -EINPROGRESS: context_answer comes later.
     * NULL for every context but a proxy's. */
    int (*ioctl)(struct context *context, struct ioctl_call *call);
    /* Adds what it has of queues, an object each, to an array that is open, for a person. NULL: all
     * are in 'capture' and 'output'. */
    void (*list)(const struct context *context, struct json_text *to);
    /* The plane that QUERYBUF gave this mem_offset to, if the queues do not know; NULL: none. */
    struct plane *(*plane)(struct context *context, uint32_t offset);
    /* Writes what the worker after this one needs to go on, beside controls, queues and buffers.
     * Returns how many bytes, at most CONTEXT_MAX_ESTATE; 'to' is aligned to 8. NULL: nothing. */
    size_t (*leave)(const struct context *context, void *to);
    /* Takes over what another worker has left, and trusts none of it: 0 or -errno. The queues have
     * no buffers yet; when they have theirs, those that streamed are started anew (their
     * buffer_queue_ops.start), and resumed comes, in which a stream finds its place. */
    int (*resume)(struct context *context, const void *from, size_t size);
    void (*resumed)(struct context *context);
    /* Takes over a record that estate_part made, after 'resume': 0 or -errno. 'tally' is for
     * estate_remember. NULL: it makes none. */
    int (*resume_part)(struct context *context, uint32_t handle, const void *from, size_t size,
                       struct estate_tally *tally);
};

/* context_impl.leave, and estate_part, write at most so many bytes. */
#define CONTEXT_MAX_ESTATE 1024u

struct context {
    const struct context_impl *impl;
    uint32_t id;                  /* of the session whose it is; 0: of all */
    uint32_t record;              /* in the estate */
    struct media *media;          /* borrowed */
    const char *input;            /* the name of its one camera input; NULL: it has no inputs */
    struct buffer_queue *capture; /* borrowed; NULL where there is none */
    struct buffer_queue *output;  /* borrowed; NULL where there is none */
    struct control_set *controls; /* borrowed; NULL where there are none */
};

/* Who waits for contexts: the request in hand. Each does nothing if it waits for something else. */
struct context_waiter {
    void (*settled)(struct media *media);
    void (*answered)(struct media *media, int result, size_t tail_answer);
    void (*started)(struct media *media, int result);
};

/* The queue of that V4L2_BUF_TYPE_*, or NULL. */
struct buffer_queue *context_queue(const struct context *context, uint32_t type);
/* The plane that QUERYBUF described with this mem_offset to 'session', or NULL: it has to own the
 * buffers. */
struct plane *context_plane(struct context *context, uint32_t session, uint32_t offset);
/* The session closes: stops and frees what it owns. */
void context_forsake(struct context *context, uint32_t session);
/* No thread works on the buffers any more: does the ioctl that waited for it. From the loop only,
 * when the results are in order: the ioctl may stop the stream from within. */
void context_settled(struct context *context);
/* The answer to an ioctl that returned -EINPROGRESS: 0 or -errno. The payload in call.payload and
 * call.tail is as it is to be sent. From the loop only. */
void context_answer(struct context *context, int result, size_t tail_answer);
/* context_impl.start has come to 'result', 0 or -errno: with an error the session closes from
 * within, and the context is gone. From the loop only. */
void context_started(struct context *context, int result);

#endif
