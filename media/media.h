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

#define MEDIA_DEFAULT_SESSIONS 64u
#define MEDIA_DEFAULT_CARD "hostblob pattern"
#define MEDIA_DEFAULT_RATE 30u /* frames per second */

/* Zeros and NULLs stand for the defaults. */
struct media_options {
    const char *kind; /* "pattern", the default */
    const char *card; /* the name that the guest shows; cut off at 31 bytes */
    /* The node speaks V4L2's multi-planar API, with the same formats and NV12M too. V4L2 programs
     * expect a node to have one API or the other, never both. */
    bool multiplanar;
    unsigned max_sessions;
};

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

/* A media device on 'host' (borrowed for its life). NULL with errno set: EINVAL for an unknown
 * kind. */
struct device *media_create(struct device_host *host, const struct media_options *options);
/* What the door answers for a device with such options, without one. False for an unknown kind. */
bool media_facts(const struct media_options *options, struct device_facts *facts);

/* A session ended, or a new one began: shows it in the census. */
void media_show_sessions(const struct media *media);

#endif
