/* SPDX-License-Identifier: MIT */
#include "gpu/vulkan_calls.h"

#include <dlfcn.h>
#include <stddef.h>

const char *vulkan_calls_init(struct vulkan_calls *calls)
{
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "hostblob self-test",
        .apiVersion = VK_API_VERSION_1_1,
    };
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    PFN_vkGetInstanceProcAddr get = NULL;
    PFN_vkCreateInstance create;

    *calls = (struct vulkan_calls){.library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL)};
    if (calls->library != NULL)
        *(void **)&get = dlsym(calls->library, "vkGetInstanceProcAddr");
    if (get == NULL)
        return "there is no libvulkan.so.1";
    create = (PFN_vkCreateInstance)get(NULL, "vkCreateInstance");
    if (create == NULL || create(&info, NULL, &calls->instance) != VK_SUCCESS)
        return "there is no Vulkan 1.1 driver";
#define GET(name)                                                                                  \
    calls->name = (PFN_vk##name)get(calls->instance, "vk" #name);                                  \
    if (calls->name == NULL)                                                                       \
    return "vk" #name " is missing"
    VULKAN_CALLS_OF_INSTANCE(GET);
#undef GET
    return NULL;
}

void vulkan_calls_finish(struct vulkan_calls *calls)
{
    if (calls->instance != NULL && calls->DestroyInstance != NULL)
        calls->DestroyInstance(calls->instance, NULL);
    calls->instance = NULL;
}

VkDevice vulkan_calls_device(struct vulkan_calls *calls, VkPhysicalDevice physical,
                             const char *const *extensions, uint32_t count)
{
    static const float priority = 1.0f;
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = count,
        .ppEnabledExtensionNames = extensions,
    };
    VkDevice device;

    if (calls->CreateDevice(physical, &info, NULL, &device) != VK_SUCCESS)
        return NULL;
#define GET(name) calls->name = (PFN_vk##name)calls->GetDeviceProcAddr(device, "vk" #name)
    VULKAN_CALLS_OF_DEVICE(GET);
#undef GET
    return device;
}
