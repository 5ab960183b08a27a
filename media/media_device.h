/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_MEDIA_DEVICE_H
#define MEDIA_MEDIA_DEVICE_H

#include <stdbool.h>

#include "device/device.h"

#define MEDIA_DEFAULT_SESSIONS 64u
#define MEDIA_DEFAULT_CARD "hostblob pattern"

/* Zeros and NULLs stand for the defaults. */
struct media_options {
    const char *kind; /* "pattern", the default */
    const char *card; /* the name that the guest shows; cut off at 31 bytes */
    /* The node speaks V4L2's multi-planar API, with the same formats and NV12M too. V4L2 programs
     * expect a node to have one API or the other, never both. */
    bool multiplanar;
    unsigned max_sessions;
};

/* A media device on 'host' (borrowed for its life). NULL with errno set: EINVAL for an unknown
 * kind. */
struct device *media_device_create(struct device_host *host, const struct media_options *options);

#endif
