/* SPDX-License-Identifier: MIT */
#ifndef GUEST_3D_VK_VERIFY_H
#define GUEST_3D_VK_VERIFY_H

#include "vk.h"

/* A compute pipeline that transforms one buffer into another. */
struct vk_verify {
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDescriptorPool pool;
    VkDescriptorSet set;
};

VkResult vk_verify_init(struct vk *, struct vk_verify *);
void vk_verify_finish(struct vk *, struct vk_verify *);

/* Writes a pattern that 'seed' begins into 'from', lets the device make 'to' of it, fills half of
 * 'from', and compares every word of both. Sets *bad to the number of wrong words. */
VkResult vk_verify_run(struct vk *, struct vk_verify *, struct vk_buffer *from,
                       struct vk_buffer *to, uint32_t seed, unsigned long *bad);

#endif
