/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_V4L2_CONTEXT_H
#define MEDIA_V4L2_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>
#include <systemd/sd-event.h>

#include "media/context.h"
#include "media/v4l2_node.h"
#include "media/v4l2_queue.h"
#include "media/v4l2_reap.h"
#include "media/v4l2_request.h"
#include "media/v4l2_takeover.h"

struct v4l2_context;

LIST_HEAD(v4l2_context_list, v4l2_context);

/* What all sessions of a proxy share. */
struct v4l2_proxy {
    struct media *media;            /* borrowed */
    const char *path;               /* of the node, borrowed */
    const struct v4l2_calls *calls; /* borrowed; NULL: the system's */
    struct v4l2_lane lane;
    struct v4l2_context_list contexts;
    bool said_mapped, said_copied, said_gone; /* once in the log */
};

/*
 * A session of the guest is an open file of the host's node: what the guest asks is asked of the
 * host, and what the host tells is told to the guest.
 */
struct v4l2_context {
    struct context context; /* first */
    struct v4l2_proxy *proxy;
    LIST_ENTRY(v4l2_context) entry; // v4l2_proxy::contexts
    uint32_t session;               /* its id */
    uint64_t key;                   /* of the node's open file, on the shelf; 0: it is not there */
    struct v4l2_node *node;         /* owned */
    struct v4l2_queue capture, output;
    struct v4l2_work start;        /* opens the node */
    struct v4l2_request request;   /* the ioctl in hand */
    struct v4l2_reap reap;         /* what the host has ready */
    struct v4l2_takeover takeover; /* of another worker's session */
    int start_result;
    bool gone;               /* the node is: unplugged */
    sd_event_source *source; /* of the node; off while something is in the lane */
    sd_event_source *rest;   /* the end of a pause after the node had nothing to tell */
    bool resting;
};

/* A session whose node is opened by context_impl.start. NULL with errno set. */
struct v4l2_context *v4l2_context_create(struct v4l2_proxy *proxy, uint32_t session);
/* Waits for what a thread does for it. The node is closed in the lane, later. */
void v4l2_context_destroy(struct v4l2_context *context);
/* The lane got something to do, or has nothing any more: listens to the nodes meanwhile. Their
 * drivers take one lock to be asked what is ready and to do anything else, and the loop must not
 * wait for it. */
void v4l2_context_listen(struct v4l2_context *context, bool listen);
/* The node is open: makes what listens to it. 0 or -errno. */
int v4l2_context_listen_init(struct v4l2_context *context);
/* The queue of that type, or NULL. */
struct v4l2_queue *v4l2_context_queue(struct v4l2_context *context, uint32_t type);
/* The session itself. */
struct session *v4l2_context_session(const struct v4l2_context *context);
/* The node does not exist any more: every buffer comes back as an error. */
void v4l2_context_lose(struct v4l2_context *context);

#endif
