/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_EVENT_QUEUE_H
#define MEDIA_EVENT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "device/device.h"
#include "protocol/virtio_media.h"

/*
 * An event that waits for a buffer of the guest's event queue. Whoever causes events embeds one: so
 * none is ever lost for want of memory, and there are never more than causes.
 */
struct event {
    TAILQ_ENTRY(event) entry; // event_queue::waiting
    bool waiting;
    uint64_t order;  /* among those that waited */
    uint32_t record; /* of its cause, which begins with struct estate_event; 0: none */
    uint32_t size;   /* bytes of 'u' to send */
    /* Called when it waits, before it is sent: its cause enters it into the estate. May be NULL. */
    void (*note)(struct event *event);
    /* Called when the guest has been given it; may be NULL. */
    void (*sent)(struct event *event);
    union {
        struct virtio_media_event_header hdr;
        struct virtio_media_event_error error;
        struct virtio_media_event_dqbuf dqbuf;
        struct virtio_media_event_event event;
    } u;
};

TAILQ_HEAD(event_list, event);

struct estate;

struct event_queue {
    struct device_host *host; /* borrowed */
    struct estate *estate;    /* borrowed; NULL: nothing outlives us */
    uint64_t order;           /* the last that was given */
    bool held;                /* a command runs: they wait until it is settled */
    struct event_list waiting;
};

void event_queue_init(struct event_queue *queue, struct device_host *host);
/* Sends 'event' after those that wait; it must not be waiting itself. Borrowed until it is sent or
 * removed. */
void event_queue_add(struct event_queue *queue, struct event *event);
/* A command runs now, and what it causes is told when its effect is settled; or it is. */
void event_queue_hold(struct event_queue *queue, bool hold);
/* Takes back an event that was not sent; nothing if it was. */
void event_queue_remove(struct event_queue *queue, struct event *event);
/* The driver may have given event buffers: fills as many as there are events. Buffers that are too
 * small go back empty. */
void event_queue_flush(struct event_queue *queue);

#endif
