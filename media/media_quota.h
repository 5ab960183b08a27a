/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_MEDIA_QUOTA_H
#define MEDIA_MEDIA_QUOTA_H

#include "base/quota.h"

/* What a guest's media device may hold of the host: the places of device_host::quotas. */
enum media_quota {
    MEDIA_QUOTA_MEMORY,
    MEDIA_QUOTA_BUFFERS,
    MEDIA_QUOTA_MAPPINGS,
    MEDIA_QUOTA_SESSIONS,
    MEDIA_QUOTA_SUBSCRIPTIONS,
    MEDIA_QUOTA_PAGES,
    MEDIA_QUOTA_CODEC_MEMORY,
    MEDIA_QUOTA_COUNT,
};

/* The table: by enum media_quota, ended by a NULL name. */
extern const struct quota_row media_quota_rows[MEDIA_QUOTA_COUNT + 1];

#endif
