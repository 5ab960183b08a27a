/* SPDX-License-Identifier: MIT */
#include "gpu/probe_vulkan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gpu/render_environment.h"
#include "gpu/vulkan_export.h"

#define DEVICES_MAX 16u
#define EXTENSIONS_MAX 512u

/* One device: what it says, and what was found. */
struct tested {
    struct vulkan_calls *calls;
    VkPhysicalDevice physical;
    VkDevice device;
    bool memory_fd, dma_buf, host_pointer; /* its extensions */
    struct json_object *report;
};

static void add_text(struct json_object *to, const char *key, const char *text)
{
    json_object_object_add(to, key, json_object_new_string(text));
}

static void describe(struct tested *t)
{
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &driver,
    };
    char text[sizeof(driver.driverName) + sizeof(driver.driverInfo) + 2];

    t->calls->GetPhysicalDeviceProperties2(t->physical, &properties);
    add_text(t->report, "name", properties.properties.deviceName);
    snprintf(text, sizeof(text), "%s %s", driver.driverName, driver.driverInfo);
    add_text(t->report, "driver", text);
}

static void find_extensions(struct tested *t)
{
    static VkExtensionProperties list[EXTENSIONS_MAX];
    uint32_t count = EXTENSIONS_MAX;

    if (t->calls->EnumerateDeviceExtensionProperties(t->physical, NULL, &count, list) < 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = list[i].extensionName;

        t->memory_fd |= strcmp(name, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME) == 0;
        t->dma_buf |= strcmp(name, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME) == 0;
        t->host_pointer |= strcmp(name, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME) == 0;
    }
}

static bool says_exportable(struct tested *t, VkExternalMemoryHandleTypeFlagBits handle)
{
    const VkPhysicalDeviceExternalBufferInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT,
        .handleType = handle,
    };
    VkExternalBufferProperties properties = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
    };

    t->calls->GetPhysicalDeviceExternalBufferProperties(t->physical, &info, &properties);
    return (properties.externalMemoryProperties.externalMemoryFeatures &
            VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT) != 0;
}

/* Tries every type of memory that the host can see; they have to agree. */
static void try_types(struct tested *t, VkExternalMemoryHandleTypeFlagBits handle,
                      struct vulkan_export *result)
{
    VkPhysicalDeviceMemoryProperties memory;
    bool first = true;

    *result = (struct vulkan_export){.why = "no memory of it is visible to the host"};
    t->calls->GetPhysicalDeviceMemoryProperties(t->physical, &memory);
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++) {
        struct vulkan_export now;

        if ((memory.memoryTypes[i].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) == 0)
            continue;
        vulkan_export_try(t->calls, t->device, i, handle, &now);
        if (now.why == NULL && !first &&
            (now.offset != result->offset || now.regular_file != result->regular_file))
            now.why = "its types of memory differ";
        *result = now;
        first = false;
        if (now.why != NULL)
            return;
    }
}

static void report_opaque(struct tested *t)
{
    struct vulkan_export result = {.why = "its driver does not export it"};

    if (t->memory_fd && says_exportable(t, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT))
        try_types(t, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT, &result);
    if (result.why == NULL && !result.regular_file)
        result.why = "its descriptor is no file";
    if (result.why == NULL)
        json_object_object_add(t->report, "opaque_offset", json_object_new_uint64(result.offset));
    else
        add_text(t->report, "opaque_why", result.why);
}

static void report_dma_buf(struct tested *t)
{
    struct vulkan_export result = {.why = "its driver does not export it"};

    if (t->dma_buf && says_exportable(t, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT))
        try_types(t, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, &result);
    json_object_object_add(t->report, "dma_buf",
                           json_object_new_boolean(result.why == NULL && result.offset == 0));
    if (result.why == NULL)
        add_text(t->report, "dma_buf_is", result.regular_file ? "memfd of the layer" : "dmabuf");
    if (result.why != NULL)
        add_text(t->report, "dma_buf_why", result.why);
}

static void test_device(struct tested *t)
{
    const char *extensions[2];
    uint32_t count = 0;

    describe(t);
    find_extensions(t);
    json_object_object_add(t->report, "host_pointer", json_object_new_boolean(t->host_pointer));
    if (t->memory_fd)
        extensions[count++] = VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME;
    if (t->dma_buf)
        extensions[count++] = VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME;
    t->device = vulkan_calls_device(t->calls, t->physical, extensions, count);
    if (t->device == NULL) {
        add_text(t->report, "opaque_why", "it cannot be used");
        return;
    }
    report_opaque(t);
    report_dma_buf(t);
    t->calls->DestroyDevice(t->device, NULL);
}

/* What is true of all devices is said by itself. */
static void conclude(struct json_object *report, struct json_object *devices)
{
    struct json_object *first = NULL, *value;
    size_t count = json_object_array_length(devices);

    for (size_t i = 0; i < count; i++) {
        struct json_object *device = json_object_array_get_idx(devices, i);

        if (!json_object_object_get_ex(device, "opaque_offset", &value)) {
            json_object_object_get_ex(device, "opaque_why", &value);
            add_text(report, "opaque_why", json_object_get_string(value));
            return;
        }
        if (first != NULL && json_object_get_uint64(first) != json_object_get_uint64(value)) {
            add_text(report, "opaque_why", "the devices differ");
            return;
        }
        first = value;
    }
    if (first != NULL)
        json_object_object_add(report, "opaque_offset", json_object_get(first));
}

int probe_vulkan(const struct gpu_options *options, struct json_object *report, char *why)
{
    struct vulkan_calls calls;
    VkPhysicalDevice physical[DEVICES_MAX];
    uint32_t count = DEVICES_MAX;
    struct json_object *devices = json_object_new_array();
    const char *reason;

    render_environment_apply();
    if (render_environment_layer() != NULL)
        add_text(report, "layer", render_environment_layer());
    reason = vulkan_calls_init(&calls);
    json_object_object_add(report, "devices", devices);
    if (reason == NULL &&
        (calls.EnumeratePhysicalDevices(calls.instance, &count, physical) < 0 || count == 0))
        reason = "no Vulkan driver has a device";
    if (reason != NULL) {
        snprintf(why, PROBE_WHY, "%s", reason);
        return -ENODEV;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct tested tested = {
            .calls = &calls,
            .physical = physical[i],
            .report = json_object_new_object(),
        };

        json_object_array_add(devices, tested.report);
        test_device(&tested);
    }
    conclude(report, devices);
    vulkan_calls_finish(&calls);
    return 0;
}
