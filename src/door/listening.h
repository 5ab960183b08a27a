/* SPDX-License-Identifier: MIT */
#ifndef DOOR_LISTENING_H
#define DOOR_LISTENING_H

#include <errno.h>
#include <stdbool.h>

#include <systemd/sd-event.h>

#include "base/fd.h"

/* Listens to a descriptor that is in the loop, or not for a while. To be waited for takes the
 * kernel some memory: it is tried a few times. 0 or -errno. */
static inline int listening_set(sd_event_source *io, bool listens)
{
    int r = -ENOMEM;

    for (unsigned i = 0; i < FD_WANT_TRIES && r < 0; i++)
        r = sd_event_source_set_enabled(io, listens ? SD_EVENT_ON : SD_EVENT_OFF);
    return r < 0 ? r : 0;
}

#endif
