/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "vk.h"

VkResult vk_failed(VkResult result, const char *call)
{
    printf("@@ lost=%d call=%s\n", (int)result, call);
    fflush(stdout);
    return result;
}

static VkResult create_instance(struct vk *vk)
{
    VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "hostblob test",
        .apiVersion = VK_API_VERSION_1_1,
    };
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    VkResult result = vkCreateInstance(&info, NULL, &vk->instance);

    return result ? vk_failed(result, "vkCreateInstance") : VK_SUCCESS;
}

static VkResult choose_physical(struct vk *vk)
{
    uint32_t count = 1;
    VkPhysicalDeviceProperties properties;
    VkResult result = vkEnumeratePhysicalDevices(vk->instance, &count, &vk->physical);
    char *at;

    if (result < 0 || count == 0)
        return vk_failed(result < 0 ? result : VK_ERROR_INITIALIZATION_FAILED,
                         "vkEnumeratePhysicalDevices");
    vkGetPhysicalDeviceProperties(vk->physical, &properties);
    for (at = properties.deviceName; (at = strchr(at, ' ')) != NULL;)
        *at = '_';
    printf("@@ device=%s\n", properties.deviceName);
    vkGetPhysicalDeviceMemoryProperties(vk->physical, &vk->memory);
    return VK_SUCCESS;
}

/* Family 0 of every driver that we meet does everything; others are refused. */
static VkResult create_device(struct vk *vk, const char *const *extensions,
                              uint32_t extension_count)
{
    float priority = 1;
    uint32_t count = 1;
    VkQueueFamilyProperties family;
    VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = extension_count,
        .ppEnabledExtensionNames = extensions,
    };
    VkResult result;

    vkGetPhysicalDeviceQueueFamilyProperties(vk->physical, &count, &family);
    if (count == 0 || !(family.queueFlags & VK_QUEUE_GRAPHICS_BIT) ||
        !(family.queueFlags & VK_QUEUE_COMPUTE_BIT))
        return vk_failed(VK_ERROR_FEATURE_NOT_PRESENT, "queue_family");
    result = vkCreateDevice(vk->physical, &info, NULL, &vk->device);
    if (result)
        return vk_failed(result, "vkCreateDevice");
    vkGetDeviceQueue(vk->device, 0, 0, &vk->queue);
    return VK_SUCCESS;
}

static VkResult create_commands(struct vk *vk)
{
    VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
    };
    VkCommandBufferAllocateInfo command = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkResult result = vkCreateCommandPool(vk->device, &pool, NULL, &vk->pool);

    command.commandPool = vk->pool;
    if (!result)
        result = vkAllocateCommandBuffers(vk->device, &command, &vk->command);
    if (!result)
        result = vkCreateFence(vk->device, &fence, NULL, &vk->fence);
    return result ? vk_failed(result, "create_commands") : VK_SUCCESS;
}

VkResult vk_init(struct vk *vk)
{
    return vk_init_with(vk, NULL, 0);
}

VkResult vk_init_with(struct vk *vk, const char *const *extensions, uint32_t count)
{
    VkResult result;

    memset(vk, 0, sizeof(*vk));
    result = create_instance(vk);
    if (!result)
        result = choose_physical(vk);
    if (!result)
        result = create_device(vk, extensions, count);
    if (!result)
        result = create_commands(vk);
    return result;
}

void vk_finish(struct vk *vk)
{
    if (vk->device) {
        vkDestroyFence(vk->device, vk->fence, NULL);
        vkDestroyCommandPool(vk->device, vk->pool, NULL);
        vkDestroyDevice(vk->device, NULL);
    }
    if (vk->instance)
        vkDestroyInstance(vk->instance, NULL);
}

int vk_memory_type(const struct vk *vk, uint32_t allowed, VkMemoryPropertyFlags wanted)
{
    for (uint32_t i = 0; i < vk->memory.memoryTypeCount; i++)
        if (allowed & 1u << i && (vk->memory.memoryTypes[i].propertyFlags & wanted) == wanted)
            return (int)i;
    return -1;
}

static VkResult allocate(struct vk *vk, struct vk_buffer *buffer)
{
    VkMemoryRequirements needs;
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    int type;

    vkGetBufferMemoryRequirements(vk->device, buffer->buffer, &needs);
    type =
        vk_memory_type(vk, needs.memoryTypeBits,
                       VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    if (type < 0)
        return VK_ERROR_FEATURE_NOT_PRESENT;
    info.allocationSize = buffer->allocated = needs.size;
    info.memoryTypeIndex = (uint32_t)type;
    return vkAllocateMemory(vk->device, &info, NULL, &buffer->memory);
}

VkResult vk_buffer_init(struct vk *vk, struct vk_buffer *buffer, VkDeviceSize size)
{
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = size,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT |
                 VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
    };
    VkResult result;

    *buffer = (struct vk_buffer){.size = size};
    result = vkCreateBuffer(vk->device, &info, NULL, &buffer->buffer);
    if (result)
        return vk_failed(result, "vkCreateBuffer");
    result = allocate(vk, buffer);
    if (result)
        return vk_failed(result, "vkAllocateMemory");
    result = vkBindBufferMemory(vk->device, buffer->buffer, buffer->memory, 0);
    if (result)
        return vk_failed(result, "vkBindBufferMemory");
    result = vkMapMemory(vk->device, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->map);
    return result ? vk_failed(result, "vkMapMemory") : VK_SUCCESS;
}

void vk_buffer_finish(struct vk *vk, struct vk_buffer *buffer)
{
    if (buffer->map)
        vkUnmapMemory(vk->device, buffer->memory);
    vkDestroyBuffer(vk->device, buffer->buffer, NULL);
    vkFreeMemory(vk->device, buffer->memory, NULL);
    *buffer = (struct vk_buffer){0};
}

VkResult vk_begin(struct vk *vk)
{
    VkCommandBufferBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    VkResult result = vkBeginCommandBuffer(vk->command, &info);

    return result ? vk_failed(result, "vkBeginCommandBuffer") : VK_SUCCESS;
}

VkResult vk_run(struct vk *vk)
{
    /* What the device has written is to be seen by the host. */
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
    };
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &vk->command,
    };
    VkResult result;

    vkCmdPipelineBarrier(vk->command, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                         VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
    result = vkEndCommandBuffer(vk->command);
    if (result)
        return vk_failed(result, "vkEndCommandBuffer");
    result = vkQueueSubmit(vk->queue, 1, &submit, vk->fence);
    if (result)
        return vk_failed(result, "vkQueueSubmit");
    result = vkWaitForFences(vk->device, 1, &vk->fence, VK_TRUE, VK_PATIENCE_NS);
    if (result)
        return vk_failed(result, "vkWaitForFences");
    result = vkResetFences(vk->device, 1, &vk->fence);
    return result ? vk_failed(result, "vkResetFences") : VK_SUCCESS;
}

VkResult vk_shader(struct vk *vk, const uint32_t *words, size_t bytes, VkShaderModule *shader)
{
    VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = bytes,
        .pCode = words,
    };
    VkResult result = vkCreateShaderModule(vk->device, &info, NULL, shader);

    return result ? vk_failed(result, "vkCreateShaderModule") : VK_SUCCESS;
}
