/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_V4L2_REQUEST_H
#define MEDIA_V4L2_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "media/ioctl.h"
#include "media/v4l2_controls.h"
#include "media/v4l2_lane.h"
#include "media/v4l2_user.h"

struct buffer;
struct v4l2_context;
struct v4l2_queue;
struct v4l2_queue_buffer;

/* Events that a subscription brings at once (V4L2_EVENT_SUB_FL_SEND_INITIAL). */
#define V4L2_REQUEST_EVENTS 8u

/*
 * An ioctl of the guest, asked of the host. Pointers and descriptors in it are the guest's: none
 * reaches the host, ours take their place. So only ioctls that are known are passed on.
 */
struct v4l2_request {
    struct v4l2_work work;
    struct v4l2_context *context;
    struct ioctl_call *call;  /* borrowed; its payload is changed in place */
    unsigned long code;       /* as the system call has it */
    struct v4l2_queue *queue; /* whose buffers it is about, or NULL */
    int result;               /* 0 or -errno */
    size_t tail_answer;
    struct v4l2_plane planes[VIDEO_MAX_PLANES];
    struct v4l2_controls controls;
    bool is_done;     /* the host has done it for a worker before us: it is answered only */
    unsigned surplus; /* CREATE_BUFS: so many buffers are there already */
    bool anew;        /* SUBSCRIBE_EVENT: nobody knows of this one */
    struct v4l2_queue_buffer *user_buffer; /* QBUF, PREPARE_BUF of USERPTR; else NULL */
    struct v4l2_user user;                 /* what the host is to get for it */
    /* QUERYBUF: the guest's first of this buffer. Of each plane either a descriptor's buffer, or
     * the host's memory, which has to be copied because of 'error'. */
    bool wants_planes;
    struct {
        struct buffer *buffer; /* owned */
        void *map;             /* owned, of 'length' bytes */
        uint32_t length;
    } had[VIDEO_MAX_PLANES];
    int error;
    bool gone;  /* and so is the node */
    bool freed; /* REQBUFS failed, and the buffers are gone all the same */
    unsigned events;
    struct v4l2_event event[V4L2_REQUEST_EVENTS];
};

void v4l2_request_init(struct v4l2_request *request, struct v4l2_context *context);
/* Frees what a request has that was taken back. */
void v4l2_request_finish(struct v4l2_request *request);
/* Asks the host: -EINPROGRESS, and context_answer comes later; or -errno at once. */
int v4l2_request_start(struct v4l2_request *request, struct ioctl_call *call);

/* v4l2_request_check.c: whether a guest may ask that ioctl of the host. */
bool v4l2_request_knows(uint32_t number);
/* Whether it may be asked as it is; takes out what is the guest's alone. 0 or -errno. */
int v4l2_request_check(struct v4l2_request *request);
/* v4l2_request_settle.c: takes note of what the host has said to it, and makes it fit for the
 * guest; may change 'result'. */
void v4l2_request_settle(struct v4l2_request *request);
/* v4l2_request_host.c, on a thread: asks the host. */
void v4l2_request_run(struct v4l2_work *work);

#endif
