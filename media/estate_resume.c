/* SPDX-License-Identifier: MIT */
#include "media/estate.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>

#include "base/log.h"
#include "buffer/arena.h"
#include "media/media.h"
#include "media/subscription.h"

/* What came back, for people, and the events that wait. */
struct tally {
    unsigned sessions, buffers, mappings, streams;
    unsigned lost; /* buffers or streams that were given back as errors */
    unsigned bad;  /* records that cannot be */
    struct event **waiting;
    size_t count, room;
};

/* Brings back what the record 'handle' says. 0, or -errno: it cannot be. */
typedef int restorer(struct media *media, struct store *store, uint32_t handle,
                     struct tally *tally);

static bool read_whole(const struct store *store, uint32_t handle, void *to, size_t size)
{
    return store_size(store, handle) == size && store_read(store, handle, to, size) == size;
}

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
static bool was_sent(const struct media *media, const struct estate_event *event)
{
    return event->sent != 0 && !flies(media, VIRTIO_MEDIA_EVENTQ, event->sent);
}

static int remember(struct tally *tally, struct event *event, uint64_t order)
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
                          struct tally *tally)
{
    struct estate_device record;

    if (media->estate.device != 0 || !read_whole(store, handle, &record, sizeof(record)))
        return -EINVAL;
    media->estate.device = handle;
    if (record.next_session > 0 && record.next_session <= UINT32_MAX)
        media->sessions.next = (uint32_t)record.next_session;
    return 0;
}

static int restore_session(struct media *media, struct store *store, uint32_t handle,
                           struct tally *tally)
{
    struct estate_session record;
    struct session *session;
    int r;

    if (!read_whole(store, handle, &record, sizeof(record)))
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
                                struct tally *tally)
{
    struct session *session = session_find(&media->sessions, store_id(store, handle));
    struct virtio_media_event_event *wire;
    struct estate_subscription record;
    struct subscription *subscription;
    struct v4l2_event_subscription wish;
    int r;

    if (session == NULL || !read_whole(store, handle, &record, sizeof(record)))
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
    if (!record.waiting || was_sent(media, &record.event))
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
    return remember(tally, &subscription->event, record.event.order);
}

/* ---- contexts ---- */

static struct context *context_of(const struct media *media, uint32_t id)
{
    const struct session *session;

    if (media->kind->shared != NULL)
        return id == 0 ? media->kind->shared : NULL;
    session = session_find(&media->sessions, id);
    return session != NULL ? session->context : NULL;
}

static int restore_context(struct media *media, struct store *store, uint32_t handle,
                           struct tally *tally)
{
    struct context *context = context_of(media, store_id(store, handle));
    uint64_t bytes[CONTEXT_MAX_ESTATE / 8];
    size_t size = store_size(store, handle);
    int r;

    if (context == NULL || context->record != 0 || context->impl->resume == NULL ||
        size > sizeof(bytes) || store_read(store, handle, bytes, size) != size)
        return -EINVAL;
    r = context->impl->resume(context, bytes, size);
    if (r == 0)
        context->record = handle;
    return r;
}

static int restore_control(struct control_set *set, const struct estate_control *head,
                           const uint8_t *bytes)
{
    struct control *control = control_set_find(set, head->id);
    int r;

    if (control == NULL || control->size != head->size ||
        control->spec->type == V4L2_CTRL_TYPE_CTRL_CLASS)
        return -EINVAL;
    if (control->size == 0) {
        r = control_stage(control, head->value);
    } else {
        memcpy(control->staged_data, bytes, control->size);
        r = control_stage_data(control, control->size);
    }
    if (r == 0)
        control_apply(control);
    control->staged = false;
    return r;
}

static int restore_values(struct control_set *set, const uint8_t *bytes, size_t size)
{
    struct estate_control head;
    size_t at = 0, data;
    int r = 0;

    while (at < size && r == 0) {
        if (size - at < sizeof(head))
            return -EINVAL;
        memcpy(&head, bytes + at, sizeof(head));
        at += sizeof(head);
        data = ((size_t)head.size + 7) & ~(size_t)7;
        if (data > size - at)
            return -EINVAL;
        r = restore_control(set, &head, bytes + at);
        at += data;
    }
    return r;
}

static int restore_controls(struct media *media, struct store *store, uint32_t handle,
                            struct tally *tally)
{
    struct context *context = context_of(media, store_id(store, handle));
    size_t size = store_size(store, handle);
    uint8_t *bytes;
    int r = -EINVAL;

    if (context == NULL || context->controls == NULL || context->controls->record != 0 ||
        size > (1u << 20))
        return -EINVAL;
    bytes = malloc(size + 1);
    if (bytes == NULL)
        return -ENOMEM;
    if (store_read(store, handle, bytes, size) == size)
        r = restore_values(context->controls, bytes, size);
    free(bytes);
    if (r == 0)
        context->controls->record = handle;
    return r;
}

/* ---- buffers ---- */

static int restore_mapping(struct media *media, struct store *store, uint32_t handle,
                           struct tally *tally)
{
    struct estate_mapping record;
    struct plane *plane;

    if (!read_whole(store, handle, &record, sizeof(record)) || record.mmaps == 0)
        return -EINVAL;
    plane = plane_restore(&media->window, record.place, record.key, record.size, record.mmaps);
    if (plane == NULL)
        return -errno;
    plane->record = handle;
    tally->mappings++;
    return 0;
}

static struct buffer_queue *queue_of(const struct media *media, uint32_t id, uint32_t output)
{
    const struct context *context = context_of(media, id);

    if (context == NULL)
        return NULL;
    return output ? context->output : context->capture;
}

static int restore_queue(struct media *media, struct store *store, uint32_t handle,
                         struct tally *tally)
{
    struct estate_queue record;
    struct buffer_queue *queue;

    if (!read_whole(store, handle, &record, sizeof(record)))
        return -EINVAL;
    queue = queue_of(media, store_id(store, handle), record.output);
    if (queue == NULL || queue->record != 0 || !record.owned || record.count == 0 ||
        record.count > BUFFER_QUEUE_MAX || session_find(&media->sessions, record.owner) == NULL ||
        (record.user && !queue->takes_user))
        return -EINVAL;
    queue->record = handle;
    queue->owned = true;
    queue->owner = record.owner;
    queue->user = record.user != 0;
    queue->resume_count = record.count;
    queue->resume_streams = record.streaming != 0;
    return 0;
}

/* The plane is there when the guest has it mapped. NULL with errno set. */
static struct plane *plane_for(struct media *media, const struct estate_plane *record)
{
    struct plane *plane = window_mapped_at(&media->window, record->place);

    if (plane == NULL) {
        plane = plane_restore(&media->window, record->place, record->key, record->size, 0);
    } else if (plane->held || plane->size != record->size) {
        errno = EEXIST;
        return NULL;
    }
    if (plane != NULL)
        plane->held = true;
    return plane;
}

static int fill_plane(struct media *media, struct buffer_queue *queue, struct queue_buffer *buffer,
                      unsigned i, const struct estate_plane *record)
{
    struct plane *plane;

    if (record->least == 0)
        return -EINVAL;
    buffer->least[i] = record->least;
    buffer->userptr[i] = record->userptr;
    if (queue->user)
        return 0;
    if (record->size < record->least || record->bytesused > record->size ||
        record->data_offset > record->bytesused)
        return -EINVAL;
    plane = plane_for(media, record);
    if (plane == NULL)
        return -errno;
    buffer->plane[i] = plane;
    plane->buffer->id = buffer_queue_cookie(queue, buffer->index, i);
    buffer->bytesused[i] = record->bytesused;
    buffer->data_offset[i] = record->data_offset;
    return 0;
}

/* The format in force has to fit: whoever fills the buffer relies on it. */
static bool fits(const struct context *context, struct buffer_queue *queue,
                 const struct estate_buffer *record)
{
    struct buffer_layout layout;

    context->impl->layout((struct context *)(uintptr_t)context, queue, &layout);
    if (record->planes != layout.planes)
        return false;
    for (unsigned i = 0; i < layout.planes; i++)
        if (record->plane[i].least < layout.size[i] && !queue->user)
            return false;
    return true;
}

static bool read_buffer(const struct store *store, uint32_t handle, struct estate_buffer *record)
{
    size_t head = offsetof(struct estate_buffer, plane), size = store_size(store, handle);

    memset(record, 0, sizeof(*record));
    return size >= head && size <= sizeof(*record) &&
           store_read(store, handle, record, size) == size && record->planes > 0 &&
           record->planes <= VIDEO_MAX_PLANES &&
           size == head + record->planes * sizeof(record->plane[0]) &&
           record->index < BUFFER_QUEUE_MAX && record->state <= QUEUE_BUFFER_DONE;
}

/* The state that it goes on in. 0, or -errno. */
static int restore_state(struct media *media, struct buffer_queue *queue,
                         struct queue_buffer *buffer, const struct estate_buffer *record,
                         struct tally *tally)
{
    buffer->state = (enum queue_buffer_state)record->state;
    buffer->queued_order = record->event.order;
    buffer->timestamp = record->timestamp;
    buffer->sequence = record->sequence;
    buffer->flags = record->flags;
    if (buffer->state != QUEUE_BUFFER_DONE)
        return 0;
    buffer->state = QUEUE_BUFFER_IDLE;
    if (was_sent(media, &record->event))
        return 0;
    buffer_queue_redo(queue, buffer);
    return remember(tally, &buffer->event, record->event.order);
}

static int restore_buffer(struct media *media, struct store *store, uint32_t handle,
                          struct tally *tally)
{
    struct estate_buffer record;
    struct buffer_queue *queue;
    struct queue_buffer *buffer;
    int r = 0;

    if (!read_buffer(store, handle, &record))
        return -EINVAL;
    queue = queue_of(media, store_id(store, handle), record.output);
    if (queue == NULL || queue->record == 0 || record.index >= queue->resume_count ||
        queue->buffers[record.index] != NULL ||
        !fits(context_of(media, store_id(store, handle)), queue, &record))
        return -EINVAL;
    buffer = buffer_queue_restore(queue, record.index, record.planes);
    if (buffer == NULL)
        return -errno;
    for (unsigned i = 0; r == 0 && i < record.planes; i++)
        r = fill_plane(media, queue, buffer, i, &record.plane[i]);
    if (r == 0)
        r = restore_state(media, queue, buffer, &record, tally);
    if (r != 0) {
        buffer_queue_unrestore(queue, buffer);
        return r;
    }
    buffer->event.record = handle;
    tally->buffers++;
    return 0;
}

/* ---- what goes on ---- */

static int by_order(const void *a, const void *b)
{
    const struct event *first = *(struct event *const *)a, *second = *(struct event *const *)b;

    return (first->order > second->order) - (first->order < second->order);
}

/* Events go out in their order when the ring runs. */
static void place_events(struct media *media, struct tally *tally)
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

static void go_on(struct media *media, struct buffer_queue *queue, struct tally *tally)
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

static void contexts_go_on(struct media *media, struct context *context, struct tally *tally)
{
    go_on(media, context->output, tally);
    go_on(media, context->capture, tally);
    if (context->impl->resumed != NULL)
        context->impl->resumed(context);
}

static void all_go_on(struct media *media, struct tally *tally)
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
    restorer *restore;
    const char *name;
} restorers[] = {
    {ESTATE_DEVICE, restore_device, "device"},
    {ESTATE_SESSION, restore_session, "session"},
    {ESTATE_SUBSCRIPTION, restore_subscription, "subscription"},
    {ESTATE_CONTEXT, restore_context, "context"},
    {ESTATE_CONTROLS, restore_controls, "set of controls"},
    {ESTATE_MAPPING, restore_mapping, "mapping"},
    {ESTATE_QUEUE, restore_queue, "queue"},
    {ESTATE_BUFFER, restore_buffer, "buffer"},
};

static void restore_all(struct media *media, struct tally *tally)
{
    struct store *store = media->estate.store;

    for (size_t i = 0; i < sizeof(restorers) / sizeof(restorers[0]); i++) {
        uint32_t handle = 0;

        while (store_next(store, restorers[i].kind, &handle)) {
            uint32_t bad = handle;
            int r = restorers[i].restore(media, store, handle, tally);

            if (r == 0)
                continue;
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
    struct tally tally = {0};

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
    store_commit(estate->store, NULL);
    media_show_sessions(media);
    log_info("Another worker's %u sessions go on, with %u buffers, %u mappings and %u streams; "
             "%u buffers came back as errors, %u records were damaged.",
             tally.sessions, tally.buffers, tally.mappings, tally.streams, tally.lost, tally.bad);
}
