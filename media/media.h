/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_MEDIA_H
#define MEDIA_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"
#include "media/buffer_queue.h"
#include "media/command.h"
#include "media/event_queue.h"
#include "media/media_kind.h"
#include "media/session.h"
#include "media/window.h"
#include "protocol/virtio_media.h"

#define MEDIA_DEFAULT_RATE 30u /* frames per second */

/*
 * Device 48, virtio-media: a V4L2 node. Format, interval and buffers belong to the node and not to
 * a session, as V4L2 has it: who sets them sets them for all, and who owns the buffers shuts the
 * others out.
 */
struct media {
    struct device device;
    struct virtio_media_config config;
    struct media_kind *kind;
    struct media_stream stream; /* what is set, for the next STREAMON */
    struct session_table sessions;
    struct window window;
    struct event_queue events;
    struct buffer_queue queue;
    struct command command;
};

/* A session ended, or a new one began: shows it in the census. */
void media_show_sessions(const struct media *media);

#endif
