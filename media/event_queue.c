/* SPDX-License-Identifier: MIT */
#include "media/event_queue.h"

#include "base/log.h"
#include "base/probe_point.h"
#include "base/trace.h"
#include "media/estate.h"

/* Buffers looked at in one go: a driver that refills the ring with bad ones meanwhile does not keep
 * us. */
#define FLUSH_MAX 256u

void event_queue_init(struct event_queue *queue, struct device_host *host)
{
    *queue = (struct event_queue){.host = host};
    TAILQ_INIT(&queue->waiting);
}

/* Returns whether the guest has got it. */
static bool send_in(struct event_queue *queue, struct event *event, struct chain *chain)
{
    struct device_host *host = queue->host;
    struct virtqueue *ring = &host->queues[VIRTIO_MEDIA_EVENTQ];
    bool sent = chain->writable_size >= event->size &&
                chain_write(chain, host->memory, 0, &event->u, event->size) == event->size;

    if (!sent) {
        log_stranger("an event buffer of %llu bytes does not take an event of %u",
                     (unsigned long long)chain->writable_size, event->size);
        stats_add(&host->stats->chains_bad, 1);
    }
    if (sent && queue->estate != NULL)
        estate_sends(queue->estate, event, chain);
    virtqueue_push(ring, chain, sent ? event->size : 0);
    return sent;
}

/* A buffer is the guest's again. */
static void note_frame(const struct event *event)
{
    const struct virtio_media_event_dqbuf *frame = &event->u.dqbuf;

    if (event->u.hdr.event != VIRTIO_MEDIA_EVT_DQBUF)
        return;
    HOSTBLOB_PROBE4(media_frame, frame->hdr.session_id, frame->buffer.type, frame->buffer.index,
                    frame->buffer.sequence);
    if (TRACE_ON())
        trace_put(&(struct trace_event){
            .phase = TRACE_INSTANT,
            .category = "frame",
            .name = V4L2_TYPE_IS_OUTPUT(frame->buffer.type) ? "taken" : "frame",
            .args = {{"session", frame->hdr.session_id},
                     {"buffer", frame->buffer.index},
                     {"sequence", frame->buffer.sequence},
                     {"flags", frame->buffer.flags}},
        });
}

void event_queue_flush(struct event_queue *queue)
{
    struct device_host *host = queue->host;
    unsigned used = 0;

    while (!TAILQ_EMPTY(&queue->waiting) && used < FLUSH_MAX) {
        struct event *event = TAILQ_FIRST(&queue->waiting);
        struct chain *chain = virtqueue_pop(&host->queues[VIRTIO_MEDIA_EVENTQ]);

        if (chain == NULL)
            break;
        used++;
        if (!send_in(queue, event, chain))
            continue;
        stats_add(&host->stats->events_sent, 1);
        event_queue_remove(queue, event);
        note_frame(event);
        if (event->sent != NULL)
            event->sent(event);
    }
    if (used > 0)
        host->call(host, VIRTIO_MEDIA_EVENTQ);
}

void event_queue_hold(struct event_queue *queue, bool hold)
{
    queue->held = hold;
    if (!hold && !TAILQ_EMPTY(&queue->waiting))
        event_queue_flush(queue);
}

void event_queue_add(struct event_queue *queue, struct event *event)
{
    TAILQ_INSERT_TAIL(&queue->waiting, event, entry);
    event->waiting = true;
    event->order = ++queue->order;
    if (event->note != NULL)
        event->note(event);
    if (queue->held)
        return;
    event_queue_flush(queue);
    if (event->waiting && queue->estate != NULL)
        estate_settle(queue->estate);
}

void event_queue_remove(struct event_queue *queue, struct event *event)
{
    if (!event->waiting)
        return;
    TAILQ_REMOVE(&queue->waiting, event, entry);
    event->waiting = false;
}
