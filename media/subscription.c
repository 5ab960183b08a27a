/* SPDX-License-Identifier: MIT */
#include "media/subscription.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "media/estate.h"
#include "media/media.h"

static struct subscription *find(const struct session *session, uint32_t type, uint32_t id)
{
    struct subscription *subscription;

    LIST_FOREACH(subscription, &session->subscriptions, entry)
    if (subscription->type == type && subscription->id == id)
        return subscription;
    return NULL;
}

bool subscription_has(const struct session *session, const struct v4l2_event_subscription *wish)
{
    return find(session, wish->type, wish->id) != NULL;
}

static void event_changed(struct event *event)
{
    struct subscription *subscription =
        (struct subscription *)(void *)((char *)event - offsetof(struct subscription, event));
    struct session *session = subscription->session;

    estate_subscription(&session->context->media->estate, session, subscription);
}

int subscription_add(struct session *session, const struct v4l2_event_subscription *wish)
{
    struct subscription *subscription = find(session, wish->type, wish->id);
    int r;

    if (subscription != NULL)
        return 0;
    if (session->subscription_count >= SUBSCRIPTION_MAX)
        return -ENOSPC;
    r = quota_take(&session->quotas[MEDIA_QUOTA_SUBSCRIPTIONS], 1);
    if (r != 0)
        return r;
    subscription = calloc(1, sizeof(*subscription));
    if (subscription == NULL) {
        quota_give(&session->quotas[MEDIA_QUOTA_SUBSCRIPTIONS], 1);
        return -ENOMEM;
    }
    subscription->type = wish->type;
    subscription->id = wish->id;
    subscription->flags = wish->flags;
    subscription->event.note = subscription->event.sent = event_changed;
    subscription->session = session;
    LIST_INSERT_HEAD(&session->subscriptions, subscription, entry);
    session->subscription_count++;
    if (session->context != NULL)
        estate_subscription(&session->context->media->estate, session, subscription);
    return 0;
}

static void drop(struct session *session, struct event_queue *events,
                 struct subscription *subscription)
{
    event_queue_remove(events, &subscription->event);
    if (events->estate != NULL)
        estate_subscription_gone(events->estate, subscription);
    LIST_REMOVE(subscription, entry);
    quota_give(&session->quotas[MEDIA_QUOTA_SUBSCRIPTIONS], 1);
    session->subscription_count--;
    free(subscription);
}

void subscription_clear(struct session *session, struct event_queue *events)
{
    struct subscription *subscription;

    while ((subscription = LIST_FIRST(&session->subscriptions)) != NULL)
        drop(session, events, subscription);
}

void subscription_remove(struct session *session, struct event_queue *events,
                         const struct v4l2_event_subscription *wish)
{
    struct subscription *subscription;

    if (wish->type == V4L2_EVENT_ALL) {
        subscription_clear(session, events);
        return;
    }
    subscription = find(session, wish->type, wish->id);
    if (subscription != NULL)
        drop(session, events, subscription);
}

/* The newer event counts, with what the older one said had changed. */
static void merge(const struct v4l2_event *older, struct v4l2_event *newer)
{
    if (newer->type == V4L2_EVENT_CTRL)
        newer->u.ctrl.changes |= older->u.ctrl.changes;
    else if (newer->type == V4L2_EVENT_SOURCE_CHANGE)
        newer->u.src_change.changes |= older->u.src_change.changes;
}

static void tell(struct session *session, struct event_queue *events,
                 struct subscription *subscription, const struct v4l2_event *event)
{
    struct virtio_media_event_event *wire = &subscription->event.u.event;
    struct v4l2_event now = *event;

    clock_gettime(CLOCK_MONOTONIC, &now.timestamp);
    now.sequence = session->event_sequence++;
    if (subscription->event.waiting)
        merge(&wire->event, &now);
    wire->hdr = (struct virtio_media_event_header){.event = VIRTIO_MEDIA_EVT_EVENT,
                                                   .session_id = session->id.id};
    wire->event = now;
    subscription->event.size = sizeof(*wire);
    estate_session_counts(session->context->media, session);
    if (subscription->event.waiting)
        estate_subscription(events->estate, session, subscription);
    else
        event_queue_add(events, &subscription->event);
}

void subscription_raise_one(struct session *session, struct event_queue *events,
                            const struct v4l2_event *event)
{
    struct subscription *subscription = find(session, event->type, event->id);

    if (subscription != NULL)
        tell(session, events, subscription, event);
}

void subscription_raise(struct context *context, const struct session *cause,
                        const struct v4l2_event *event)
{
    struct media *media = context->media;
    struct session *session = session_first(&media->sessions);

    for (; session != NULL; session = session_next(session)) {
        struct subscription *subscription = find(session, event->type, event->id);

        if (session->context != context || subscription == NULL)
            continue;
        if (session == cause && !(subscription->flags & V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK))
            continue;
        tell(session, &media->events, subscription, event);
    }
}
