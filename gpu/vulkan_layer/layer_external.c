/* SPDX-License-Identifier: MIT */
#include "gpu/vulkan_layer/chain.h"
#include "gpu/vulkan_layer/layer.h"

#define HOST VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT

static bool is_made_here(const struct layer_physical *physical,
                         VkExternalMemoryHandleTypeFlagBits handle)
{
    return physical != NULL && physical->shares && (handle & LAYER_HANDLES) != 0;
}

/* What the driver says of host allocations, as it is for what this layer makes of them. */
static void translate(VkExternalMemoryProperties *properties)
{
    if ((properties->externalMemoryFeatures & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) == 0) {
        *properties = (VkExternalMemoryProperties){0};
        return;
    }
    properties->externalMemoryFeatures |= VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
    properties->exportFromImportedHandleTypes = LAYER_HANDLES;
    properties->compatibleHandleTypes = LAYER_HANDLES;
}

VKAPI_ATTR void VKAPI_CALL layer_GetPhysicalDeviceExternalBufferProperties(
    VkPhysicalDevice handle, const VkPhysicalDeviceExternalBufferInfo *info,
    VkExternalBufferProperties *properties)
{
    struct layer_instance *instance = layer_instance_of(handle);
    VkPhysicalDeviceExternalBufferInfo changed = *info;
    bool ours = is_made_here(layer_physical_of(instance, handle), info->handleType);

    if (ours)
        changed.handleType = HOST;
    instance->GetPhysicalDeviceExternalBufferProperties(handle, &changed, properties);
    if (ours)
        translate(&properties->externalMemoryProperties);
}

VKAPI_ATTR VkResult VKAPI_CALL layer_GetPhysicalDeviceImageFormatProperties2(
    VkPhysicalDevice handle, const VkPhysicalDeviceImageFormatInfo2 *info,
    VkImageFormatProperties2 *properties)
{
    struct layer_instance *instance = layer_instance_of(handle);
    VkPhysicalDeviceExternalImageFormatInfo *external =
        (VkPhysicalDeviceExternalImageFormatInfo *)(uintptr_t)chain_find(
            info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    VkExternalImageFormatProperties *found =
        (VkExternalImageFormatProperties *)(uintptr_t)chain_find(
            properties, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES);
    VkExternalMemoryHandleTypeFlagBits asked;
    VkResult result;

    if (external == NULL ||
        !is_made_here(layer_physical_of(instance, handle), external->handleType))
        return instance->GetPhysicalDeviceImageFormatProperties2(handle, info, properties);
    asked = external->handleType;
    external->handleType = HOST;
    result = instance->GetPhysicalDeviceImageFormatProperties2(handle, info, properties);
    external->handleType = asked;
    if (result == VK_SUCCESS && found != NULL)
        translate(&found->externalMemoryProperties);
    return result;
}

/* ---- images and buffers that such memory may be bound to ---- */

/* The handle types that a structure names, while they are changed. */
struct change {
    VkExternalMemoryHandleTypeFlags *where; /* NULL: nothing was */
    VkExternalMemoryHandleTypeFlags was;
};

_Static_assert(offsetof(VkExternalMemoryImageCreateInfo, handleTypes) ==
                   offsetof(VkExternalMemoryBufferCreateInfo, handleTypes),
               "both are read as the same structure");

static void change(const struct layer_device *device, const void *head, VkStructureType type,
                   struct change *change)
{
    VkExternalMemoryImageCreateInfo *external =
        (VkExternalMemoryImageCreateInfo *)(uintptr_t)chain_find(head, type);

    *change = (struct change){0};
    if (!device->shares || external == NULL || (external->handleTypes & LAYER_HANDLES) == 0)
        return;
    *change = (struct change){&external->handleTypes, external->handleTypes};
    external->handleTypes = (external->handleTypes & ~LAYER_HANDLES) | HOST;
}

static void change_back(const struct change *change)
{
    if (change->where != NULL)
        *change->where = change->was;
}

VKAPI_ATTR VkResult VKAPI_CALL layer_CreateImage(VkDevice handle, const VkImageCreateInfo *info,
                                                 const VkAllocationCallbacks *allocator,
                                                 VkImage *image)
{
    const struct layer_device *device = layer_device_of(handle);
    struct change changed;
    VkResult result;

    change(device, info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO, &changed);
    result = device->CreateImage(handle, info, allocator, image);
    change_back(&changed);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL layer_CreateBuffer(VkDevice handle, const VkBufferCreateInfo *info,
                                                  const VkAllocationCallbacks *allocator,
                                                  VkBuffer *buffer)
{
    const struct layer_device *device = layer_device_of(handle);
    struct change changed;
    VkResult result;

    change(device, info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, &changed);
    result = device->CreateBuffer(handle, info, allocator, buffer);
    change_back(&changed);
    return result;
}

VKAPI_ATTR void VKAPI_CALL layer_GetDeviceBufferMemoryRequirements(
    VkDevice handle, const VkDeviceBufferMemoryRequirements *info,
    VkMemoryRequirements2 *requirements)
{
    const struct layer_device *device = layer_device_of(handle);
    struct change changed;

    change(device, info->pCreateInfo, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
           &changed);
    device->GetDeviceBufferMemoryRequirements(handle, info, requirements);
    change_back(&changed);
}

VKAPI_ATTR void VKAPI_CALL
layer_GetDeviceImageMemoryRequirements(VkDevice handle, const VkDeviceImageMemoryRequirements *info,
                                       VkMemoryRequirements2 *requirements)
{
    const struct layer_device *device = layer_device_of(handle);
    struct change changed;

    change(device, info->pCreateInfo, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
           &changed);
    device->GetDeviceImageMemoryRequirements(handle, info, requirements);
    change_back(&changed);
}
