/* SPDX-License-Identifier: MIT */
#include "media/v4l2_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "media/v4l2_estate.h"
#include "media/v4l2_node.h"

struct v4l2_queue_buffer *v4l2_queue_find(const struct v4l2_queue *queue, uint32_t index)
{
    return index < V4L2_QUEUE_MAX ? queue->buffer[index] : NULL;
}

struct v4l2_queue_buffer *v4l2_queue_buffer(struct v4l2_queue *queue, uint32_t index)
{
    struct v4l2_queue_buffer *buffer;

    if (index >= V4L2_QUEUE_MAX) {
        errno = EINVAL;
        return NULL;
    }
    if (queue->buffer[index] != NULL)
        return queue->buffer[index];
    buffer = calloc(1, sizeof(*buffer));
    if (buffer == NULL)
        return NULL;
    buffer->queue = queue;
    buffer->index = index;
    buffer->event.note = v4l2_estate_note;
    queue->buffer[index] = buffer;
    return buffer;
}

struct plane *v4l2_queue_plane(const struct v4l2_queue *queue, uint32_t offset)
{
    for (unsigned i = 0; i < V4L2_QUEUE_MAX; i++) {
        const struct v4l2_queue_buffer *buffer = queue->buffer[i];

        for (unsigned p = 0; buffer != NULL && p < buffer->planes; p++)
            if (buffer->plane[p].offset == offset)
                return buffer->plane[p].plane;
    }
    return NULL;
}

void v4l2_queue_stop(struct v4l2_queue *queue, struct event_queue *events)
{
    for (unsigned i = 0; i < V4L2_QUEUE_MAX; i++) {
        struct v4l2_queue_buffer *buffer = queue->buffer[i];

        if (buffer == NULL)
            continue;
        event_queue_remove(events, &buffer->event);
        buffer->queued = false;
        buffer->prepared = false;
        buffer->untold = 0;
        v4l2_estate_buffer(buffer);
    }
    queue->streaming = false;
    queue->ended = false;
    queue->queued = 0;
    queue->sequence = 0;
}

void v4l2_queue_forget(struct v4l2_queue *queue, uint32_t index, const struct v4l2_calls *calls)
{
    struct v4l2_queue_buffer *buffer = v4l2_queue_find(queue, index);

    if (buffer == NULL)
        return;
    v4l2_estate_buffer_gone(buffer);
    for (unsigned p = 0; p < buffer->planes; p++) {
        plane_release(buffer->plane[p].plane);
        if (buffer->plane[p].map != NULL)
            calls->munmap(buffer->plane[p].map, buffer->plane[p].length);
    }
    v4l2_user_finish(&buffer->user, NULL);
    free(buffer);
    queue->buffer[index] = NULL;
}

void v4l2_queue_clear(struct v4l2_queue *queue, struct event_queue *events,
                      const struct v4l2_calls *calls)
{
    v4l2_queue_stop(queue, events);
    for (unsigned i = 0; i < V4L2_QUEUE_MAX; i++)
        v4l2_queue_forget(queue, i, calls);
    queue->user = false;
    queue->count = 0;
    queue->surplus = 0;
}

void v4l2_queue_describe(const struct v4l2_queue *queue, struct v4l2_buffer *buffer,
                         struct v4l2_plane *planes)
{
    static const struct v4l2_user none;
    const struct v4l2_queue_buffer *known = v4l2_queue_find(queue, buffer->index);

    /* What is mapped: the host counts our own hold on it. */
    buffer->flags &= ~(V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_REQUEST_FD);
    for (unsigned p = 0; known != NULL && p < known->planes; p++)
        if (known->plane[p].plane->mmaps > 0)
            buffer->flags |= V4L2_BUF_FLAG_MAPPED;
    if (buffer->memory == V4L2_MEMORY_USERPTR)
        v4l2_user_to_guest(known != NULL ? &known->user : &none, buffer,
                           V4L2_TYPE_IS_MULTIPLANAR(queue->type) ? planes : NULL);
}

void v4l2_queue_done(struct v4l2_queue *queue, uint32_t session, struct event_queue *events,
                     const struct v4l2_buffer *buffer, const struct v4l2_plane *planes)
{
    struct v4l2_queue_buffer *known = v4l2_queue_find(queue, buffer->index);
    struct virtio_media_event_dqbuf *dqbuf;

    if (known == NULL || !known->queued || known->event.waiting) {
        log_warning("v4l2: the host gives back buffer %u, which it did not have", buffer->index);
        return;
    }
    known->queued = false;
    queue->queued--;
    queue->ended = (buffer->flags & V4L2_BUF_FLAG_LAST) != 0;
    queue->sequence = buffer->sequence + 1;
    dqbuf = &known->event.u.dqbuf;
    *dqbuf = (struct virtio_media_event_dqbuf){
        .hdr = {.event = VIRTIO_MEDIA_EVT_DQBUF, .session_id = session},
        .buffer = *buffer,
    };
    if (V4L2_TYPE_IS_MULTIPLANAR(queue->type)) {
        dqbuf->buffer.m.userptr = 0; /* a pointer of ours */
        if (buffer->length <= VIDEO_MAX_PLANES)
            memcpy(dqbuf->planes, planes, buffer->length * sizeof(*planes));
    }
    v4l2_queue_describe(queue, &dqbuf->buffer, dqbuf->planes);
    known->event.size = sizeof(*dqbuf);
    event_queue_add(events, &known->event);
}

/* What is said of a buffer that comes back without a frame. */
static void describe_failed(const struct v4l2_queue *queue, uint32_t index,
                            struct v4l2_buffer *buffer, struct v4l2_plane *planes)
{
    const struct v4l2_queue_buffer *known = queue->buffer[index];
    uint64_t now = units_now_ns();

    *buffer = (struct v4l2_buffer){
        .index = index,
        .type = queue->type,
        .flags = V4L2_BUF_FLAG_ERROR | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
        .field = V4L2_FIELD_NONE,
        .timestamp = {(time_t)(now / 1000000000u), (suseconds_t)(now % 1000000000u / 1000u)},
        .sequence = queue->sequence,
        .memory = queue->user ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP,
    };
    memset(planes, 0, VIDEO_MAX_PLANES * sizeof(*planes));
    if (queue->user) {
        buffer->length = V4L2_TYPE_IS_MULTIPLANAR(queue->type) ? known->user.planes
                                                               : known->user.plane[0].length;
        return;
    }
    if (!V4L2_TYPE_IS_MULTIPLANAR(queue->type)) {
        buffer->length = known->plane[0].length;
        buffer->m.offset = known->plane[0].offset;
        return;
    }
    buffer->length = known->planes;
    for (unsigned p = 0; p < known->planes; p++) {
        planes[p].length = known->plane[p].length;
        planes[p].m.mem_offset = known->plane[p].offset;
    }
}

void v4l2_queue_fail(struct v4l2_queue *queue, uint32_t session, struct event_queue *events)
{
    struct v4l2_plane planes[VIDEO_MAX_PLANES];
    struct v4l2_buffer buffer;

    for (uint32_t i = 0; i < V4L2_QUEUE_MAX; i++) {
        if (queue->buffer[i] == NULL || !queue->buffer[i]->queued)
            continue;
        describe_failed(queue, i, &buffer, planes);
        v4l2_queue_done(queue, session, events, &buffer, planes);
    }
}

static int copy_plane(const struct v4l2_queue_plane *plane, bool to_host, uint32_t used)
{
    unsigned access = to_host ? BUFFER_READ : BUFFER_WRITE;
    uint32_t size = used > 0 && used < plane->length ? used : plane->length;
    int r;

    if (plane->map == NULL)
        return 0;
    r = buffer_begin(plane->plane->buffer, access);
    if (r != 0)
        return r;
    memcpy(to_host ? plane->map : plane->bytes, to_host ? plane->bytes : plane->map, size);
    return buffer_end(plane->plane->buffer, access);
}

int v4l2_queue_copy(const struct v4l2_queue *queue, const struct v4l2_buffer *buffer,
                    const struct v4l2_plane *planes)
{
    const struct v4l2_queue_buffer *known = v4l2_queue_find(queue, buffer->index);
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(queue->type);
    int r = 0;

    for (unsigned p = 0; known != NULL && p < known->planes && r == 0; p++)
        r = copy_plane(&known->plane[p], V4L2_TYPE_IS_OUTPUT(queue->type),
                       multi ? planes[p].bytesused : buffer->bytesused);
    return r;
}
