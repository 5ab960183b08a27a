/* SPDX-License-Identifier: MIT */
#ifndef GUEST_3D_VK_H
#define GUEST_3D_VK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

/* One Vulkan device with one queue, and what small tests do with it. Every function that can fail
 * returns a VkResult and has said what failed, as '@@ lost=RESULT call=NAME'. */
struct vk {
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    VkQueue queue;
    VkCommandPool pool;
    VkCommandBuffer command;
    VkFence fence;
    VkPhysicalDeviceMemoryProperties memory;
};

/* A buffer with memory of its own that the host sees, mapped. */
struct vk_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    VkDeviceSize size, allocated;
    void *map;
};

/* How long the work of one vk_run() may take. */
#define VK_PATIENCE_NS UINT64_C(20000000000)

/* Says that a call has failed, and returns its result. */
VkResult vk_failed(VkResult, const char *call);

/* Opens the first device there is and prints '@@ device=NAME' with '_' for each space. */
VkResult vk_init(struct vk *);
/* The same, with 'count' extensions of the device. */
VkResult vk_init_with(struct vk *, const char *const *extensions, uint32_t count);
void vk_finish(struct vk *);

/* The first memory type among 'allowed' (bits) with all of 'wanted'; -1: there is none. */
int vk_memory_type(const struct vk *, uint32_t allowed, VkMemoryPropertyFlags wanted);

/* Makes and maps a buffer of exactly 'size' bytes; its memory is as large as the driver asks. */
VkResult vk_buffer_init(struct vk *, struct vk_buffer *, VkDeviceSize size);
void vk_buffer_finish(struct vk *, struct vk_buffer *);

/* Begins the one command buffer; vk_run() submits it and waits until its work is done. */
VkResult vk_begin(struct vk *);
VkResult vk_run(struct vk *);

/* A shader of SPIR-V words. */
VkResult vk_shader(struct vk *, const uint32_t *words, size_t bytes, VkShaderModule *);

#endif
