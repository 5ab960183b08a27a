/* SPDX-License-Identifier: MIT */
#ifndef GPU_VULKAN_LAYER_CHAIN_H
#define GPU_VULKAN_LAYER_CHAIN_H

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

/*
 * The lists of structures (pNext) that Vulkan's calls take. They belong to the caller, and their
 * sizes are not known here, so they are not copied: what has to differ for the driver is changed in
 * place and put back after the call. The render server's lists are its own decoded ones, which it
 * may write.
 */

/* The first structure of that type behind 'head' (which has one itself); NULL: none. */
const void *chain_find(const void *head, VkStructureType type);

/* One structure taken out of a list. */
struct chain_gap {
    VkBaseOutStructure *before, *taken; /* NULL: nothing was taken */
};

/* Takes the first structure of that type out of the list behind 'head'. */
void chain_take(void *head, VkStructureType type, struct chain_gap *gap);
/* Puts it back where it was. The gaps of one list are filled in the reverse order. */
void chain_put_back(const struct chain_gap *gap);

#endif
