/* SPDX-License-Identifier: MIT */
#include "media/media.h"

void media_show_sessions(const struct media *media)
{
    __atomic_store_n(&media->device.host->census->sessions, media->sessions.map.count,
                     __ATOMIC_RELAXED);
}
