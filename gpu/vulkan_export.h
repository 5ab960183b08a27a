/* SPDX-License-Identifier: MIT */
#ifndef GPU_VULKAN_EXPORT_H
#define GPU_VULKAN_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/vulkan_calls.h"

/* What became of an allocation of host-visible memory that was exported as a descriptor. */
struct vulkan_export {
    const char *why;   /* NULL: it worked, and the bytes were found */
    bool regular_file; /* the descriptor is that of a file, such as a memfd */
    uint64_t offset;   /* of the bytes in it */
};

/*
 * Allocates memory of that type of 'device', exports it as 'handle', writes through Vulkan's
 * mapping, looks where in the descriptor that arrives, writes there and looks in Vulkan's mapping.
 */
void vulkan_export_try(const struct vulkan_calls *calls, VkDevice device, uint32_t type,
                       VkExternalMemoryHandleTypeFlagBits handle, struct vulkan_export *result);

#endif
