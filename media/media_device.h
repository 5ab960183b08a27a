/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_MEDIA_DEVICE_H
#define MEDIA_MEDIA_DEVICE_H

#include "device/device.h"
#include "media/media_options.h"

/* A media device on 'host' (borrowed for its life). NULL with errno set: EINVAL for an unknown
 * kind, or whatever the kind met. */
struct device *media_device_create(struct device_host *host, const struct media_options *options);

#endif
