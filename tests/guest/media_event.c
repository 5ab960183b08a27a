/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "media_driver.h"

static int post(struct media_driver *driver, unsigned index)
{
    struct media_piece piece = {
        .at = driver->event_buffers[index],
        .size = sizeof(*driver->event_buffers[index]),
        .write = true,
    };

    memset(piece.at, 0xee, piece.size);
    return media_ring_add(&driver->events, &piece, 1, false, index);
}

int media_driver_post_events(struct media_driver *driver)
{
    for (unsigned i = 0; i < driver->event_count; i++) {
        int rc;

        driver->event_buffers[i] = media_dma_alloc(&driver->dma, 608, 64);
        if (!driver->event_buffers[i])
            return -ENOMEM;
        rc = post(driver, i);
        if (rc)
            return rc;
    }
    return 0;
}

struct media_session *media_driver_session(struct media_driver *driver, unsigned client,
                                           uint32_t id)
{
    for (unsigned i = 0; i < MEDIA_DRIVER_SESSIONS; i++) {
        struct media_session *s = &driver->sessions[i];

        if (s->live && s->id == id && (s->client == client || client == MEDIA_DRIVER_CLIENTS))
            return s;
    }
    return NULL;
}

static void take_frame(struct media_driver *driver, const struct virtio_media_event_dqbuf *event,
                       uint32_t used)
{
    uint32_t id = event->hdr.session_id, index = event->buffer.index;
    struct media_session *session = media_driver_session(driver, MEDIA_DRIVER_CLIENTS, id);
    struct media_frame_info *info;

    driver->event_total++;
    if (used != sizeof(*event)) {
        media_driver_fault(driver, "a DQBUF event has %u bytes, not 608", used);
        return;
    }
    if (!session || index >= MEDIA_DRIVER_BUFFERS || !(session->queued >> index & 1)) {
        media_driver_fault(driver, "DQBUF event for session %u buffer %u, which is not queued", id,
                           index);
        return;
    }
    session->queued &= ~(1ull << index);
    if (session->count == MEDIA_DRIVER_BUFFERS) {
        media_driver_fault(driver, "session %u has more events than buffers", id);
        return;
    }
    info = &session->frames[(session->first + session->count++) % MEDIA_DRIVER_BUFFERS];
    info->buffer = event->buffer;
    memcpy(info->planes, event->planes, sizeof(info->planes));
}

static void take_event(struct media_driver *driver, const struct virtio_media_event_dqbuf *event,
                       uint32_t used)
{
    if (used < sizeof(event->hdr)) {
        media_driver_fault(driver, "an event has %u bytes", used);
    } else if (event->hdr.event == VIRTIO_MEDIA_EVT_DQBUF) {
        take_frame(driver, event, used);
    } else if (event->hdr.event == VIRTIO_MEDIA_EVT_EVENT) {
        if (used != sizeof(struct virtio_media_event_event))
            media_driver_fault(driver, "an EVENT event has %u bytes, not 144", used);
    } else if (event->hdr.event == VIRTIO_MEDIA_EVT_ERROR) {
        struct virtio_media_event_error error;

        memcpy(&error, event, sizeof(error));
        media_driver_fault(driver, "ERROR event for session %u: %u", error.hdr.session_id,
                           error.error);
    } else {
        media_driver_fault(driver, "event %u is unknown", event->hdr.event);
    }
}

void media_driver_take_events(struct media_driver *driver)
{
    struct media_done done;
    unsigned taken = 0;
    int rc = 0;

    while (!driver->dead && (rc = media_ring_take(&driver->events, &done)) > 0) {
        take_event(driver, driver->event_buffers[done.token], done.used);
        rc = post(driver, done.token);
        if (rc)
            break;
        taken++;
    }
    if (rc < 0) {
        driver->dead = true;
        media_driver_fault(driver, "the event queue is broken: %s", strerror(-rc));
    }
    if (taken)
        media_ring_kick(&driver->events);
}
