/* SPDX-License-Identifier: MIT */
#include "media/buffer_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/estate.h"

/* A mem_offset is a name, not a place: (index, plane) in steps that are a multiple of any page
 * size. */
#define COOKIE_SHIFT 16
#define COOKIE_OF(queue, index, plane)                                                             \
    ((queue)->cookies + (((index)*VIDEO_MAX_PLANES + (plane)) << COOKIE_SHIFT))

void buffer_queue_init(struct buffer_queue *queue, uint32_t type, struct window *window,
                       struct event_queue *events, const struct buffer_queue_ops *ops, void *data)
{
    *queue = (struct buffer_queue){.window = window,
                                   .events = events,
                                   .ops = ops,
                                   .data = data,
                                   .type = type,
                                   .timestamp_flag = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
                                   .least = 1};
    TAILQ_INIT(&queue->queued);
}

uint32_t buffer_queue_cookie(const struct buffer_queue *queue, uint32_t index, unsigned plane)
{
    return COOKIE_OF(queue, index, plane) >> COOKIE_SHIFT;
}

static bool is_multiplanar(const struct buffer_queue *queue)
{
    return V4L2_TYPE_IS_MULTIPLANAR(queue->type);
}

struct queue_buffer *buffer_queue_get(const struct buffer_queue *queue, uint32_t index)
{
    return index < queue->count ? queue->buffers[index] : NULL;
}

struct plane *buffer_queue_plane(const struct buffer_queue *queue, uint32_t offset)
{
    uint32_t from = offset - queue->cookies, name = from >> COOKIE_SHIFT;
    struct queue_buffer *buffer = buffer_queue_get(queue, name / VIDEO_MAX_PLANES);

    if (from != name << COOKIE_SHIFT || queue->user || buffer == NULL ||
        name % VIDEO_MAX_PLANES >= buffer->planes)
        return NULL;
    return buffer->plane[name % VIDEO_MAX_PLANES];
}

static uint32_t buffer_flags(const struct buffer_queue *queue, const struct queue_buffer *buffer)
{
    static const uint32_t of_state[] = {
        [QUEUE_BUFFER_IDLE] = 0,
        [QUEUE_BUFFER_PREPARED] = V4L2_BUF_FLAG_PREPARED,
        [QUEUE_BUFFER_QUEUED] = V4L2_BUF_FLAG_QUEUED,
        [QUEUE_BUFFER_ACTIVE] = V4L2_BUF_FLAG_QUEUED,
        [QUEUE_BUFFER_DONE] = V4L2_BUF_FLAG_DONE,
    };
    uint32_t flags = of_state[buffer->state] | queue->timestamp_flag | buffer->flags;

    for (unsigned i = 0; i < buffer->planes; i++)
        if (!queue->user && buffer->plane[i]->mmaps > 0)
            flags |= V4L2_BUF_FLAG_MAPPED;
    return flags;
}

static uint32_t plane_length(const struct queue_buffer *buffer, unsigned i)
{
    return buffer->plane[i] != NULL ? buffer->plane[i]->size : buffer->least[i];
}

void buffer_queue_describe(const struct buffer_queue *queue, const struct queue_buffer *buffer,
                           struct v4l2_buffer *to, struct v4l2_plane *planes)
{
    memset(to, 0, sizeof(*to));
    to->index = buffer->index;
    to->type = queue->type;
    to->flags = buffer_flags(queue, buffer);
    to->field = V4L2_FIELD_NONE;
    to->timestamp.tv_sec = (time_t)(buffer->timestamp / 1000000000u);
    to->timestamp.tv_usec = (suseconds_t)(buffer->timestamp % 1000000000u / 1000u);
    to->sequence = buffer->sequence;
    to->memory = queue->user ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP;
    if (!is_multiplanar(queue)) {
        to->bytesused = buffer->bytesused[0];
        to->length = plane_length(buffer, 0);
        if (queue->user)
            to->m.userptr = buffer->userptr[0];
        else
            to->m.offset = COOKIE_OF(queue, buffer->index, 0);
        return;
    }
    to->length = buffer->planes;
    for (unsigned i = 0; i < buffer->planes; i++) {
        memset(&planes[i], 0, sizeof(planes[i]));
        planes[i].bytesused = buffer->bytesused[i];
        planes[i].length = plane_length(buffer, i);
        planes[i].data_offset = buffer->data_offset[i];
        if (queue->user)
            planes[i].m.userptr = buffer->userptr[i];
        else
            planes[i].m.mem_offset = COOKIE_OF(queue, buffer->index, i);
    }
}

/* What was said of its last picture is no longer true. */
static void buffer_forget(struct queue_buffer *buffer)
{
    memset(buffer->bytesused, 0, sizeof(buffer->bytesused));
    memset(buffer->data_offset, 0, sizeof(buffer->data_offset));
    buffer->timestamp = 0;
    buffer->sequence = 0;
    buffer->flags = 0;
}

/* What an output buffer holds. No bytes at all means all of them, as Linux has it. */
static int buffer_take_data(const struct buffer_queue *queue, struct queue_buffer *buffer,
                            const struct v4l2_buffer *given, const struct v4l2_plane *planes)
{
    for (unsigned i = 0; i < buffer->planes; i++) {
        bool multi = is_multiplanar(queue);
        uint32_t used = multi ? planes[i].bytesused : given->bytesused;
        uint32_t from = multi ? planes[i].data_offset : 0, size = buffer->plane[i]->size;

        if (used == 0)
            used = size;
        if (used > size || from >= used)
            return -EINVAL;
        buffer->bytesused[i] = used;
        buffer->data_offset[i] = from;
    }
    return 0;
}

static void buffer_take_time(const struct buffer_queue *queue, struct queue_buffer *buffer,
                             const struct v4l2_buffer *given)
{
    if (V4L2_TYPE_IS_OUTPUT(queue->type))
        buffer->timestamp = (uint64_t)given->timestamp.tv_sec * 1000000000u +
                            (uint64_t)given->timestamp.tv_usec * 1000u;
}

/* Takes over what the guest says of a buffer that it gives. */
static int buffer_accept(const struct buffer_queue *queue, struct queue_buffer *buffer,
                         const struct v4l2_buffer *given, const struct v4l2_plane *planes)
{
    buffer_forget(buffer);
    if (!V4L2_TYPE_IS_OUTPUT(queue->type))
        return 0;
    if (given->field == V4L2_FIELD_ALTERNATE) /* a queue's formats have it, one buffer has not */
        return -EINVAL;
    return buffer_take_data(queue, buffer, given, planes);
}

int buffer_queue_prepare(struct buffer_queue *queue, struct queue_buffer *buffer,
                         const struct v4l2_buffer *given, const struct v4l2_plane *planes)
{
    int r;

    if (buffer->state != QUEUE_BUFFER_IDLE)
        return -EINVAL;
    r = buffer_accept(queue, buffer, given, planes);
    if (r != 0)
        return r;
    buffer->state = QUEUE_BUFFER_PREPARED;
    estate_buffer(queue, buffer);
    return 0;
}

int buffer_queue_put(struct buffer_queue *queue, struct queue_buffer *buffer,
                     const struct v4l2_buffer *given, const struct v4l2_plane *planes)
{
    int r = 0;

    if (buffer->state != QUEUE_BUFFER_PREPARED) /* then all but its time was said */
        r = buffer->state == QUEUE_BUFFER_IDLE ? buffer_accept(queue, buffer, given, planes)
                                               : -EINVAL;
    if (r != 0)
        return r;
    buffer_take_time(queue, buffer, given);
    buffer->state = QUEUE_BUFFER_QUEUED;
    buffer->queued_order = ++queue->events->order;
    TAILQ_INSERT_TAIL(&queue->queued, buffer, entry);
    estate_buffer(queue, buffer);
    if (queue->streaming && queue->ops->queued != NULL)
        queue->ops->queued(queue);
    return 0;
}

int buffer_queue_start(struct buffer_queue *queue)
{
    int r;

    if (queue->streaming)
        return 0;
    if (queue->count == 0)
        return -EINVAL;
    r = queue->ops->start(queue);
    queue->streaming = r == 0;
    estate_queue(queue);
    return r;
}

void buffer_queue_stop(struct buffer_queue *queue)
{
    if (queue->streaming)
        queue->ops->stop(queue);
    if (queue->streaming) {
        queue->streaming = false;
        estate_queue(queue);
    }
    for (unsigned i = 0; i < queue->count; i++) {
        struct queue_buffer *buffer = queue->buffers[i];

        if (buffer->state == QUEUE_BUFFER_QUEUED)
            TAILQ_REMOVE(&queue->queued, buffer, entry);
        event_queue_remove(queue->events, &buffer->event);
        buffer->state = QUEUE_BUFFER_IDLE;
        buffer_forget(buffer);
        estate_buffer(queue, buffer);
    }
}

struct queue_buffer *buffer_queue_next(const struct buffer_queue *queue)
{
    return TAILQ_FIRST(&queue->queued);
}

static void dequeue_sent(struct event *event)
{
    struct queue_buffer *buffer = (void *)((char *)event - offsetof(struct queue_buffer, event));

    buffer->state = QUEUE_BUFFER_IDLE;
    estate_buffer(buffer->queue, buffer);
}

void buffer_queue_take_this(struct buffer_queue *queue, struct queue_buffer *buffer)
{
    assert(buffer->state == QUEUE_BUFFER_QUEUED);
    TAILQ_REMOVE(&queue->queued, buffer, entry);
    buffer->state = QUEUE_BUFFER_ACTIVE;
    estate_buffer(queue, buffer);
}

struct queue_buffer *buffer_queue_take(struct buffer_queue *queue)
{
    struct queue_buffer *buffer = TAILQ_FIRST(&queue->queued);

    if (buffer != NULL)
        buffer_queue_take_this(queue, buffer);
    return buffer;
}

void buffer_queue_untake(struct buffer_queue *queue, struct queue_buffer *buffer)
{
    assert(buffer->state == QUEUE_BUFFER_ACTIVE);
    buffer->state = QUEUE_BUFFER_QUEUED;
    TAILQ_INSERT_HEAD(&queue->queued, buffer, entry);
    estate_buffer(queue, buffer);
}

void buffer_queue_redo(struct buffer_queue *queue, struct queue_buffer *buffer)
{
    struct virtio_media_event_dqbuf *dqbuf = &buffer->event.u.dqbuf;

    if ((buffer->flags & V4L2_BUF_FLAG_ERROR) && !V4L2_TYPE_IS_OUTPUT(queue->type))
        memset(buffer->bytesused, 0, sizeof(buffer->bytesused));
    /* The event tells the state that the buffer has when it arrives. */
    buffer->state = QUEUE_BUFFER_IDLE;
    memset(dqbuf, 0, sizeof(*dqbuf));
    dqbuf->hdr.event = VIRTIO_MEDIA_EVT_DQBUF;
    dqbuf->hdr.session_id = queue->owner;
    buffer_queue_describe(queue, buffer, &dqbuf->buffer, dqbuf->planes);
    buffer->state = QUEUE_BUFFER_DONE;
    buffer->event.size = sizeof(*dqbuf);
    buffer->event.sent = dequeue_sent;
}

void buffer_queue_done(struct buffer_queue *queue, struct queue_buffer *buffer)
{
    assert(buffer->state == QUEUE_BUFFER_ACTIVE);
    buffer_queue_redo(queue, buffer);
    event_queue_add(queue->events, &buffer->event);
}
