/* SPDX-License-Identifier: MIT */
#include "gpu/vulkan_layer/chain.h"

#include <stddef.h>

const void *chain_find(const void *head, VkStructureType type)
{
    const VkBaseInStructure *s = ((const VkBaseInStructure *)head)->pNext;

    while (s != NULL && s->sType != type)
        s = s->pNext;
    return s;
}

void chain_take(void *head, VkStructureType type, struct chain_gap *gap)
{
    VkBaseOutStructure *before = head;

    *gap = (struct chain_gap){0};
    while (before->pNext != NULL && before->pNext->sType != type)
        before = before->pNext;
    if (before->pNext == NULL)
        return;
    *gap = (struct chain_gap){before, before->pNext};
    before->pNext = gap->taken->pNext;
}

void chain_put_back(const struct chain_gap *gap)
{
    if (gap->taken != NULL)
        gap->before->pNext = gap->taken;
}
