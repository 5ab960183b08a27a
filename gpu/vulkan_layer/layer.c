/* SPDX-License-Identifier: MIT */
#include "gpu/vulkan_layer/layer.h"

#include <string.h>

#include "base/log.h"

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_call(VkInstance instance,
                                                                  const char *name);
static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_call(VkDevice device, const char *name);

struct row {
    const char *name;
    PFN_vkVoidFunction call;
    bool made_here; /* on a device that shares it is there even if the driver has none */
};

#define ROW(name)                                                                                  \
    {                                                                                              \
        "vk" #name, (PFN_vkVoidFunction)layer_##name, false                                        \
    }
#define ROW_KHR(name)                                                                              \
    {                                                                                              \
        "vk" #name "KHR", (PFN_vkVoidFunction)layer_##name, false                                  \
    }
#define ROW_MADE(name)                                                                             \
    {                                                                                              \
        "vk" #name, (PFN_vkVoidFunction)layer_##name, true                                         \
    }

static const struct row instance_rows[] = {
    ROW(CreateInstance),
    ROW(DestroyInstance),
    ROW(CreateDevice),
    ROW(EnumerateDeviceExtensionProperties),
    ROW(GetPhysicalDeviceExternalBufferProperties),
    ROW_KHR(GetPhysicalDeviceExternalBufferProperties),
    ROW(GetPhysicalDeviceImageFormatProperties2),
    ROW_KHR(GetPhysicalDeviceImageFormatProperties2),
};

static const struct row device_rows[] = {
    {"vkGetDeviceProcAddr", (PFN_vkVoidFunction)get_device_call, false},
    ROW(DestroyDevice),
    ROW(AllocateMemory),
    ROW(FreeMemory),
    ROW(CreateImage),
    ROW(CreateBuffer),
    ROW(GetDeviceBufferMemoryRequirements),
    ROW_KHR(GetDeviceBufferMemoryRequirements),
    ROW(GetDeviceImageMemoryRequirements),
    ROW_KHR(GetDeviceImageMemoryRequirements),
    ROW_MADE(GetMemoryFdKHR),
    ROW_MADE(GetMemoryFdPropertiesKHR),
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct row *find(const struct row *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_call(VkDevice handle, const char *name)
{
    const struct layer_device *device = layer_device_of(handle);
    const struct row *row = find(device_rows, COUNT(device_rows), name);
    PFN_vkVoidFunction next = device->next(handle, name);

    /* What the driver does not have is not there for anybody. */
    if (row != NULL && (next != NULL || (row->made_here && device->shares)))
        return row->call;
    return next;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_call(VkInstance handle,
                                                                  const char *name)
{
    const struct row *row = find(instance_rows, COUNT(instance_rows), name);
    PFN_vkVoidFunction next;

    if (strcmp(name, "vkGetInstanceProcAddr") == 0)
        return (PFN_vkVoidFunction)get_instance_call;
    if (handle == NULL)
        return row != NULL ? row->call : NULL;
    if (row == NULL)
        row = find(device_rows, COUNT(device_rows), name);
    next = layer_instance_of(handle)->next(handle, name);
    return row != NULL && (next != NULL || row->made_here) ? row->call : next;
}

#define LAYER_EXPORT __attribute__((visibility("default")))

/* What the loader looks for in the library. */
LAYER_EXPORT VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *interface);

LAYER_EXPORT VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *interface)
{
    if (interface->loaderLayerInterfaceVersion < 2)
        return VK_ERROR_INITIALIZATION_FAILED;
    log_init("hostblob", "vulkan", LOG_LEVEL_INFO);
    interface->loaderLayerInterfaceVersion = 2;
    interface->pfnGetInstanceProcAddr = get_instance_call;
    interface->pfnGetDeviceProcAddr = get_device_call;
    interface->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
