/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_MEDIA_LIST_H
#define MEDIA_MEDIA_LIST_H

#include "device/device.h"

/* A person's command, as device_impl.command: 'sessions' is all that there is. */
void media_command(struct device *device, const char *line, int fd, device_answer *answer,
                   void *data);

#endif
