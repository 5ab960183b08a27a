/* SPDX-License-Identifier: MIT */
/*
 * Another worker's queues, their buffers, and the planes that the guest has mapped.
 */
#include "media/estate_parts.h"

#include <errno.h>
#include <string.h>

#include "media/media.h"

int estate_restore_mapping(struct media *media, struct store *store, uint32_t handle,
                           struct estate_tally *tally)
{
    struct estate_mapping record;
    struct plane *plane;

    if (!store_read_whole(store, handle, &record, sizeof(record)) || record.mmaps == 0)
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
    const struct context *context = estate_context_of(media, id);

    if (context == NULL)
        return NULL;
    return output ? context->output : context->capture;
}

int estate_restore_queue(struct media *media, struct store *store, uint32_t handle,
                         struct estate_tally *tally)
{
    struct estate_queue record;
    struct buffer_queue *queue;

    if (!store_read_whole(store, handle, &record, sizeof(record)))
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

struct plane *estate_plane_for(struct media *media, uint64_t place, uint64_t key, uint32_t size)
{
    struct plane *plane = window_mapped_at(&media->window, place);

    if (plane == NULL) {
        plane = plane_restore(&media->window, place, key, size, 0);
    } else if (plane->held || plane->size != size) {
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
    plane = estate_plane_for(media, record->place, record->key, record->size);
    if (plane == NULL)
        return -errno;
    buffer->plane[i] = plane;
    plane_name(plane, buffer_queue_cookie(queue, buffer->index, i), queue->owner);
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
                         struct estate_tally *tally)
{
    buffer->state = (enum queue_buffer_state)record->state;
    buffer->queued_order = record->event.order;
    buffer->timestamp = record->timestamp;
    buffer->sequence = record->sequence;
    buffer->flags = record->flags;
    if (buffer->state != QUEUE_BUFFER_DONE)
        return 0;
    buffer->state = QUEUE_BUFFER_IDLE;
    if (estate_was_sent(media, &record->event))
        return 0;
    buffer_queue_redo(queue, buffer);
    return estate_remember(tally, &buffer->event, record->event.order);
}

int estate_restore_buffer(struct media *media, struct store *store, uint32_t handle,
                          struct estate_tally *tally)
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
        !fits(estate_context_of(media, store_id(store, handle)), queue, &record))
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
