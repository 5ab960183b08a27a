/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "gpu/vulkan_layer/chain.h"
#include "gpu/vulkan_layer/layer.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, layer_instance) instances = LIST_HEAD_INITIALIZER(instances);

/* All dispatchable handles of an instance begin with the same pointer, the loader's. */
static void *key_of(const void *handle)
{
    void *key;

    memcpy(&key, handle, sizeof(key));
    return key;
}

struct layer_instance *layer_instance_of(const void *handle)
{
    struct layer_instance *instance;
    void *key = key_of(handle);

    pthread_mutex_lock(&lock);
    LIST_FOREACH(instance, &instances, link)
    {
        if (instance->key == key)
            break;
    }
    pthread_mutex_unlock(&lock);
    return instance;
}

/* ---- physical devices ---- */

static bool has_host_pointers(const struct layer_instance *instance, VkPhysicalDevice physical)
{
    VkExtensionProperties *list;
    uint32_t count = 0;
    bool found = false;

    if (instance->EnumerateDeviceExtensionProperties(physical, NULL, &count, NULL) < 0)
        return false;
    list = calloc(count + 1, sizeof(*list));
    if (list == NULL)
        return false;
    if (instance->EnumerateDeviceExtensionProperties(physical, NULL, &count, list) >= 0) {
        for (uint32_t i = 0; i < count; i++)
            found |= strcmp(list[i].extensionName, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME) == 0;
    }
    free(list);
    return found;
}

static VkExternalMemoryFeatureFlags features(const struct layer_instance *instance,
                                             VkPhysicalDevice physical,
                                             VkExternalMemoryHandleTypeFlagBits handle)
{
    const VkPhysicalDeviceExternalBufferInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        .handleType = handle,
    };
    VkExternalBufferProperties properties = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
    };

    instance->GetPhysicalDeviceExternalBufferProperties(physical, &info, &properties);
    return properties.externalMemoryProperties.externalMemoryFeatures;
}

/* Whether the driver needs this layer's help, and can be helped. */
static bool should_share(const struct layer_instance *instance, VkPhysicalDevice physical)
{
    return instance->GetPhysicalDeviceExternalBufferProperties != NULL &&
           instance->GetPhysicalDeviceProperties2 != NULL &&
           instance->GetPhysicalDeviceImageFormatProperties2 != NULL &&
           (features(instance, physical, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT) &
            VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT) == 0 &&
           has_host_pointers(instance, physical) &&
           (features(instance, physical, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT) &
            VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0;
}

static void find_out(const struct layer_instance *instance, struct layer_physical *physical)
{
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &host,
    };

    physical->alignment = units_page_size();
    physical->shares = should_share(instance, physical->handle);
    if (!physical->shares)
        return;
    instance->GetPhysicalDeviceProperties2(physical->handle, &properties);
    if (host.minImportedHostPointerAlignment > physical->alignment)
        physical->alignment = host.minImportedHostPointerAlignment;
    log_debug("Vulkan memory of %s is made of memfds: its driver exports no dmabufs.",
              properties.properties.deviceName);
}

const struct layer_physical *layer_physical_of(struct layer_instance *instance,
                                               VkPhysicalDevice handle)
{
    struct layer_physical *physical;

    pthread_mutex_lock(&lock);
    LIST_FOREACH(physical, &instance->physicals, link)
    {
        if (physical->handle == handle)
            break;
    }
    if (physical == NULL && (physical = calloc(1, sizeof(*physical))) != NULL) {
        physical->handle = handle;
        find_out(instance, physical);
        LIST_INSERT_HEAD(&instance->physicals, physical, link);
    }
    pthread_mutex_unlock(&lock);
    return physical;
}

/* ---- life ---- */

/* The loader's own structure that says what is below. */
static VkLayerInstanceCreateInfo *find_link(const VkInstanceCreateInfo *info)
{
    const void *at = info;

    while ((at = chain_find(at, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO)) != NULL) {
        VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)(uintptr_t)at;

        if (link->function == VK_LAYER_LINK_INFO)
            return link;
    }
    return NULL;
}

static void load(struct layer_instance *instance)
{
#define LOAD(name) instance->name = (PFN_vk##name)instance->next(instance->handle, "vk" #name)
#define LOAD_2(name)                                                                               \
    LOAD(name);                                                                                    \
    if (instance->name == NULL)                                                                    \
    instance->name = (PFN_vk##name)instance->next(instance->handle, "vk" #name "KHR")
    LAYER_INSTANCE_CALLS(LOAD);
    LAYER_INSTANCE_CALLS_2(LOAD_2);
#undef LOAD
#undef LOAD_2
}

VKAPI_ATTR VkResult VKAPI_CALL layer_CreateInstance(const VkInstanceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkInstance *handle)
{
    VkLayerInstanceCreateInfo *link = find_link(info);
    struct layer_instance *instance;
    PFN_vkCreateInstance create;
    VkResult result;

    if (link == NULL)
        return VK_ERROR_INITIALIZATION_FAILED;
    instance = calloc(1, sizeof(*instance));
    if (instance == NULL)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    instance->next = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext; /* for the next layer */
    create = (PFN_vkCreateInstance)instance->next(NULL, "vkCreateInstance");
    result = create != NULL ? create(info, allocator, handle) : VK_ERROR_INITIALIZATION_FAILED;
    if (result != VK_SUCCESS) {
        free(instance);
        return result;
    }
    instance->handle = *handle;
    instance->key = key_of(*handle);
    LIST_INIT(&instance->physicals);
    load(instance);
    pthread_mutex_lock(&lock);
    LIST_INSERT_HEAD(&instances, instance, link);
    pthread_mutex_unlock(&lock);
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL layer_DestroyInstance(VkInstance handle,
                                                 const VkAllocationCallbacks *allocator)
{
    struct layer_instance *instance;
    struct layer_physical *physical;

    if (handle == NULL)
        return;
    instance = layer_instance_of(handle);
    pthread_mutex_lock(&lock);
    LIST_REMOVE(instance, link);
    pthread_mutex_unlock(&lock);
    instance->DestroyInstance(handle, allocator);
    while ((physical = LIST_FIRST(&instance->physicals)) != NULL) {
        LIST_REMOVE(physical, link);
        free(physical);
    }
    free(instance);
}
