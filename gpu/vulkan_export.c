/* SPDX-License-Identifier: MIT */
#include "gpu/vulkan_export.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"

#define SIZE 65536u
#define WORDS (SIZE / sizeof(uint32_t))
#define FILE_MAX (UINT64_C(16) << 20)

static uint32_t pattern(unsigned i)
{
    return (i + 1) * UINT32_C(2654435761);
}

/* The only place in 'file' where all of the pattern is, or -1. */
static int64_t find_pattern(const uint8_t *file, uint64_t file_size)
{
    int64_t found = -1;
    uint64_t page = units_page_size();

    for (uint64_t at = 0; at + SIZE <= file_size; at += page) {
        const uint32_t *words = (const uint32_t *)(const void *)(file + at);
        unsigned i = 0;

        while (i < WORDS && words[i] == pattern(i))
            i++;
        if (i < WORDS)
            continue;
        if (found >= 0)
            return -1;
        found = (int64_t)at;
    }
    return found;
}

/* Looks at a mapping of the whole descriptor. */
static void compare(uint32_t *vulkan, uint8_t *file, uint64_t file_size,
                    struct vulkan_export *result)
{
    int64_t at;

    for (unsigned i = 0; i < WORDS; i++)
        vulkan[i] = pattern(i);
    at = find_pattern(file, file_size);
    if (at < 0) {
        result->why = "what is written does not arrive at a page of its descriptor";
        return;
    }
    memset(file + at, 0x5a, SIZE);
    if (vulkan[0] != 0x5a5a5a5a || vulkan[WORDS - 1] != 0x5a5a5a5a) {
        result->why = "what is written to its descriptor does not arrive";
        return;
    }
    result->offset = (uint64_t)at;
}

static void look(uint32_t *vulkan, int fd, struct vulkan_export *result)
{
    struct stat st;
    uint64_t size;
    uint8_t *file;

    if (fstat(fd, &st) < 0 || fd_file_size(fd, &size) < 0 || size < SIZE || size > FILE_MAX) {
        result->why = "its descriptor has a strange size";
        return;
    }
    result->regular_file = S_ISREG(st.st_mode);
    file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) {
        result->why = "its descriptor cannot be mapped";
        return;
    }
    compare(vulkan, file, size, result);
    munmap(file, size);
}

static void export(const struct vulkan_calls *calls, VkDevice device, VkDeviceMemory memory,
                   VkExternalMemoryHandleTypeFlagBits handle, struct vulkan_export *result)
{
    const VkMemoryGetFdInfoKHR get = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = memory,
        .handleType = handle,
    };
    void *mapped;
    int fd;

    if (calls->MapMemory(device, memory, 0, VK_WHOLE_SIZE, 0, &mapped) != VK_SUCCESS) {
        result->why = "it cannot be mapped";
        return;
    }
    if (calls->GetMemoryFdKHR(device, &get, &fd) != VK_SUCCESS) {
        result->why = "there is no descriptor of it";
        return;
    }
    look(mapped, fd, result);
    close(fd);
}

void vulkan_export_try(const struct vulkan_calls *calls, VkDevice device, uint32_t type,
                       VkExternalMemoryHandleTypeFlagBits handle, struct vulkan_export *result)
{
    const VkExportMemoryAllocateInfo exported = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = handle,
    };
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &exported,
        .allocationSize = SIZE,
        .memoryTypeIndex = type,
    };
    VkDeviceMemory memory;

    *result = (struct vulkan_export){0};
    if (calls->AllocateMemory(device, &info, NULL, &memory) != VK_SUCCESS) {
        result->why = "it cannot be allocated";
        return;
    }
    export(calls, device, memory, handle, result);
    calls->FreeMemory(device, memory, NULL);
}
