/* SPDX-License-Identifier: MIT */
#include "media/buffer_queue.h"

#include <errno.h>

#include "media/estate.h"

/* No order that was counted is as high. */
#define MOST_ORDER (UINT64_MAX / 2)

struct queue_buffer *buffer_queue_restore(struct buffer_queue *queue, uint32_t index,
                                          unsigned planes)
{
    struct queue_buffer *buffer = buffer_queue_blank(queue, index);

    if (buffer == NULL)
        return NULL;
    buffer->planes = planes;
    queue->buffers[index] = buffer;
    return buffer;
}

void buffer_queue_unrestore(struct buffer_queue *queue, struct queue_buffer *buffer)
{
    queue->buffers[buffer->index] = NULL;
    buffer_queue_release(buffer);
}

/* A buffer is missing: what there is cannot be a queue. */
static void give_up(struct buffer_queue *queue)
{
    for (unsigned i = 0; i < queue->resume_count; i++) {
        struct queue_buffer *buffer = queue->buffers[i];

        if (buffer == NULL)
            continue;
        event_queue_remove(queue->events, &buffer->event);
        buffer_queue_unrestore(queue, buffer);
    }
    buffer_queue_clear(queue);
}

static bool is_whole(const struct buffer_queue *queue)
{
    for (unsigned i = 0; i < queue->resume_count; i++)
        if (queue->buffers[i] == NULL)
            return false;
    return true;
}

static void give_back(struct buffer_queue *queue, struct queue_buffer *buffer, unsigned *lost)
{
    buffer->state = QUEUE_BUFFER_ACTIVE;
    buffer->flags = V4L2_BUF_FLAG_ERROR;
    buffer_queue_done(queue, buffer);
    ++*lost;
}

/* Into the list, by its order. */
static void enqueue(struct buffer_queue *queue, struct queue_buffer *buffer)
{
    struct queue_buffer *other;

    if (buffer->queued_order > queue->events->order && buffer->queued_order < MOST_ORDER)
        queue->events->order = buffer->queued_order;
    TAILQ_FOREACH(other, &queue->queued, entry)
    {
        if (other->queued_order > buffer->queued_order) {
            TAILQ_INSERT_BEFORE(other, buffer, entry);
            return;
        }
    }
    TAILQ_INSERT_TAIL(&queue->queued, buffer, entry);
}

static void take_up(struct buffer_queue *queue, struct queue_buffer *buffer, unsigned *lost)
{
    bool bare = buffer->plane[0] == NULL; /* memory of the guest's that we do not see */

    switch (buffer->state) {
    case QUEUE_BUFFER_ACTIVE:
        if (bare || V4L2_TYPE_IS_OUTPUT(queue->type)) {
            give_back(queue, buffer, lost);
            break;
        }
        buffer->state = QUEUE_BUFFER_QUEUED;
        enqueue(queue, buffer);
        break;
    case QUEUE_BUFFER_QUEUED:
        if (bare)
            give_back(queue, buffer, lost);
        else
            enqueue(queue, buffer);
        break;
    case QUEUE_BUFFER_PREPARED:
        if (bare)
            buffer->state = QUEUE_BUFFER_IDLE;
        break;
    default:
        break;
    }
}

static void all_back(struct buffer_queue *queue, unsigned *lost)
{
    struct queue_buffer *buffer;

    while ((buffer = buffer_queue_take(queue)) != NULL)
        give_back(queue, buffer, lost);
}

int buffer_queue_resume(struct buffer_queue *queue, unsigned *lost)
{
    int r = 0;

    *lost = 0;
    if (!is_whole(queue)) {
        give_up(queue);
        return -ENOENT;
    }
    queue->count = queue->resume_count;
    for (unsigned i = 0; i < queue->count; i++)
        take_up(queue, queue->buffers[i], lost);
    if (queue->resume_streams)
        r = buffer_queue_start(queue);
    if (r != 0) {
        device_cannot_resume(queue->events->host, r);
        estate_queue(queue);
        all_back(queue, lost);
    }
    return r;
}
