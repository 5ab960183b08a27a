/* SPDX-License-Identifier: MIT */
#include "media/estate_parts.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>

#include "base/log.h"
#include "buffer/arena.h"
#include "media/media.h"
#include "media/subscription.h"

/* ---- what is in flight ---- */

/* Decides about the answer that our predecessor was about to give in a queue that does not run yet.
 */
static void settle_ring(struct media *media, unsigned index)
{
    struct device_host *host = media->device.host;
    struct ring_record *record = host->queues[index].record;
    uint16_t used;

    if (record != NULL && record->answering != 0 &&
        guest_memory_read(host->memory, record->place.used + 2, &used, sizeof(used)))
        ring_record_settle(record, le16toh(used));
}

/* Whether the request is in flight: its driver has not got it back. */
static bool flies(const struct media *media, unsigned index, uint64_t tag)
{
    const struct ring_record *record = media->device.host->queues[index].record;
    unsigned size = record != NULL ? record->place.size : 0;

    for (unsigned i = 0; i < size && i < RING_RECORD_HEADS; i++)
        if (record->flights[i] == tag && tag > record->since && tag <= record->taken)
            return true;
    return false;
}

/* Whether the event of a record went out. */
bool estate_was_sent(const struct media *media, const struct estate_event *event)
{
    return event->sent != 0 && !flies(media, VIRTIO_MEDIA_EVENTQ, event->sent);
}

int estate_remember(struct estate_tally *tally, struct event *event, uint64_t order)
{
    if (tally->count == tally->room) {
        size_t room = tally->room == 0 ? 64 : tally->room * 2;
        struct event **more = reallocarray(tally->waiting, room, sizeof(struct event *));

        if (more == NULL)
            return -ENOMEM;
        tally->waiting = more;
        tally->room = room;
    }
    event->order = order;
    tally->waiting[tally->count++] = event;
    return 0;
}

/* ---- sessions ---- */

static int restore_device(struct media *media, struct store *store, uint32_t handle,
                          struct estate_tally *tally)
{
    struct estate_device record;

    if (media->estate.device != 0 || !store_read_whole(store, handle, &record, sizeof(record)))
        return -EINVAL;
    media->estate.device = handle;
    if (record.next_session > 0 && record.next_session <= UINT32_MAX)
        media->sessions.next = (uint32_t)record.next_session;
    return 0;
}

static int restore_session(struct media *media, struct store *store, uint32_t handle,
                           struct estate_tally *tally)
{
    struct estate_session record;
    struct session *session;
    int r;

    if (!store_read_whole(store, handle, &record, sizeof(record)))
        return -EINVAL;
    session = session_restore(&media->sessions, store_id(store, handle));
    if (session == NULL)
        return -errno;
    session->context = media->kind->ops->open(media->kind, session->id.id);
    if (session->context == NULL) {
        r = -errno;
        session_close(&media->sessions, session);
        return r;
    }
    session->event_sequence = (uint32_t)record.event_sequence;
    session->record = handle;
    tally->sessions++;
    return 0;
}

static int restore_subscription(struct media *media, struct store *store, uint32_t handle,
                                struct estate_tally *tally)
{
    struct session *session = session_find(&media->sessions, store_id(store, handle));
    struct virtio_media_event_event *wire;
    struct estate_subscription record;
    struct subscription *subscription;
    struct v4l2_event_subscription wish;
    int r;

    if (session == NULL || !store_read_whole(store, handle, &record, sizeof(record)))
        return -EINVAL;
    wish = (struct v4l2_event_subscription){
        .type = record.type, .id = record.id, .flags = record.flags};
    if (subscription_has(session, &wish))
        return -EEXIST;
    r = subscription_add(session, &wish);
    if (r != 0)
        return r;
    subscription = LIST_FIRST(&session->subscriptions);
    subscription->event.record = handle;
    if (!record.waiting || estate_was_sent(media, &record.event))
        return 0;
    wire = &subscription->event.u.event;
    wire->hdr = (struct virtio_media_event_header){.event = VIRTIO_MEDIA_EVT_EVENT,
                                                   .session_id = session->id.id};
    wire->event = record.what;
    wire->event.type = record.type;
    wire->event.id = record.id;
    subscription->event.size = sizeof(*wire);
    if (wire->event.sequence >= session->event_sequence)
        session->event_sequence = wire->event.sequence + 1;
    return estate_remember(tally, &subscription->event, record.event.order);
}

/* ---- what goes on ---- */

static int by_order(const void *a, const void *b)
{
    const struct event *first = *(struct event *const *)a, *second = *(struct event *const *)b;

    return (first->order > second->order) - (first->order < second->order);
}

/* Events go out in their order when the ring runs. */
static void place_events(struct media *media, struct estate_tally *tally)
{
    struct event_queue *events = &media->events;

    if (tally->count > 0) /* qsort would ask for more than a worker may */
        heapsort(tally->waiting, tally->count, sizeof(struct event *), by_order);
    for (size_t i = 0; i < tally->count; i++) {
        struct event *event = tally->waiting[i];

        TAILQ_INSERT_TAIL(&events->waiting, event, entry);
        event->waiting = true;
        if (event->order > events->order && event->order < UINT64_MAX / 2)
            events->order = event->order;
        if (event->record != 0) /* the buffer that it was to go out in is another event's now */
            __atomic_store_n(store_word(media->estate.store, event->record, 0), 0,
                             __ATOMIC_RELEASE);
    }
    free(tally->waiting);
}

static void go_on(struct media *media, struct buffer_queue *queue, struct estate_tally *tally)
{
    unsigned lost;
    int r;

    if (queue == NULL || queue->record == 0)
        return;
    r = buffer_queue_resume(queue, &lost);
    tally->lost += lost;
    tally->streams += queue->streaming;
    if (r != 0)
        log_warning("The stream of session %u cannot go on (%d): its buffers come back as errors.",
                    queue->owner, -r);
}

static void contexts_go_on(struct media *media, struct context *context, struct estate_tally *tally)
{
    go_on(media, context->output, tally);
    go_on(media, context->capture, tally);
    if (context->impl->resumed != NULL)
        context->impl->resumed(context);
}

static void all_go_on(struct media *media, struct estate_tally *tally)
{
    struct session *session = session_first(&media->sessions);

    if (media->kind->shared != NULL) {
        contexts_go_on(media, media->kind->shared, tally);
        return;
    }
    for (; session != NULL; session = session_next(session))
        contexts_go_on(media, session->context, tally);
}

/* ---- all of it ---- */

static const struct {
    enum estate_kind kind;
    estate_restorer *restore;
    const char *name;
} restorers[] = {
    {ESTATE_DEVICE, restore_device, "device"},
    {ESTATE_SESSION, restore_session, "session"},
    {ESTATE_SUBSCRIPTION, restore_subscription, "subscription"},
    {ESTATE_CONTEXT, estate_restore_context, "context"},
    {ESTATE_CONTROLS, estate_restore_controls, "set of controls"},
    {ESTATE_MAPPING, estate_restore_mapping, "mapping"},
    {ESTATE_QUEUE, estate_restore_queue, "queue"},
    {ESTATE_BUFFER, estate_restore_buffer, "buffer"},
    {ESTATE_PART, estate_restore_part, "part of a session"},
};

static void restore_all(struct media *media, struct estate_tally *tally)
{
    struct store *store = media->estate.store;

    for (size_t i = 0; i < sizeof(restorers) / sizeof(restorers[0]); i++) {
        uint32_t handle = 0;

        while (store_next(store, restorers[i].kind, &handle)) {
            uint32_t bad = handle;
            int r = restorers[i].restore(media, store, handle, tally);

            if (r == 0)
                continue;
            device_cannot_resume(media->device.host, r);
            log_stranger("A %s that was left (%u) cannot be: error %d.", restorers[i].name,
                         store_id(store, handle), -r);
            tally->bad++;
            store_erase(store, &bad);
        }
    }
}

/* Answers that the driver has got. */
static void forget_answers(struct media *media)
{
    struct store *store = media->estate.store;
    struct estate_answer head;
    uint32_t handle = 0;

    while (store_next(store, ESTATE_ANSWER, &handle)) {
        uint32_t old = handle;

        if (store_read(store, handle, &head, sizeof(head)) != sizeof(head) ||
            !flies(media, VIRTIO_MEDIA_COMMANDQ, head.tag))
            store_erase(store, &old);
    }
}

void estate_resume(struct media *media)
{
    struct estate *estate = &media->estate;
    struct exporter *exporter = media->device.host->exporter;
    struct estate_tally tally = {0};

    if (estate->store == NULL)
        return;
    estate->muted = true;
    settle_ring(media, VIRTIO_MEDIA_COMMANDQ);
    settle_ring(media, VIRTIO_MEDIA_EVENTQ);
    restore_all(media, &tally);
    forget_answers(media);
    if (exporter->kind == EXPORTER_ARENA)
        arena_punch_gaps(exporter->arena);
    place_events(media, &tally);
    estate->muted = false;
    event_queue_hold(&media->events, true); /* no ring runs */
    all_go_on(media, &tally);
    media->events.held = false;
    store_commit(estate->store);
    media_show_sessions(media);
    log_info("Another worker's %u sessions go on, with %u buffers, %u mappings and %u streams; "
             "%u buffers came back as errors, %u records were damaged.",
             tally.sessions, tally.buffers, tally.mappings, tally.streams, tally.lost, tally.bad);
}
