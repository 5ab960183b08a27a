/* SPDX-License-Identifier: MIT */
#ifndef GPU_VULKAN_CALLS_H
#define GPU_VULKAN_CALLS_H

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

/* The functions of Vulkan that the self-test calls; the library is loaded at run time. */
#define VULKAN_CALLS_OF_INSTANCE(call)                                                             \
    call(DestroyInstance);                                                                         \
    call(EnumeratePhysicalDevices);                                                                \
    call(GetPhysicalDeviceProperties2);                                                            \
    call(GetPhysicalDeviceMemoryProperties);                                                       \
    call(GetPhysicalDeviceExternalBufferProperties);                                               \
    call(EnumerateDeviceExtensionProperties);                                                      \
    call(CreateDevice);                                                                            \
    call(GetDeviceProcAddr)
#define VULKAN_CALLS_OF_DEVICE(call)                                                               \
    call(DestroyDevice);                                                                           \
    call(AllocateMemory);                                                                          \
    call(FreeMemory);                                                                              \
    call(MapMemory);                                                                               \
    call(GetMemoryFdKHR)

#define VULKAN_CALLS_MEMBER(name) PFN_vk##name name

struct vulkan_calls {
    void *library;
    VkInstance instance;
    VULKAN_CALLS_OF_INSTANCE(VULKAN_CALLS_MEMBER);
    VULKAN_CALLS_OF_DEVICE(VULKAN_CALLS_MEMBER); /* of the device made last */
};

/* Loads the library and makes an instance. NULL, or why that is not possible, as a sentence without
 * an end. The library stays loaded. */
const char *vulkan_calls_init(struct vulkan_calls *calls);
void vulkan_calls_finish(struct vulkan_calls *calls);
/* A device with these extensions and one queue; NULL: it cannot be made. */
VkDevice vulkan_calls_device(struct vulkan_calls *calls, VkPhysicalDevice physical,
                             const char *const *extensions, uint32_t count);

#endif
