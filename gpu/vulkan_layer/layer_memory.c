/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"
#include "gpu/vulkan_layer/chain.h"
#include "gpu/vulkan_layer/layer.h"

#define HOST VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT

/* Memory of the driver's that is a file here. */
struct layer_memory {
    VkDeviceMemory handle;
    int fd; /* owned */
    void *data;
    uint64_t size;                /* of the mapping */
    RB_ENTRY(layer_memory) entry; // layer_device::memories
};

static int compare(const struct layer_memory *a, const struct layer_memory *b)
{
    uint64_t x = (uint64_t)a->handle, y = (uint64_t)b->handle;

    return x < y ? -1 : x > y;
}

RB_PROTOTYPE(layer_memory_tree, layer_memory, entry, compare);
RB_GENERATE(layer_memory_tree, layer_memory, entry, compare);

/* Frees what the driver uses no more. */
static void destroy(struct layer_memory *memory)
{
    munmap(memory->data, memory->size);
    fd_close(&memory->fd);
    free(memory);
}

void layer_memory_forget(struct layer_device *device)
{
    struct layer_memory *memory;

    while ((memory = RB_MIN(layer_memory_tree, &device->memories)) != NULL) {
        RB_REMOVE(layer_memory_tree, &device->memories, memory);
        destroy(memory);
    }
}

/* ---- giving a file to the driver ---- */

/* A mapping of the whole of 'fd', which is taken over only if it works. */
static VkResult map(int fd, uint64_t size, struct layer_memory **memory)
{
    struct layer_memory *made = calloc(1, sizeof(*made));

    if (made == NULL)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    made->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (made->data == MAP_FAILED) {
        log_stranger("%llu bytes of Vulkan memory cannot be mapped: %m.", (unsigned long long)size);
        free(made);
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    made->fd = fd;
    made->size = size;
    *memory = made;
    return VK_SUCCESS;
}

/* Has the driver take it as a host allocation instead of what the caller has asked for. */
static VkResult give(const struct layer_device *device, const VkMemoryAllocateInfo *info,
                     const VkAllocationCallbacks *allocator, struct layer_memory *memory)
{
    VkImportMemoryHostPointerInfoEXT host = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .pNext = info->pNext,
        .handleType = HOST,
        .pHostPointer = memory->data,
    };
    VkMemoryAllocateInfo changed = *info;
    struct chain_gap exported, imported;
    VkResult result;

    changed.pNext = &host;
    changed.allocationSize = memory->size;
    chain_take(&host, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO, &exported);
    chain_take(&host, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR, &imported);
    result = device->AllocateMemory(device->handle, &changed, allocator, &memory->handle);
    chain_put_back(&imported);
    chain_put_back(&exported);
    return result;
}

/* On success 'fd' belongs to the memory. */
static VkResult allocate(struct layer_device *device, const VkMemoryAllocateInfo *info,
                         const VkAllocationCallbacks *allocator, int fd, uint64_t size,
                         VkDeviceMemory *handle)
{
    struct layer_memory *memory;
    VkResult result = map(fd, size, &memory);

    if (result != VK_SUCCESS)
        return result;
    result = give(device, info, allocator, memory);
    if (result != VK_SUCCESS) {
        munmap(memory->data, memory->size);
        free(memory);
        return result;
    }
    *handle = memory->handle;
    pthread_mutex_lock(&device->lock);
    RB_INSERT(layer_memory_tree, &device->memories, memory);
    pthread_mutex_unlock(&device->lock);
    return VK_SUCCESS;
}

/* ---- allocating ---- */

static bool is_file(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static VkResult make(struct layer_device *device, const VkMemoryAllocateInfo *info,
                     const VkAllocationCallbacks *allocator, VkDeviceMemory *handle)
{
    uint64_t size;
    VkResult result;
    int fd;

    if (!units_round_up(info->allocationSize, device->alignment, &size))
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    fd = fd_memfd("hostblob-vulkan", size);
    if (fd < 0) {
        log_stranger("There is no file for %llu bytes of Vulkan memory: %s.",
                     (unsigned long long)size, strerror(-fd));
        return fd == -EMFILE || fd == -ENFILE ? VK_ERROR_TOO_MANY_OBJECTS
                                              : VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    result = allocate(device, info, allocator, fd, size, handle);
    if (result != VK_SUCCESS)
        fd_close(&fd);
    return result;
}

/* A file that could become shorter would kill this process when it is read. */
static VkResult import(struct layer_device *device, const VkMemoryAllocateInfo *info, int fd,
                       const VkAllocationCallbacks *allocator, VkDeviceMemory *handle)
{
    int seals = fcntl(fd, F_GET_SEALS);
    uint64_t size, file_size;

    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fd_file_size(fd, &file_size) < 0 ||
        !units_round_up(info->allocationSize, device->alignment, &size) || size > file_size) {
        log_stranger("A file cannot become Vulkan memory: it is too short, or may become so.");
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    return allocate(device, info, allocator, fd, size, handle);
}

static VkResult allocate_rounded(const struct layer_device *device,
                                 const VkMemoryAllocateInfo *info,
                                 const VkAllocationCallbacks *allocator, VkDeviceMemory *handle)
{
    VkMemoryAllocateInfo changed = *info;

    if (!units_round_up(info->allocationSize, device->alignment, &changed.allocationSize))
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return device->AllocateMemory(device->handle, &changed, allocator, handle);
}

VKAPI_ATTR VkResult VKAPI_CALL layer_AllocateMemory(VkDevice handle,
                                                    const VkMemoryAllocateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkDeviceMemory *memory)
{
    struct layer_device *device = layer_device_of(handle);
    const VkExportMemoryAllocateInfo *exported =
        chain_find(info, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    const VkImportMemoryFdInfoKHR *imported =
        chain_find(info, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR);
    bool foreign = imported != NULL ||
                   chain_find(info, VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT) != NULL;

    if (device->shares && imported != NULL && (imported->handleType & LAYER_HANDLES) != 0 &&
        is_file(imported->fd))
        return import(device, info, imported->fd, allocator, memory);
    if (foreign || exported == NULL || (exported->handleTypes & LAYER_HANDLES) == 0)
        return device->AllocateMemory(handle, info, allocator, memory);
    if (device->shares)
        return make(device, info, allocator, memory);
    return allocate_rounded(device, info, allocator, memory);
}

VKAPI_ATTR void VKAPI_CALL layer_FreeMemory(VkDevice handle, VkDeviceMemory memory,
                                            const VkAllocationCallbacks *allocator)
{
    struct layer_device *device = layer_device_of(handle);
    struct layer_memory wanted = {.handle = memory};
    struct layer_memory *found;

    pthread_mutex_lock(&device->lock);
    found = RB_FIND(layer_memory_tree, &device->memories, &wanted);
    if (found != NULL)
        RB_REMOVE(layer_memory_tree, &device->memories, found);
    pthread_mutex_unlock(&device->lock);
    device->FreeMemory(handle, memory, allocator);
    if (found != NULL)
        destroy(found);
}

/* ---- descriptors ---- */

VKAPI_ATTR VkResult VKAPI_CALL layer_GetMemoryFdKHR(VkDevice handle,
                                                    const VkMemoryGetFdInfoKHR *info, int *fd)
{
    struct layer_device *device = layer_device_of(handle);
    struct layer_memory wanted = {.handle = info->memory};
    struct layer_memory *found;

    pthread_mutex_lock(&device->lock);
    found = RB_FIND(layer_memory_tree, &device->memories, &wanted);
    *fd = found != NULL ? fd_duplicate(found->fd) : -1;
    pthread_mutex_unlock(&device->lock);
    if (found != NULL)
        return *fd >= 0 ? VK_SUCCESS : VK_ERROR_TOO_MANY_OBJECTS;
    if (device->GetMemoryFdKHR == NULL)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    return device->GetMemoryFdKHR(handle, info, fd);
}

VKAPI_ATTR VkResult VKAPI_CALL
layer_GetMemoryFdPropertiesKHR(VkDevice handle, VkExternalMemoryHandleTypeFlagBits type, int fd,
                               VkMemoryFdPropertiesKHR *properties)
{
    struct layer_device *device = layer_device_of(handle);
    VkMemoryHostPointerPropertiesEXT host = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
    };
    VkResult result;
    void *data;

    if (!device->shares || !is_file(fd)) {
        if (device->GetMemoryFdPropertiesKHR == NULL)
            return VK_ERROR_INVALID_EXTERNAL_HANDLE;
        return device->GetMemoryFdPropertiesKHR(handle, type, fd, properties);
    }
    data = mmap(NULL, device->alignment, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    result = device->GetMemoryHostPointerPropertiesEXT(handle, HOST, data, &host);
    munmap(data, device->alignment);
    properties->memoryTypeBits = host.memoryTypeBits;
    return result;
}
