/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_loader.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u

struct fake_loader fake_loader;

struct memory {
    int fd; /* owned */
    size_t offset, size;
    void *data; /* NULL until it is mapped */
};

PFN_vkVoidFunction vkGetInstanceProcAddr(VkInstance instance, const char *name);

static struct fake_loader_device *device_of(const void *handle)
{
    return (struct fake_loader_device *)(uintptr_t)handle;
}

static VkResult CreateInstance(const VkInstanceCreateInfo *info,
                               const VkAllocationCallbacks *allocator, VkInstance *instance)
{
    if (fake_loader.no_instance)
        return VK_ERROR_INCOMPATIBLE_DRIVER;
    fake_loader.instances++;
    *instance = (VkInstance)&fake_loader;
    return VK_SUCCESS;
}

static void DestroyInstance(VkInstance instance, const VkAllocationCallbacks *allocator)
{
    fake_loader.instances--;
}

static VkResult EnumeratePhysicalDevices(VkInstance instance, uint32_t *count,
                                         VkPhysicalDevice *devices)
{
    *count = fake_loader.count;
    for (uint32_t i = 0; i < *count; i++)
        devices[i] = (VkPhysicalDevice)&fake_loader.devices[i];
    return VK_SUCCESS;
}

static void GetPhysicalDeviceProperties2(VkPhysicalDevice device,
                                         VkPhysicalDeviceProperties2 *properties)
{
    VkPhysicalDeviceDriverProperties *driver = properties->pNext;

    snprintf(properties->properties.deviceName, sizeof(properties->properties.deviceName),
             "Device %d", (int)(device_of(device) - fake_loader.devices));
    snprintf(driver->driverName, sizeof(driver->driverName), "fake");
    snprintf(driver->driverInfo, sizeof(driver->driverInfo), "1.0");
}

static void GetPhysicalDeviceMemoryProperties(VkPhysicalDevice device,
                                              VkPhysicalDeviceMemoryProperties *memory)
{
    const struct fake_loader_device *d = device_of(device);

    *memory = (VkPhysicalDeviceMemoryProperties){.memoryTypeCount = d->types};
    for (uint32_t i = 0; i < d->types; i++)
        memory->memoryTypes[i].propertyFlags = d->flags[i];
}

static void
GetPhysicalDeviceExternalBufferProperties(VkPhysicalDevice device,
                                          const VkPhysicalDeviceExternalBufferInfo *info,
                                          VkExternalBufferProperties *properties)
{
    const struct fake_loader_device *d = device_of(device);

    properties->externalMemoryProperties.externalMemoryFeatures =
        info->handleType == VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT ? d->opaque : d->dma_buf;
}

static VkResult EnumerateDeviceExtensionProperties(VkPhysicalDevice device, const char *layer,
                                                   uint32_t *count, VkExtensionProperties *list)
{
    const struct fake_loader_device *d = device_of(device);
    uint32_t n = 0;

    for (; n < 4 && d->extensions[n] != NULL; n++)
        snprintf(list[n].extensionName, sizeof(list[n].extensionName), "%s", d->extensions[n]);
    *count = n;
    return VK_SUCCESS;
}

static VkResult CreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                             const VkAllocationCallbacks *allocator, VkDevice *device)
{
    if (device_of(physical)->unusable)
        return VK_ERROR_INITIALIZATION_FAILED;
    fake_loader.made++;
    *device = (VkDevice)physical;
    return VK_SUCCESS;
}

static void DestroyDevice(VkDevice device, const VkAllocationCallbacks *allocator)
{
    fake_loader.made--;
}

static VkResult AllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info,
                               const VkAllocationCallbacks *allocator, VkDeviceMemory *made)
{
    const struct fake_loader_device *d = device_of(device);
    struct memory *memory;

    if (d->fault == FAKE_LOADER_ALLOCATE)
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    memory = calloc(1, sizeof(*memory));
    if (memory == NULL)
        abort();
    memory->offset = (size_t)d->offsets[info->memoryTypeIndex] * PAGE;
    memory->size = info->allocationSize;
    memory->fd = memfd_create("fake-vulkan", MFD_CLOEXEC);
    if (ftruncate(memory->fd, (off_t)(memory->offset + memory->size)) != 0)
        abort();
    fake_loader.memories++;
    *made = (VkDeviceMemory)(uintptr_t)memory;
    return VK_SUCCESS;
}

static void FreeMemory(VkDevice device, VkDeviceMemory handle,
                       const VkAllocationCallbacks *allocator)
{
    struct memory *memory = (struct memory *)(uintptr_t)handle;

    if (memory->data != NULL)
        munmap(memory->data, memory->size);
    close(memory->fd);
    free(memory);
    fake_loader.memories--;
}

static VkResult MapMemory(VkDevice device, VkDeviceMemory handle, VkDeviceSize offset,
                          VkDeviceSize size, VkMemoryMapFlags flags, void **data)
{
    struct memory *memory = (struct memory *)(uintptr_t)handle;
    enum fake_loader_fault fault = device_of(device)->fault;

    if (fault == FAKE_LOADER_MAP)
        return VK_ERROR_MEMORY_MAP_FAILED;
    memory->data = mmap(NULL, memory->size, PROT_READ | PROT_WRITE,
                        fault == FAKE_LOADER_ELSEWHERE ? MAP_PRIVATE : MAP_SHARED, memory->fd,
                        (off_t)memory->offset);
    if (memory->data == MAP_FAILED)
        abort();
    *data = memory->data;
    return VK_SUCCESS;
}

static VkResult GetMemoryFdKHR(VkDevice device, const VkMemoryGetFdInfoKHR *info, int *fd)
{
    const struct memory *memory = (const struct memory *)(uintptr_t)info->memory;
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", memory->fd);
    switch (device_of(device)->fault) {
    case FAKE_LOADER_DESCRIPTOR:
        return VK_ERROR_TOO_MANY_OBJECTS;
    case FAKE_LOADER_EMPTY:
        *fd = memfd_create("fake-vulkan-empty", MFD_CLOEXEC);
        return VK_SUCCESS;
    case FAKE_LOADER_READ_ONLY:
        *fd = open(path, O_RDONLY | O_CLOEXEC);
        return VK_SUCCESS;
    default:
        *fd = dup(memory->fd);
        return VK_SUCCESS;
    }
}

static PFN_vkVoidFunction GetDeviceProcAddr(VkDevice device, const char *name)
{
    return vkGetInstanceProcAddr(NULL, name);
}

#define CALL(call)                                                                                 \
    if (strcmp(name, "vk" #call) == 0)                                                             \
    return (PFN_vkVoidFunction)call

PFN_vkVoidFunction vkGetInstanceProcAddr(VkInstance instance, const char *name)
{
    if (fake_loader.missing != NULL && strcmp(name, fake_loader.missing) == 0)
        return NULL;
    CALL(CreateInstance);
    CALL(DestroyInstance);
    CALL(EnumeratePhysicalDevices);
    CALL(GetPhysicalDeviceProperties2);
    CALL(GetPhysicalDeviceMemoryProperties);
    CALL(GetPhysicalDeviceExternalBufferProperties);
    CALL(EnumerateDeviceExtensionProperties);
    CALL(CreateDevice);
    CALL(GetDeviceProcAddr);
    CALL(DestroyDevice);
    CALL(AllocateMemory);
    CALL(FreeMemory);
    CALL(MapMemory);
    CALL(GetMemoryFdKHR);
    return NULL;
}
