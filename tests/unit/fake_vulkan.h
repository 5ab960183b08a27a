/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_VULKAN_H
#define TESTS_UNIT_FAKE_VULKAN_H

/*
 * A Vulkan driver that draws nothing: it says what a test wants it to say, and records what it is
 * asked for. What is below the layer, loader included, is here.
 */
#include <stdbool.h>
#include <string.h>

#define VK_NO_PROTOTYPES
#include <vulkan/vk_layer.h>

#define FAKE_CHAIN_MAX 8u

/* Dispatchable handles begin with the loader's pointer. */
struct fake_handle {
    void *key;
};

static struct fake_vulkan {
    struct fake_handle instance, physical, device;
    /* What it says. */
    const char *extensions[8];
    VkExternalMemoryFeatureFlags dma_buf, host; /* features */
    VkDeviceSize alignment;                     /* of host pointers */
    uint32_t host_types;
    VkResult result; /* of what makes something */
    /* What it was asked for. */
    uint64_t size;                         /* of an allocation */
    VkStructureType chain[FAKE_CHAIN_MAX]; /* of the last call with one */
    uint32_t chain_length;
    VkExternalMemoryHandleTypeFlags handles; /* of an image, buffer or query */
    void *pointer;                           /* a host pointer that was given */
    int imported;                            /* a descriptor that was given; -1: none */
    const char *enabled[8];                  /* extensions of the device */
    uint32_t enabled_count;
    unsigned allocations, frees;
} fake;

static inline void fake_record(const void *head)
{
    const VkBaseInStructure *s = ((const VkBaseInStructure *)head)->pNext;

    fake.chain_length = 0;
    fake.handles = 0;
    fake.pointer = NULL;
    fake.imported = -1;
    for (; s != NULL && fake.chain_length < FAKE_CHAIN_MAX; s = s->pNext) {
        fake.chain[fake.chain_length++] = s->sType;
        if (s->sType == VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO)
            fake.handles = ((const VkExternalMemoryImageCreateInfo *)s)->handleTypes;
        if (s->sType == VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO)
            fake.handles = ((const VkExternalMemoryBufferCreateInfo *)s)->handleTypes;
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO)
            fake.handles = ((const VkPhysicalDeviceExternalImageFormatInfo *)s)->handleType;
        if (s->sType == VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT)
            fake.pointer = ((const VkImportMemoryHostPointerInfoEXT *)s)->pHostPointer;
        if (s->sType == VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR)
            fake.imported = ((const VkImportMemoryFdInfoKHR *)s)->fd;
    }
}

static inline bool fake_chain_has(VkStructureType type)
{
    for (uint32_t i = 0; i < fake.chain_length; i++) {
        if (fake.chain[i] == type)
            return true;
    }
    return false;
}

static inline VkResult fake_CreateInstance(const VkInstanceCreateInfo *info,
                                           const VkAllocationCallbacks *allocator, VkInstance *made)
{
    *made = (VkInstance)&fake.instance;
    return fake.result;
}

static inline void fake_DestroyInstance(VkInstance instance, const VkAllocationCallbacks *allocator)
{
}

static inline VkResult fake_EnumerateDeviceExtensionProperties(VkPhysicalDevice physical,
                                                               const char *layer, uint32_t *count,
                                                               VkExtensionProperties *list)
{
    uint32_t n = 0;

    for (; fake.extensions[n] != NULL; n++) {
        if (list != NULL && n < *count)
            list[n] = (VkExtensionProperties){.specVersion = 1};
        if (list != NULL && n < *count)
            strncpy(list[n].extensionName, fake.extensions[n], VK_MAX_EXTENSION_NAME_SIZE - 1);
    }
    if (list != NULL && *count < n)
        return VK_INCOMPLETE;
    *count = n;
    return VK_SUCCESS;
}

static inline void fake_GetPhysicalDeviceProperties2(VkPhysicalDevice physical,
                                                     VkPhysicalDeviceProperties2 *properties)
{
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT *host = properties->pNext;

    properties->properties = (VkPhysicalDeviceProperties){.deviceName = "fake"};
    host->minImportedHostPointerAlignment = fake.alignment;
}

static inline VkExternalMemoryProperties fake_properties(VkExternalMemoryHandleTypeFlagBits handle)
{
    VkExternalMemoryFeatureFlags features = 0;

    if (handle == VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT)
        features = fake.dma_buf;
    if (handle == VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT)
        features = fake.host;
    return (VkExternalMemoryProperties){features, 0, handle};
}

static inline void
fake_GetPhysicalDeviceExternalBufferProperties(VkPhysicalDevice physical,
                                               const VkPhysicalDeviceExternalBufferInfo *info,
                                               VkExternalBufferProperties *properties)
{
    properties->externalMemoryProperties = fake_properties(info->handleType);
}

static inline VkResult
fake_GetPhysicalDeviceImageFormatProperties2(VkPhysicalDevice physical,
                                             const VkPhysicalDeviceImageFormatInfo2 *info,
                                             VkImageFormatProperties2 *properties)
{
    VkExternalImageFormatProperties *found = properties->pNext;

    fake_record(info);
    if (found != NULL)
        found->externalMemoryProperties =
            fake_properties((VkExternalMemoryHandleTypeFlagBits)fake.handles);
    return fake.result;
}

static inline VkResult fake_CreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                         const VkAllocationCallbacks *allocator, VkDevice *made)
{
    fake.enabled_count = info->enabledExtensionCount;
    for (uint32_t i = 0; i < info->enabledExtensionCount && i < 8; i++)
        fake.enabled[i] = info->ppEnabledExtensionNames[i];
    *made = (VkDevice)&fake.device;
    return fake.result;
}

static inline void fake_DestroyDevice(VkDevice device, const VkAllocationCallbacks *allocator)
{
}

static inline VkResult fake_AllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info,
                                           const VkAllocationCallbacks *allocator,
                                           VkDeviceMemory *memory)
{
    fake_record(info);
    fake.size = info->allocationSize;
    if (fake.result == VK_SUCCESS)
        *memory = (VkDeviceMemory)(uintptr_t)(0x1000 + fake.allocations++);
    return fake.result;
}

static inline void fake_FreeMemory(VkDevice device, VkDeviceMemory memory,
                                   const VkAllocationCallbacks *allocator)
{
    fake.frees++;
}

static inline VkResult fake_CreateImage(VkDevice device, const VkImageCreateInfo *info,
                                        const VkAllocationCallbacks *allocator, VkImage *image)
{
    fake_record(info);
    return fake.result;
}

static inline VkResult fake_CreateBuffer(VkDevice device, const VkBufferCreateInfo *info,
                                         const VkAllocationCallbacks *allocator, VkBuffer *buffer)
{
    fake_record(info);
    return fake.result;
}

static inline void
fake_GetDeviceBufferMemoryRequirements(VkDevice device,
                                       const VkDeviceBufferMemoryRequirements *info,
                                       VkMemoryRequirements2 *requirements)
{
    fake_record(info->pCreateInfo);
}

static inline void
fake_GetDeviceImageMemoryRequirements(VkDevice device, const VkDeviceImageMemoryRequirements *info,
                                      VkMemoryRequirements2 *requirements)
{
    fake_record(info->pCreateInfo);
}

/* What it exports itself is known by this number, which is no descriptor. */
#define FAKE_FD 123456

static inline VkResult fake_GetMemoryFdKHR(VkDevice device, const VkMemoryGetFdInfoKHR *info,
                                           int *fd)
{
    *fd = FAKE_FD;
    return VK_SUCCESS;
}

static inline VkResult fake_GetMemoryFdPropertiesKHR(VkDevice device,
                                                     VkExternalMemoryHandleTypeFlagBits handle,
                                                     int fd, VkMemoryFdPropertiesKHR *properties)
{
    properties->memoryTypeBits = 0x77;
    return VK_SUCCESS;
}

static inline VkResult
fake_GetMemoryHostPointerPropertiesEXT(VkDevice device, VkExternalMemoryHandleTypeFlagBits handle,
                                       const void *pointer,
                                       VkMemoryHostPointerPropertiesEXT *properties)
{
    properties->memoryTypeBits = fake.host_types;
    return VK_SUCCESS;
}

static inline bool fake_has_extension(const char *name)
{
    for (unsigned i = 0; fake.extensions[i] != NULL; i++) {
        if (strcmp(fake.extensions[i], name) == 0)
            return true;
    }
    return false;
}

#define FAKE_CALL(call)                                                                            \
    if (strcmp(name, "vk" #call) == 0)                                                             \
    return (PFN_vkVoidFunction)fake_##call

static inline PFN_vkVoidFunction fake_device_call(VkDevice device, const char *name)
{
    bool fd = fake_has_extension(VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME);

    FAKE_CALL(DestroyDevice);
    FAKE_CALL(AllocateMemory);
    FAKE_CALL(FreeMemory);
    FAKE_CALL(CreateImage);
    FAKE_CALL(CreateBuffer);
    FAKE_CALL(GetDeviceBufferMemoryRequirements);
    FAKE_CALL(GetDeviceImageMemoryRequirements);
    FAKE_CALL(GetMemoryHostPointerPropertiesEXT);
    if (!fd)
        return NULL;
    FAKE_CALL(GetMemoryFdKHR);
    FAKE_CALL(GetMemoryFdPropertiesKHR);
    return NULL;
}

static inline PFN_vkVoidFunction fake_instance_call(VkInstance instance, const char *name)
{
    FAKE_CALL(CreateInstance);
    FAKE_CALL(DestroyInstance);
    FAKE_CALL(CreateDevice);
    FAKE_CALL(EnumerateDeviceExtensionProperties);
    FAKE_CALL(GetPhysicalDeviceProperties2);
    FAKE_CALL(GetPhysicalDeviceImageFormatProperties2);
    FAKE_CALL(GetPhysicalDeviceExternalBufferProperties);
    return fake_device_call(NULL, name);
}

#endif
