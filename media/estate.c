/* SPDX-License-Identifier: MIT */
#include "media/estate_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "media/media.h"
#include "media/subscription.h"

/* If not, a record that there was is nobody's any more. */
static bool told_of(const struct estate *estate, uint32_t *handle)
{
    if (!estate_is_told(estate))
        *handle = 0;
    return estate_is_told(estate);
}

static void erase(struct estate *estate, uint32_t *handle)
{
    if (estate_is_told(estate))
        store_erase(estate->store, handle);
    *handle = 0;
}

/* ---- sessions ---- */

void estate_session(struct media *media, struct session *session)
{
    struct estate *estate = &media->estate;
    struct estate_session record = {session->event_sequence};
    struct estate_device device = {media->sessions.next};

    if (!told_of(estate, &session->record))
        return;
    store_replace(estate->store, ESTATE_SESSION, session->id.id, &record, sizeof(record),
                  &session->record);
    if (estate->device == 0)
        store_replace(estate->store, ESTATE_DEVICE, 0, &device, sizeof(device), &estate->device);
    else
        estate_put_word(estate, estate->device, device.next_session);
}

void estate_session_gone(struct media *media, struct session *session)
{
    erase(&media->estate, &session->record);
}

void estate_session_counts(struct media *media, struct session *session)
{
    if (estate_is_told(&media->estate))
        estate_put_word(&media->estate, session->record, session->event_sequence);
}

void estate_subscription(struct estate *estate, struct session *session,
                         struct subscription *subscription)
{
    struct estate_subscription record = {
        .type = subscription->type,
        .id = subscription->id,
        .flags = subscription->flags,
        .waiting = subscription->event.waiting,
    };

    if (!told_of(estate, &subscription->event.record))
        return;
    if (subscription->event.waiting) {
        record.event.order = subscription->event.order;
        record.what = subscription->event.u.event.event;
    }
    store_replace(estate->store, ESTATE_SUBSCRIPTION, session->id.id, &record, sizeof(record),
                  &subscription->event.record);
}

void estate_subscription_gone(struct estate *estate, struct subscription *subscription)
{
    erase(estate, &subscription->event.record);
}

/* ---- contexts ---- */

void estate_context(struct context *context)
{
    struct estate *estate = &context->media->estate;
    uint64_t bytes[CONTEXT_MAX_ESTATE / 8];

    if (context->impl->leave == NULL || !told_of(estate, &context->record))
        return;
    store_replace(estate->store, ESTATE_CONTEXT, context->id, bytes,
                  context->impl->leave(context, bytes), &context->record);
}

void estate_context_gone(struct context *context)
{
    struct estate *estate = &context->media->estate;

    erase(estate, &context->record);
    if (context->controls != NULL)
        erase(estate, &context->controls->record);
}

static size_t rounded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

/* Neither made from the ids, nor asked for each time. */
static bool is_kept(const struct control *control)
{
    return control->spec->type != V4L2_CTRL_TYPE_CTRL_CLASS &&
           (control->flags & V4L2_CTRL_FLAG_VOLATILE) == 0;
}

static size_t controls_size(const struct control_set *set)
{
    size_t size = 0;

    for (unsigned i = 0; i < set->count; i++)
        if (is_kept(&set->controls[i]))
            size += sizeof(struct estate_control) + rounded(set->controls[i].size);
    return size;
}

void estate_controls(struct control_set *set)
{
    struct estate *estate = set->context != NULL ? &set->context->media->estate : NULL;
    size_t size = controls_size(set);
    uint8_t *bytes, *at;

    if (size == 0 || !told_of(estate, &set->record))
        return;
    at = bytes = calloc(1, size);
    if (bytes == NULL) {
        log_warning("The controls of context %u are lost if this worker dies: memory is out.",
                    set->context->id);
        return;
    }
    for (unsigned i = 0; i < set->count; i++) {
        const struct control *control = &set->controls[i];
        struct estate_control head = {control->spec->id, control->size, control->value};

        if (!is_kept(control))
            continue;
        memcpy(at, &head, sizeof(head));
        if (control->size > 0)
            memcpy(at + sizeof(head), control->data, control->size);
        at += sizeof(head) + rounded(control->size);
    }
    store_replace(estate->store, ESTATE_CONTROLS, set->context->id, bytes, size, &set->record);
    free(bytes);
}

/* ---- buffers ---- */

static bool is_output(const struct buffer_queue *queue)
{
    return V4L2_TYPE_IS_OUTPUT(queue->type);
}

void estate_queue(struct buffer_queue *queue)
{
    struct estate *estate = queue->events->estate;
    const struct estate_queue record = {
        .output = is_output(queue),
        .owner = queue->owner,
        .owned = queue->owned,
        .streaming = queue->streaming,
        .user = queue->user,
        .count = queue->count,
    };

    if (!told_of(estate, &queue->record))
        return;
    if (!queue->owned)
        erase(estate, &queue->record);
    else
        store_replace(estate->store, ESTATE_QUEUE, queue->context, &record, sizeof(record),
                      &queue->record);
}

static void describe_planes(const struct queue_buffer *buffer, struct estate_buffer *record)
{
    for (unsigned i = 0; i < buffer->planes; i++) {
        const struct plane *plane = buffer->plane[i];

        record->plane[i] = (struct estate_plane){
            .place = plane != NULL ? plane->place.start : 0,
            .key = plane != NULL ? plane->key : 0,
            .userptr = buffer->userptr[i],
            .size = plane != NULL ? plane->size : 0,
            .least = buffer->least[i],
            .bytesused = buffer->bytesused[i],
            .data_offset = buffer->data_offset[i],
        };
    }
}

void estate_buffer(struct buffer_queue *queue, struct queue_buffer *buffer)
{
    struct estate_buffer record = {
        .event.order =
            buffer->state == QUEUE_BUFFER_DONE ? buffer->event.order : buffer->queued_order,
        .timestamp = buffer->timestamp,
        .output = is_output(queue),
        .index = buffer->index,
        .state = buffer->state,
        .sequence = buffer->sequence,
        .flags = buffer->flags,
        .planes = buffer->planes,
    };

    if (!told_of(queue->events->estate, &buffer->event.record))
        return;
    describe_planes(buffer, &record);
    store_replace(queue->events->estate->store, ESTATE_BUFFER, queue->context, &record,
                  offsetof(struct estate_buffer, plane) + buffer->planes * sizeof(record.plane[0]),
                  &buffer->event.record);
}

void estate_buffer_gone(struct buffer_queue *queue, struct queue_buffer *buffer)
{
    erase(queue->events->estate, &buffer->event.record);
}

/* ---- what only its owner understands, and descriptors ---- */

void estate_part(struct estate *estate, uint32_t session, const void *bytes, size_t size,
                 uint32_t *handle)
{
    if (told_of(estate, handle))
        store_replace(estate->store, ESTATE_PART, session, bytes, size, handle);
}

void estate_part_gone(struct estate *estate, uint32_t *handle)
{
    erase(estate, handle);
}

void estate_shelve(struct estate *estate, int fd, uint64_t *key)
{
    if (estate_is_told(estate) && fd >= 0)
        *key = shelf_put(estate->shelf, fd);
}

void estate_unshelve(struct estate *estate, uint64_t *key)
{
    if (!estate_is_told(estate) || *key == 0)
        return;
    if (shelf_drops_is_full(&estate->drops))
        estate_commit(estate);
    shelf_drops_add(&estate->drops, key);
}

void estate_plane(struct estate *estate, struct plane *plane)
{
    estate_shelve(estate, plane->buffer->fd, &plane->key);
}

void estate_plane_gone(struct estate *estate, struct plane *plane)
{
    erase(estate, &plane->record);
    estate_unshelve(estate, &plane->key);
}

void estate_mapping(struct estate *estate, struct plane *plane)
{
    const struct estate_mapping record = {
        .place = plane->place.start, .key = plane->key, .size = plane->size, .mmaps = plane->mmaps};

    if (!told_of(estate, &plane->record))
        return;
    if (plane->mmaps == 0)
        erase(estate, &plane->record);
    else
        store_replace(estate->store, ESTATE_MAPPING,
                      (uint32_t)(plane->place.start / units_page_size()), &record, sizeof(record),
                      &plane->record);
}
