/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_SUBSCRIPTION_H
#define MEDIA_SUBSCRIPTION_H

#include <stdbool.h>

#include <bsd/sys/queue.h>
#include <linux/videodev2.h>

#include "media/event_queue.h"

struct context;
struct session;

/*
 * A session's wish to be told of one type of event (VIDIOC_SUBSCRIBE_EVENT). It holds one event: if
 * another comes before the guest has taken the first, the two become one, as Linux has it for
 * drivers that give a queue of one (v4l2_ctrl_merge, source changes ORed; else the newer counts).
 * So there are never more events than subscriptions.
 */
struct subscription {
    LIST_ENTRY(subscription) entry; // session::subscriptions
    uint32_t type, id, flags;       /* V4L2_EVENT_*, V4L2_EVENT_SUB_FL_* */
    struct session *session;        /* whose it is */
    struct event event;
};

LIST_HEAD(subscription_list, subscription);

/* A session has no more of them. */
#define SUBSCRIPTION_MAX 512u

/* Whether the session has this one. */
bool subscription_has(const struct session *session, const struct v4l2_event_subscription *wish);
/* Adds one; nothing if it is there. 0, -ENOMEM, -EDQUOT, or -ENOSPC beyond SUBSCRIPTION_MAX. */
int subscription_add(struct session *session, const struct v4l2_event_subscription *wish);
/* Removes it, with an event that was not sent; V4L2_EVENT_ALL removes all. Nothing if there is
 * none. */
void subscription_remove(struct session *session, struct event_queue *events,
                         const struct v4l2_event_subscription *wish);
/* Removes all. */
void subscription_clear(struct session *session, struct event_queue *events);

/* Tells every session of 'context' that wants to know; 'event' needs its type, id and union. If
 * 'cause' is not NULL, it caused the event and is told only if it asked for that
 * (V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK). */
void subscription_raise(struct context *context, const struct session *cause,
                        const struct v4l2_event *event);
/* Tells this session alone, if it wants to know. */
void subscription_raise_one(struct session *session, struct event_queue *events,
                            const struct v4l2_event *event);

#endif
