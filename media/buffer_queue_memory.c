/* SPDX-License-Identifier: MIT */
/*
 * Which buffers a queue has, and whose it is.
 */
#include "media/buffer_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/estate.h"

void buffer_queue_release(struct queue_buffer *buffer)
{
    estate_buffer_gone(buffer->queue, buffer);
    for (unsigned i = 0; i < buffer->planes; i++)
        plane_release(buffer->plane[i]);
    free(buffer);
}

void buffer_queue_note(struct event *event)
{
    struct queue_buffer *buffer = (void *)((char *)event - offsetof(struct queue_buffer, event));

    estate_buffer(buffer->queue, buffer);
}

struct queue_buffer *buffer_queue_blank(struct buffer_queue *queue, uint32_t index)
{
    struct queue_buffer *buffer = calloc(1, sizeof(*buffer));

    if (buffer == NULL)
        return NULL;
    buffer->index = index;
    buffer->queue = queue;
    buffer->event.note = buffer_queue_note;
    return buffer;
}

static struct queue_buffer *buffer_create(struct buffer_queue *queue, uint32_t session,
                                          uint32_t index, const struct buffer_layout *layout)
{
    struct queue_buffer *buffer = buffer_queue_blank(queue, index);

    if (buffer == NULL)
        return NULL;
    memcpy(buffer->least, layout->size, sizeof(buffer->least));
    for (; buffer->planes < layout->planes; buffer->planes++) {
        struct plane *plane;

        if (layout->user)
            continue;
        plane = plane_create(queue->window, layout->size[buffer->planes]);

        if (plane == NULL) {
            buffer_queue_release(buffer);
            return NULL;
        }
        estate_plane(queue->window->estate, plane);
        plane_name(plane, buffer_queue_cookie(queue, index, buffer->planes), session);
        buffer->plane[buffer->planes] = plane;
    }
    return buffer;
}

void buffer_queue_clear(struct buffer_queue *queue)
{
    buffer_queue_stop(queue);
    for (unsigned i = 0; i < queue->count; i++) {
        buffer_queue_release(queue->buffers[i]);
        queue->buffers[i] = NULL;
    }
    queue->count = 0;
    queue->owned = false;
    queue->user = false;
    estate_queue(queue);
}

int buffer_queue_check_owner(const struct buffer_queue *queue, uint32_t session)
{
    return queue->owned && queue->owner != session ? -EBUSY : 0;
}

/* Returns how many there are now of the 'count' wanted; none only with an error. */
static int allocate(struct buffer_queue *queue, uint32_t session, uint32_t *count,
                    const struct buffer_layout *layout)
{
    uint32_t wanted = *count;
    int r = -ENOMEM;

    for (*count = 0; *count < wanted && queue->count < BUFFER_QUEUE_MAX; ++*count) {
        struct queue_buffer *buffer = buffer_create(queue, session, queue->count, layout);

        if (buffer == NULL) {
            r = errno == EDQUOT ? -EDQUOT : -ENOMEM;
            if (r != -EDQUOT)
                log_stranger("only %u of %u buffers are to be had: %s", *count, wanted,
                             strerror(errno));
            break;
        }
        queue->buffers[queue->count++] = buffer;
        estate_buffer(queue, buffer);
    }
    if (*count == 0)
        return r;
    queue->owned = true;
    queue->owner = session;
    queue->user = layout->user;
    estate_queue(queue);
    return 0;
}

int buffer_queue_request(struct buffer_queue *queue, uint32_t session, uint32_t *count,
                         const struct buffer_layout *layout)
{
    int r = buffer_queue_check_owner(queue, session);

    if (r != 0)
        return r;
    if (*count > 0 && queue->streaming)
        return -EBUSY;
    buffer_queue_clear(queue);
    if (*count == 0)
        return 0;
    if (*count < queue->least)
        *count = queue->least;
    return allocate(queue, session, count, layout);
}

int buffer_queue_add(struct buffer_queue *queue, uint32_t session, uint32_t *count, uint32_t *first,
                     const struct buffer_layout *layout)
{
    int r = buffer_queue_check_owner(queue, session);

    *first = queue->count;
    if (r != 0 || *count == 0)
        return r;
    if (queue->count > 0 && queue->user != layout->user)
        return -EINVAL;
    if (queue->count == BUFFER_QUEUE_MAX)
        return -ENOBUFS;
    return allocate(queue, session, count, layout);
}

void buffer_queue_forsake(struct buffer_queue *queue, uint32_t session)
{
    if (queue->owned && queue->owner == session)
        buffer_queue_clear(queue);
}
