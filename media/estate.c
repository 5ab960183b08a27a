/* SPDX-License-Identifier: MIT */
#include "media/estate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "media/media.h"
#include "media/subscription.h"

/* Whether somebody is told of facts. */
static bool told(const struct estate *estate)
{
    return estate != NULL && estate->store != NULL && !estate->muted;
}

/* If not, a record that there was is nobody's any more. */
static bool told_of(const struct estate *estate, uint32_t *handle)
{
    if (!told(estate))
        *handle = 0;
    return told(estate);
}

static void put(struct estate *estate, enum estate_kind kind, uint32_t id, const void *bytes,
                size_t size, uint32_t *handle)
{
    store_erase(estate->store, handle);
    *handle = store_put(estate->store, kind, id, bytes, size);
}

static void erase(struct estate *estate, uint32_t *handle)
{
    if (told(estate))
        store_erase(estate->store, handle);
    *handle = 0;
}

static void put_word(struct estate *estate, uint32_t handle, uint64_t value)
{
    if (handle != 0)
        __atomic_store_n(store_word(estate->store, handle, 0), value, __ATOMIC_RELEASE);
}

static void drop_keys(struct estate *estate)
{
    for (unsigned i = 0; i < estate->drop_count; i++)
        shelf_drop(estate->shelf, estate->drops[i]);
    estate->drop_count = 0;
}

static void commit(struct estate *estate)
{
    if (store_is_changed(estate->store))
        store_commit(estate->store, NULL);
    drop_keys(estate);
}

/* ---- sessions ---- */

void estate_session(struct media *media, struct session *session)
{
    struct estate *estate = &media->estate;
    struct estate_session record = {session->event_sequence};
    struct estate_device device = {media->sessions.next};

    if (!told_of(estate, &session->record))
        return;
    put(estate, ESTATE_SESSION, session->id.id, &record, sizeof(record), &session->record);
    if (estate->device == 0)
        put(estate, ESTATE_DEVICE, 0, &device, sizeof(device), &estate->device);
    else
        put_word(estate, estate->device, device.next_session);
}

void estate_session_gone(struct media *media, struct session *session)
{
    erase(&media->estate, &session->record);
}

void estate_session_counts(struct media *media, struct session *session)
{
    if (told(&media->estate))
        put_word(&media->estate, session->record, session->event_sequence);
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
    put(estate, ESTATE_SUBSCRIPTION, session->id.id, &record, sizeof(record),
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
    put(estate, ESTATE_CONTEXT, context->id, bytes, context->impl->leave(context, bytes),
        &context->record);
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
    put(estate, ESTATE_CONTROLS, set->context->id, bytes, size, &set->record);
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
        put(estate, ESTATE_QUEUE, queue->context, &record, sizeof(record), &queue->record);
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
    put(queue->events->estate, ESTATE_BUFFER, queue->context, &record,
        offsetof(struct estate_buffer, plane) + buffer->planes * sizeof(record.plane[0]),
        &buffer->event.record);
}

void estate_buffer_gone(struct buffer_queue *queue, struct queue_buffer *buffer)
{
    erase(queue->events->estate, &buffer->event.record);
}

void estate_plane(struct estate *estate, struct plane *plane)
{
    if (told(estate) && plane->buffer->fd >= 0)
        plane->key = shelf_put(estate->shelf, plane->buffer->fd);
}

void estate_plane_gone(struct estate *estate, struct plane *plane)
{
    erase(estate, &plane->record);
    if (!told(estate) || plane->key == 0)
        return;
    if (estate->drop_count == STORE_MAX_CHANGES)
        commit(estate);
    estate->drops[estate->drop_count++] = plane->key;
    plane->key = 0;
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
        put(estate, ESTATE_MAPPING, (uint32_t)(plane->place.start / units_page_size()), &record,
            sizeof(record), &plane->record);
}

/* ---- what makes them valid ---- */

void estate_settle(struct estate *estate)
{
    if (told(estate) && !estate->running)
        commit(estate);
}

void estate_sends(struct estate *estate, const struct event *event, const struct chain *chain)
{
    if (!told(estate))
        return;
    put_word(estate, event->record, chain->tag);
    commit(estate);
}

void estate_runs(struct estate *estate, const struct chain *chain, uint32_t type, uint32_t session)
{
    const struct device_host *host = estate->media->device.host;

    estate->running = true;
    if (host->running == NULL)
        return;
    host->running->life = host->life;
    host->running->type = type;
    host->running->context = session;
    host->running->resource = 0;
    __atomic_store_n(&host->running->tag, chain->tag, __ATOMIC_RELEASE);
}

void estate_rests(struct estate *estate)
{
    struct journal_running *running = estate->media->device.host->running;

    estate->running = false;
    if (running != NULL)
        __atomic_store_n(&running->tag, 0, __ATOMIC_RELEASE);
}

uint32_t estate_answer(struct estate *estate, const struct chain *chain, const void *reply,
                       size_t size)
{
    struct estate_answer head = {chain->tag, size};
    uint32_t record = 0;
    uint8_t *bytes;

    if (!told(estate) || !store_is_changed(estate->store))
        return 0;
    bytes = chain->tag != 0 ? malloc(sizeof(head) + size) : NULL;
    if (bytes != NULL) {
        memcpy(bytes, &head, sizeof(head));
        memcpy(bytes + sizeof(head), reply, size);
        record = store_put(estate->store, ESTATE_ANSWER, 0, bytes, sizeof(head) + size);
        free(bytes);
    }
    commit(estate);
    return record;
}

void estate_over(struct estate *estate, uint32_t record)
{
    if (record == 0 || !told(estate))
        return;
    store_erase(estate->store, &record);
    commit(estate);
}

uint32_t estate_recall(const struct estate *estate, const struct chain *chain, void *reply,
                       size_t room, size_t *size)
{
    struct estate_answer head;
    uint32_t handle = 0;

    if (!told(estate) || !chain->again || chain->tag == 0)
        return 0;
    while (store_next(estate->store, ESTATE_ANSWER, &handle)) {
        size_t whole = store_size(estate->store, handle);
        uint8_t *bytes;

        if (store_read(estate->store, handle, &head, sizeof(head)) != sizeof(head) ||
            head.tag != chain->tag || head.size > room || whole != sizeof(head) + head.size)
            continue;
        bytes = malloc(whole);
        if (bytes == NULL)
            return 0;
        store_read(estate->store, handle, bytes, whole);
        memcpy(reply, bytes + sizeof(head), head.size);
        free(bytes);
        *size = head.size;
        return handle;
    }
    return 0;
}

bool estate_is_poison(const struct estate *estate, const struct chain *chain)
{
    return chain->tag != 0 && chain->again && chain->tag == estate->death.tag &&
           estate->death.count >= 2;
}

/* ---- life ---- */

/* Counts how often workers died at the same request, once for each of them. */
static void count_death(struct estate *estate, const struct journal_running *running)
{
    struct estate_death *death = &estate->death;

    if (running->tag == 0 || running->life == death->life)
        return;
    death->count = running->tag == death->tag ? death->count + 1 : 1;
    death->tag = running->tag;
    death->life = running->life;
    put(estate, ESTATE_DEATH, 0, death, sizeof(*death), &estate->death_record);
    store_commit(estate->store, NULL);
    log_error("The worker before this one died in command %u, ioctl %u, of session %u; %s.",
              running->type & 0xff, running->type >> 8, running->context,
              death->count < 2 ? "it is carried out once more"
                               : "it is answered with an error now, for it was not the first");
}

void estate_init(struct estate *estate, struct media *media)
{
    const struct device_host *host = media->device.host;

    *estate = (struct estate){.media = media, .store = host->store, .shelf = host->shelf};
    if (estate->store == NULL)
        return;
    estate->epoch = estate->store->epoch;
    if (store_next(estate->store, ESTATE_DEATH, &estate->death_record))
        store_read(estate->store, estate->death_record, &estate->death, sizeof(estate->death));
    if (host->running != NULL && host->life > 1)
        count_death(estate, host->running);
    estate->muted = true; /* until a driver begins, or goes on */
}

void estate_mute(struct estate *estate)
{
    estate->muted = true;
}

void estate_begin(struct estate *estate)
{
    /* Before the first driver: another worker's may go on. */
    if (estate->store == NULL || estate->store->epoch == estate->epoch)
        return;
    *estate = (struct estate){.media = estate->media,
                              .store = estate->store,
                              .shelf = estate->shelf,
                              .epoch = estate->store->epoch};
}
