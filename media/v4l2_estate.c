/* SPDX-License-Identifier: MIT */
#include "media/v4l2_estate.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "media/estate_parts.h"
#include "media/media.h"
#include "media/v4l2_context.h"

/* ---- what is left ---- */

static void describe_planes(const struct v4l2_queue_buffer *buffer,
                            struct v4l2_estate_buffer *record)
{
    for (unsigned i = 0; i < buffer->planes; i++) {
        const struct v4l2_queue_plane *plane = &buffer->plane[i];

        record->plane[i] = (struct v4l2_estate_plane){
            .place = plane->plane->place.start,
            .key = plane->plane->key,
            .offset = plane->offset,
            .length = plane->length,
            .copied = plane->bytes != NULL,
        };
    }
    for (unsigned i = 0; i < buffer->user.planes && buffer->planes == 0; i++) {
        record->plane[i].given = buffer->user.plane[i].given;
        record->plane[i].length = buffer->user.plane[i].length;
    }
}

void v4l2_estate_buffer(struct v4l2_queue_buffer *buffer)
{
    struct v4l2_queue *queue = buffer->queue;
    struct v4l2_estate_buffer record = {
        .event.order = buffer->event.order,
        .output = V4L2_TYPE_IS_OUTPUT(queue->type),
        .index = buffer->index,
        .queued = buffer->queued,
        .prepared = buffer->prepared,
        .done = buffer->event.waiting,
        .sequence = queue->sequence,
        .planes = buffer->planes,
        .user_planes = buffer->planes == 0 ? buffer->user.planes : 0,
    };

    if (!estate_is_told(queue->estate)) {
        buffer->event.record = 0;
        return;
    }
    describe_planes(buffer, &record);
    if (record.done) {
        record.buffer = buffer->event.u.dqbuf.buffer;
        memcpy(record.told, buffer->event.u.dqbuf.planes, sizeof(record.told));
    }
    estate_part(queue->estate, queue->session, &record, sizeof(record), &buffer->event.record);
}

void v4l2_estate_buffer_gone(struct v4l2_queue_buffer *buffer)
{
    estate_part_gone(buffer->queue->estate, &buffer->event.record);
}

void v4l2_estate_note(struct event *event)
{
    v4l2_estate_buffer((void *)((char *)event - offsetof(struct v4l2_queue_buffer, event)));
}

static struct v4l2_estate_queue describe_queue(const struct v4l2_queue *queue)
{
    return (struct v4l2_estate_queue){queue->type, queue->streaming, queue->user, queue->count};
}

size_t v4l2_estate_leave(const struct context *base, void *to)
{
    const struct v4l2_context *context = (const struct v4l2_context *)(const void *)base;
    const struct v4l2_estate estate = {
        .key = context->key,
        .capture = describe_queue(&context->capture),
        .output = describe_queue(&context->output),
    };

    memcpy(to, &estate, sizeof(estate));
    return sizeof(estate);
}

/* ---- what comes back ---- */

static bool is_good(const struct v4l2_estate_queue *queue, uint32_t single, uint32_t multi)
{
    return (queue->type == 0 || queue->type == single || queue->type == multi) &&
           queue->count <= V4L2_QUEUE_MAX;
}

static void restore_queue(struct v4l2_queue *queue, const struct v4l2_estate_queue *estate)
{
    queue->type = estate->type;
    queue->streaming = estate->streaming != 0;
    queue->user = estate->user != 0;
    queue->count = estate->count;
}

int v4l2_estate_resume(struct context *base, const void *from, size_t size)
{
    struct v4l2_context *context = (struct v4l2_context *)(void *)base;
    struct shelf *shelf = context->proxy->media->device.host->shelf;
    struct v4l2_estate estate;

    if (size != sizeof(estate))
        return -EINVAL;
    memcpy(&estate, from, sizeof(estate));
    if (!is_good(&estate.capture, V4L2_BUF_TYPE_VIDEO_CAPTURE,
                 V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE) ||
        !is_good(&estate.output, V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE))
        return -EINVAL;
    restore_queue(&context->capture, &estate.capture);
    restore_queue(&context->output, &estate.output);
    context->key = estate.key;
    context->node->fd = shelf_take(shelf, estate.key);
    if (context->node->fd >= 0)
        return 0;
    log_warning("The open file of %s that session %u had is lost with the worker: its program has "
                "to open the camera again.",
                context->proxy->path, context->session);
    context->gone = true;
    return 0;
}

static int restore_plane(struct v4l2_context *context, struct v4l2_queue_buffer *buffer,
                         const struct v4l2_estate_plane *record)
{
    struct v4l2_queue_plane *plane = &buffer->plane[buffer->planes];
    struct plane *known =
        estate_plane_for(context->proxy->media, record->place, record->key, record->length);

    if (known == NULL)
        return -errno;
    *plane = (struct v4l2_queue_plane){
        .offset = record->offset, .length = record->length, .plane = known};
    buffer->planes++;
    plane_name(known, buffer->index, context->session);
    if (record->copied) {
        plane->bytes = buffer_data(known->buffer);
        if (plane->bytes == NULL)
            return -errno;
    }
    return 0;
}

static int restore_planes(struct v4l2_context *context, struct v4l2_queue_buffer *buffer,
                          const struct v4l2_estate_buffer *record)
{
    int r = 0;

    for (unsigned i = 0; i < record->planes && r == 0; i++)
        r = restore_plane(context, buffer, &record->plane[i]);
    for (unsigned i = 0; i < record->user_planes; i++) { /* its pages come with the next QBUF */
        buffer->user.plane[i].given = record->plane[i].given;
        buffer->user.plane[i].length = record->plane[i].length;
        buffer->user.planes++;
    }
    return r;
}

/* It is done, and the guest has not heard of it. */
static int restore_event(struct v4l2_context *context, struct v4l2_queue_buffer *buffer,
                         const struct v4l2_estate_buffer *record, struct estate_tally *tally)
{
    struct virtio_media_event_dqbuf *dqbuf = &buffer->event.u.dqbuf;

    if (!record->done || record->queued || estate_was_sent(context->proxy->media, &record->event))
        return 0;
    *dqbuf = (struct virtio_media_event_dqbuf){
        .hdr = {.event = VIRTIO_MEDIA_EVT_DQBUF, .session_id = context->session},
        .buffer = record->buffer,
    };
    memcpy(dqbuf->planes, record->told, sizeof(record->told));
    buffer->event.size = sizeof(*dqbuf);
    return estate_remember(tally, &buffer->event, record->event.order);
}

static int restore_buffer(struct v4l2_context *context, struct v4l2_queue *queue, uint32_t handle,
                          const struct v4l2_estate_buffer *record, struct estate_tally *tally)
{
    struct v4l2_queue_buffer *buffer = v4l2_queue_buffer(queue, record->index);
    int r = buffer == NULL ? -errno : restore_planes(context, buffer, record);

    if (r == 0)
        r = restore_event(context, buffer, record, tally);
    if (r != 0) {
        v4l2_queue_forget(queue, record->index, context->node->calls);
        return r;
    }
    buffer->event.record = handle;
    buffer->queued = record->queued != 0;
    buffer->prepared = record->prepared != 0;
    queue->queued += buffer->queued;
    if ((int32_t)(record->sequence - queue->sequence) > 0)
        queue->sequence = record->sequence;
    tally->buffers++;
    return 0;
}

int v4l2_estate_resume_part(struct context *base, uint32_t handle, const void *from, size_t size,
                            struct estate_tally *tally)
{
    struct v4l2_context *context = (struct v4l2_context *)(void *)base;
    struct v4l2_estate_buffer record;
    struct v4l2_queue *queue;

    if (size != sizeof(record))
        return -EINVAL;
    memcpy(&record, from, sizeof(record));
    queue = record.output ? &context->output : &context->capture;
    if (queue->type == 0 || record.index >= V4L2_QUEUE_MAX || record.planes > VIDEO_MAX_PLANES ||
        record.user_planes > VIDEO_MAX_PLANES || (record.planes > 0 && record.user_planes > 0))
        return -EINVAL;
    if (v4l2_queue_find(queue, record.index) != NULL)
        return -EEXIST;
    return restore_buffer(context, queue, handle, &record, tally);
}
