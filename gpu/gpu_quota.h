/* SPDX-License-Identifier: MIT */
#ifndef GPU_GPU_QUOTA_H
#define GPU_GPU_QUOTA_H

#include "base/quota.h"

/* What a guest's GPU may hold of the host: the places of device_host::quotas. */
enum gpu_quota {
    GPU_QUOTA_MEMORY,
    GPU_QUOTA_TEXTURES,
    GPU_QUOTA_RESOURCES,
    GPU_QUOTA_PAGES,
    GPU_QUOTA_CONTEXTS,
    GPU_QUOTA_ATTACHMENTS,
    GPU_QUOTA_MAPPINGS,
    GPU_QUOTA_COMMANDS,
    GPU_QUOTA_COMMAND_BYTES,
    GPU_QUOTA_COUNT,
};

/* The table: by enum gpu_quota, ended by a NULL name. */
extern const struct quota_row gpu_quota_rows[GPU_QUOTA_COUNT + 1];

#endif
