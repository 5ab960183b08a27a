/* SPDX-License-Identifier: MIT */
#ifndef GPU_VULKAN_LAYER_LAYER_H
#define GPU_VULKAN_LAYER_LAYER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#define VK_NO_PROTOTYPES
#include <vulkan/vk_layer.h>

/*
 * A Vulkan layer for the render server of Venus, whose guests map host-visible memory: that memory
 * has to leave the render process as a descriptor whose bytes can be mapped.
 *
 * Everywhere, exported memory is made whole pages large: virglrenderer before 1.3 does not ask for
 * that, and the end of a smaller allocation could not be mapped.
 *
 * Where a driver cannot export dmabufs, but takes memory of ours by its address (Mesa's software
 * driver on a host without /dev/udmabuf), this layer says that it can. Such memory is then a sealed
 * memfd, mapped here and given to the driver by its address; that memfd is what is exported, and
 * memfds are what is imported. The driver below sees nothing but host allocations. It is no dmabuf
 * for anybody but this layer, and whoever just maps it.
 */
#define LAYER_NAME "VK_LAYER_HOSTBLOB_memory"

/* The handle types that this layer makes out of memfds. */
#define LAYER_HANDLES                                                                              \
    ((VkExternalMemoryHandleTypeFlags)(VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT |            \
                                       VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT))

#define LAYER_MEMBER(name) PFN_vk##name name

/* What of the instance below is called; a name in the second list may have a KHR behind it. */
#define LAYER_INSTANCE_CALLS(call)                                                                 \
    call(DestroyInstance);                                                                         \
    call(CreateDevice);                                                                            \
    call(EnumerateDeviceExtensionProperties)
#define LAYER_INSTANCE_CALLS_2(call)                                                               \
    call(GetPhysicalDeviceProperties2);                                                            \
    call(GetPhysicalDeviceImageFormatProperties2);                                                 \
    call(GetPhysicalDeviceExternalBufferProperties)

/* Likewise of the device. */
#define LAYER_DEVICE_CALLS(call)                                                                   \
    call(DestroyDevice);                                                                           \
    call(AllocateMemory);                                                                          \
    call(FreeMemory);                                                                              \
    call(CreateImage);                                                                             \
    call(CreateBuffer);                                                                            \
    call(GetMemoryFdKHR);                                                                          \
    call(GetMemoryFdPropertiesKHR);                                                                \
    call(GetMemoryHostPointerPropertiesEXT)
#define LAYER_DEVICE_CALLS_2(call)                                                                 \
    call(GetDeviceBufferMemoryRequirements);                                                       \
    call(GetDeviceImageMemoryRequirements)

/* What was found out of a physical device. */
struct layer_physical {
    VkPhysicalDevice handle;
    bool shares;                     /* its memory is made exportable here */
    uint64_t alignment;              /* of such memory, bytes; whole pages */
    LIST_ENTRY(layer_physical) link; // layer_instance::physicals
};

struct layer_instance {
    void *key; /* what its dispatchable handles begin with */
    VkInstance handle;
    PFN_vkGetInstanceProcAddr next;
    LAYER_INSTANCE_CALLS(LAYER_MEMBER);
    LAYER_INSTANCE_CALLS_2(LAYER_MEMBER);
    LIST_HEAD(, layer_physical) physicals;
    LIST_ENTRY(layer_instance) link; // of all
};

RB_HEAD(layer_memory_tree, layer_memory);

struct layer_device {
    void *key;
    VkDevice handle;
    bool shares;
    uint64_t alignment;
    PFN_vkGetDeviceProcAddr next;
    LAYER_DEVICE_CALLS(LAYER_MEMBER);
    LAYER_DEVICE_CALLS_2(LAYER_MEMBER);
    pthread_mutex_t lock; /* of the memories */
    struct layer_memory_tree memories;
    LIST_ENTRY(layer_device) link; // of all
};

/* The one that a dispatchable handle belongs to; never NULL for a valid handle. */
struct layer_instance *layer_instance_of(const void *handle);
struct layer_device *layer_device_of(VkDevice device);
/* What is known of a physical device; finds it out at first. NULL: there is no memory. */
const struct layer_physical *layer_physical_of(struct layer_instance *instance,
                                               VkPhysicalDevice physical);

/* Vulkan's functions as this layer has them. gpu/vulkan_layer/layer_instance.c */
VKAPI_ATTR VkResult VKAPI_CALL layer_CreateInstance(const VkInstanceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkInstance *instance);
VKAPI_ATTR void VKAPI_CALL layer_DestroyInstance(VkInstance instance,
                                                 const VkAllocationCallbacks *allocator);

/* gpu/vulkan_layer/layer_device.c */
VKAPI_ATTR VkResult VKAPI_CALL layer_EnumerateDeviceExtensionProperties(
    VkPhysicalDevice physical, const char *layer, uint32_t *count, VkExtensionProperties *list);
VKAPI_ATTR VkResult VKAPI_CALL layer_CreateDevice(VkPhysicalDevice physical,
                                                  const VkDeviceCreateInfo *info,
                                                  const VkAllocationCallbacks *allocator,
                                                  VkDevice *device);
VKAPI_ATTR void VKAPI_CALL layer_DestroyDevice(VkDevice device,
                                               const VkAllocationCallbacks *allocator);

/* gpu/vulkan_layer/layer_external.c */
VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceExternalBufferProperties(
    VkPhysicalDevice physical, const VkPhysicalDeviceExternalBufferInfo *info,
    VkExternalBufferProperties *properties);
VKAPI_ATTR VkResult VKAPI_CALL layer_GetPhysicalDeviceImageFormatProperties2(
    VkPhysicalDevice physical, const VkPhysicalDeviceImageFormatInfo2 *info,
    VkImageFormatProperties2 *properties);
VKAPI_ATTR VkResult VKAPI_CALL layer_CreateImage(VkDevice device, const VkImageCreateInfo *info,
                                                 const VkAllocationCallbacks *allocator,
                                                 VkImage *image);
VKAPI_ATTR VkResult VKAPI_CALL layer_CreateBuffer(VkDevice device, const VkBufferCreateInfo *info,
                                                  const VkAllocationCallbacks *allocator,
                                                  VkBuffer *buffer);
VKAPI_ATTR void VKAPI_CALL layer_GetDeviceBufferMemoryRequirements(
    VkDevice device, const VkDeviceBufferMemoryRequirements *info,
    VkMemoryRequirements2 *requirements);
VKAPI_ATTR void VKAPI_CALL
layer_GetDeviceImageMemoryRequirements(VkDevice device, const VkDeviceImageMemoryRequirements *info,
                                       VkMemoryRequirements2 *requirements);

/* gpu/vulkan_layer/layer_memory.c */
VKAPI_ATTR VkResult VKAPI_CALL layer_AllocateMemory(VkDevice device,
                                                    const VkMemoryAllocateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkDeviceMemory *memory);
VKAPI_ATTR void VKAPI_CALL layer_FreeMemory(VkDevice device, VkDeviceMemory memory,
                                            const VkAllocationCallbacks *allocator);
VKAPI_ATTR VkResult VKAPI_CALL layer_GetMemoryFdKHR(VkDevice device,
                                                    const VkMemoryGetFdInfoKHR *info, int *fd);
VKAPI_ATTR VkResult VKAPI_CALL
layer_GetMemoryFdPropertiesKHR(VkDevice device, VkExternalMemoryHandleTypeFlagBits handle, int fd,
                               VkMemoryFdPropertiesKHR *properties);
/* Frees what the device's owner has not. */
void layer_memory_forget(struct layer_device *device);

#endif
