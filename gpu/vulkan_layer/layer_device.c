/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "gpu/vulkan_layer/chain.h"
#include "gpu/vulkan_layer/layer.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, layer_device) devices = LIST_HEAD_INITIALIZER(devices);

/* What a device that shares has, whatever its driver says. */
static const VkExtensionProperties made_here[] = {
    {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME, VK_KHR_EXTERNAL_MEMORY_FD_SPEC_VERSION},
    {VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_SPEC_VERSION},
};
#define MADE_HERE ((uint32_t)(sizeof(made_here) / sizeof(made_here[0])))

static void *key_of(const void *handle)
{
    void *key;

    memcpy(&key, handle, sizeof(key));
    return key;
}

struct layer_device *layer_device_of(VkDevice handle)
{
    struct layer_device *device;
    void *key = key_of(handle);

    pthread_mutex_lock(&lock);
    LIST_FOREACH(device, &devices, link)
    {
        if (device->key == key)
            break;
    }
    pthread_mutex_unlock(&lock);
    return device;
}

/* ---- extensions ---- */

/* All that the driver has, with room for MADE_HERE more; to be freed. NULL: it does not say. */
static VkExtensionProperties *driver_extensions(const struct layer_instance *instance,
                                                VkPhysicalDevice physical, uint32_t *count)
{
    VkExtensionProperties *list;

    *count = 0;
    if (instance->EnumerateDeviceExtensionProperties(physical, NULL, count, NULL) < 0)
        return NULL;
    list = calloc((size_t)*count + MADE_HERE, sizeof(*list));
    if (list != NULL &&
        instance->EnumerateDeviceExtensionProperties(physical, NULL, count, list) < 0) {
        free(list);
        list = NULL;
    }
    return list;
}

static bool has(const VkExtensionProperties *list, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(list[i].extensionName, name) == 0)
            return true;
    }
    return false;
}

VKAPI_ATTR VkResult VKAPI_CALL layer_EnumerateDeviceExtensionProperties(VkPhysicalDevice physical,
                                                                        const char *layer,
                                                                        uint32_t *count,
                                                                        VkExtensionProperties *list)
{
    struct layer_instance *instance = layer_instance_of(physical);
    const struct layer_physical *known;
    VkExtensionProperties *all;
    uint32_t n;
    VkResult result = VK_SUCCESS;

    if (layer != NULL && strcmp(layer, LAYER_NAME) == 0) {
        *count = 0;
        return VK_SUCCESS;
    }
    known = layer != NULL ? NULL : layer_physical_of(instance, physical);
    if (known == NULL || !known->shares)
        return instance->EnumerateDeviceExtensionProperties(physical, layer, count, list);
    all = driver_extensions(instance, physical, &n);
    if (all == NULL)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    for (uint32_t i = 0; i < MADE_HERE; i++) {
        if (!has(all, n, made_here[i].extensionName))
            all[n++] = made_here[i];
    }
    if (list != NULL) {
        result = *count < n ? VK_INCOMPLETE : VK_SUCCESS;
        n = *count < n ? *count : n;
        memcpy(list, all, n * sizeof(*list));
    }
    *count = n;
    free(all);
    return result;
}

/* The names that the driver is asked for: those that it has, and host pointers. To be freed. */
static const char **driver_names(const struct layer_instance *instance, VkPhysicalDevice physical,
                                 const VkDeviceCreateInfo *info, uint32_t *count)
{
    static const char host[] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
    uint32_t n;
    VkExtensionProperties *list = driver_extensions(instance, physical, &n);
    const char **names = calloc((size_t)info->enabledExtensionCount + 1, sizeof(*names));

    *count = 0;
    if (names != NULL)
        names[(*count)++] = host;
    for (uint32_t i = 0; names != NULL && i < info->enabledExtensionCount; i++) {
        const char *name = info->ppEnabledExtensionNames[i];
        bool ours = has(made_here, MADE_HERE, name) && list != NULL && !has(list, n, name);

        if (!ours && strcmp(name, host) != 0)
            names[(*count)++] = name;
    }
    free(list);
    return names;
}

/* ---- life ---- */

static VkLayerDeviceCreateInfo *find_link(const VkDeviceCreateInfo *info)
{
    const void *at = info;

    while ((at = chain_find(at, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO)) != NULL) {
        VkLayerDeviceCreateInfo *link = (VkLayerDeviceCreateInfo *)(uintptr_t)at;

        if (link->function == VK_LAYER_LINK_INFO)
            return link;
    }
    return NULL;
}

static void load(struct layer_device *device)
{
#define LOAD(name) device->name = (PFN_vk##name)device->next(device->handle, "vk" #name)
#define LOAD_2(name)                                                                               \
    LOAD(name);                                                                                    \
    if (device->name == NULL)                                                                      \
    device->name = (PFN_vk##name)device->next(device->handle, "vk" #name "KHR")
    LAYER_DEVICE_CALLS(LOAD);
    LAYER_DEVICE_CALLS_2(LOAD_2);
#undef LOAD
#undef LOAD_2
}

/* Has the driver make it. */
static VkResult create(struct layer_device *device, PFN_vkCreateDevice next,
                       VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                       const VkAllocationCallbacks *allocator)
{
    VkDeviceCreateInfo changed = *info;
    const char **names;
    VkResult result;

    if (!device->shares)
        return next(physical, info, allocator, &device->handle);
    names =
        driver_names(layer_instance_of(physical), physical, info, &changed.enabledExtensionCount);
    if (names == NULL)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    changed.ppEnabledExtensionNames = names;
    result = next(physical, &changed, allocator, &device->handle);
    free(names);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL layer_CreateDevice(VkPhysicalDevice physical,
                                                  const VkDeviceCreateInfo *info,
                                                  const VkAllocationCallbacks *allocator,
                                                  VkDevice *handle)
{
    struct layer_instance *instance = layer_instance_of(physical);
    const struct layer_physical *known = layer_physical_of(instance, physical);
    VkLayerDeviceCreateInfo *link = find_link(info);
    struct layer_device *device = calloc(1, sizeof(*device));
    PFN_vkCreateDevice next;
    VkResult result = VK_ERROR_INITIALIZATION_FAILED;

    if (device == NULL || known == NULL || link == NULL) {
        free(device);
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    device->handle = *handle; /* the loader hands something down in it */
    device->shares = known->shares;
    device->alignment = known->alignment;
    device->next = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    next = (PFN_vkCreateDevice)link->u.pLayerInfo->pfnNextGetInstanceProcAddr(instance->handle,
                                                                              "vkCreateDevice");
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    if (next != NULL)
        result = create(device, next, physical, info, allocator);
    if (result != VK_SUCCESS) {
        free(device);
        return result;
    }
    *handle = device->handle;
    device->key = key_of(*handle);
    pthread_mutex_init(&device->lock, NULL);
    RB_INIT(&device->memories);
    load(device);
    pthread_mutex_lock(&lock);
    LIST_INSERT_HEAD(&devices, device, link);
    pthread_mutex_unlock(&lock);
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL layer_DestroyDevice(VkDevice handle,
                                               const VkAllocationCallbacks *allocator)
{
    struct layer_device *device;

    if (handle == NULL)
        return;
    device = layer_device_of(handle);
    pthread_mutex_lock(&lock);
    LIST_REMOVE(device, link);
    pthread_mutex_unlock(&lock);
    device->DestroyDevice(handle, allocator);
    layer_memory_forget(device);
    pthread_mutex_destroy(&device->lock);
    free(device);
}
