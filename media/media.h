/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_MEDIA_H
#define MEDIA_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"
#include "media/command.h"
#include "media/estate.h"
#include "media/event_queue.h"
#include "media/job.h"
#include "media/media_kind.h"
#include "media/session.h"
#include "media/window.h"
#include "protocol/virtio_media.h"

/* Device 48, virtio-media: a V4L2 node. */
struct media {
    struct device device;
    struct virtio_media_config config;
    struct session_table sessions;
    struct window window;
    struct event_queue events;
    struct estate estate;
    struct job_pool jobs;
    struct command command;
    const struct context_waiter *waiter; /* the command queue's; borrowed */
    struct media_kind *kind;             /* owned */
};

/* A session is open: enters it into the estate. */
void media_session_opened(struct media *media, struct session *session);
/* Ends a session, and all that it owns. Takes NULL. */
void media_close_session(struct media *media, struct session *session);
/* A session ended, or a new one began: shows it in the census. */
void media_show_sessions(const struct media *media);

#endif
