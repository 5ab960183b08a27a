/* SPDX-License-Identifier: MIT */
/* Two processes with a Vulkan device each share memory as a dmabuf, as window systems do: one
 * allocates it, maps it and writes, the other imports it, has its device read it and write to it.
 *
 *     vulkan_share
 *
 * Prints '@@ shared=BYTES bad=WORDS back=WORDS' for each of some sizes: words that came wrong there
 * and back. Ends with 0 if none did.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vk.h"

#define HANDLE VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

static const char *const extensions[] = {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
                                         VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME};

/* What goes to the other process with the descriptor. */
struct parcel {
    VkDeviceSize size, allocated; /* size 0: that was all */
    uint32_t seed;
};

static uint32_t word_of(uint32_t seed, VkDeviceSize i)
{
    return seed + (uint32_t)i * 2654435761u;
}

static int send_parcel(int socket, const struct parcel *parcel, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec iov = {(void *)(uintptr_t)parcel, sizeof(*parcel)};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
    }
    return sendmsg(socket, &message, 0) < 0 ? -1 : 0;
}

static int receive_parcel(int socket, struct parcel *parcel)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {parcel, sizeof(*parcel)};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int fd = -1;

    if (recvmsg(socket, &message, 0) == sizeof(*parcel) && CMSG_FIRSTHDR(&message) != NULL)
        memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    return fd;
}

/* A buffer that may be shared, without memory. */
static VkResult make_buffer(struct vk *vk, struct vk_buffer *buffer, VkDeviceSize size)
{
    VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = HANDLE,
    };
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = &external,
        .size = size,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkResult result;

    *buffer = (struct vk_buffer){.size = size};
    result = vkCreateBuffer(vk->device, &info, NULL, &buffer->buffer);
    return result ? vk_failed(result, "vkCreateBuffer") : VK_SUCCESS;
}

/* Memory for it: new, or what the list behind 'info' names. */
static VkResult give_memory(struct vk *vk, struct vk_buffer *buffer, VkMemoryAllocateInfo *info)
{
    VkMemoryRequirements needs;
    VkResult result;
    int type;

    vkGetBufferMemoryRequirements(vk->device, buffer->buffer, &needs);
    type = vk_memory_type(vk, needs.memoryTypeBits, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT);
    if (type < 0)
        return vk_failed(VK_ERROR_FEATURE_NOT_PRESENT, "memory_type");
    info->sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
    info->memoryTypeIndex = (uint32_t)type;
    if (info->allocationSize == 0)
        info->allocationSize = needs.size;
    buffer->allocated = info->allocationSize;
    result = vkAllocateMemory(vk->device, info, NULL, &buffer->memory);
    if (result)
        return vk_failed(result, "vkAllocateMemory");
    result = vkBindBufferMemory(vk->device, buffer->buffer, buffer->memory, 0);
    return result ? vk_failed(result, "vkBindBufferMemory") : VK_SUCCESS;
}

static PFN_vkGetMemoryFdKHR get_fd;

static VkResult export(struct vk *vk, struct vk_buffer *buffer, VkDeviceSize size, int *fd)
{
    VkExportMemoryAllocateInfo exported = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = HANDLE,
    };
    VkMemoryAllocateInfo info = {.pNext = &exported};
    VkMemoryGetFdInfoKHR get = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .handleType = HANDLE,
    };
    VkResult result = make_buffer(vk, buffer, size);

    if (!result)
        result = give_memory(vk, buffer, &info);
    if (result)
        return result;
    result = vkMapMemory(vk->device, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->map);
    if (result)
        return vk_failed(result, "vkMapMemory");
    get.memory = buffer->memory;
    result = get_fd(vk->device, &get, fd);
    return result ? vk_failed(result, "vkGetMemoryFdKHR") : VK_SUCCESS;
}

/* Takes the descriptor. */
static VkResult import(struct vk *vk, struct vk_buffer *buffer, const struct parcel *parcel, int fd)
{
    VkImportMemoryFdInfoKHR imported = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
        .handleType = HANDLE,
        .fd = fd,
    };
    VkMemoryAllocateInfo info = {.pNext = &imported, .allocationSize = parcel->allocated};
    VkResult result = make_buffer(vk, buffer, parcel->size);

    return result ? result : give_memory(vk, buffer, &info);
}

static uint32_t count_wrong(const uint32_t *words, VkDeviceSize size, uint32_t seed, bool filled)
{
    uint32_t bad = 0;

    for (VkDeviceSize i = 0; i < size / 4; i++)
        bad += words[i] != (filled ? ~seed : word_of(seed, i));
    return bad;
}

/* In the other process: the device reads what came, and writes something else there. */
static VkResult use(struct vk *vk, const struct parcel *parcel, int fd, uint32_t *bad)
{
    struct vk_buffer shared = {0}, own = {0};
    VkBufferCopy copy = {.size = parcel->size};
    VkResult result = import(vk, &shared, parcel, fd);

    if (!result)
        result = vk_buffer_init(vk, &own, parcel->size);
    if (!result)
        result = vk_begin(vk);
    if (!result) {
        VkMemoryBarrier barrier = {
            .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
            .srcAccessMask = VK_ACCESS_TRANSFER_READ_BIT,
            .dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        };

        vkCmdCopyBuffer(vk->command, shared.buffer, own.buffer, 1, &copy);
        vkCmdPipelineBarrier(vk->command, VK_PIPELINE_STAGE_TRANSFER_BIT,
                             VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
        vkCmdFillBuffer(vk->command, shared.buffer, 0, parcel->size, ~parcel->seed);
        result = vk_run(vk);
    }
    if (!result)
        *bad = count_wrong(own.map, parcel->size, parcel->seed, false);
    vk_buffer_finish(vk, &own);
    vk_buffer_finish(vk, &shared);
    return result;
}

static int other_main(int socket)
{
    struct vk vk;
    struct parcel parcel;
    int fd;
    VkResult result = vk_init_with(&vk, extensions, 2);

    while (!result && (fd = receive_parcel(socket, &parcel)) >= 0) {
        uint32_t bad = UINT32_MAX;

        result = use(&vk, &parcel, fd, &bad);
        if (write(socket, &bad, sizeof(bad)) != sizeof(bad))
            break;
    }
    vk_finish(&vk);
    return result ? 1 : 0;
}

static int share(struct vk *vk, int socket, VkDeviceSize size, uint32_t seed)
{
    struct parcel parcel = {.size = size, .seed = seed};
    struct vk_buffer buffer = {0};
    uint32_t bad = UINT32_MAX, back = UINT32_MAX;
    int fd = -1;

    if (!export(vk, &buffer, size, &fd)) {
        uint32_t *words = buffer.map;

        for (VkDeviceSize i = 0; i < size / 4; i++)
            words[i] = word_of(seed, i);
        parcel.allocated = buffer.allocated;
        if (send_parcel(socket, &parcel, fd) == 0 && read(socket, &bad, sizeof(bad)) > 0)
            back = count_wrong(words, size, seed, true);
        close(fd);
    }
    vk_buffer_finish(vk, &buffer);
    printf("@@ shared=%ju bad=%u back=%u\n", (uintmax_t)size, bad, back);
    fflush(stdout);
    return bad != 0 || back != 0;
}

static int main_of(int socket)
{
    static const VkDeviceSize sizes[] = {100, 4096, 20000, 1 << 20, 16 << 20};
    struct vk vk;
    int status = 0;

    if (vk_init_with(&vk, extensions, 2))
        status = 1;
    else
        get_fd = (PFN_vkGetMemoryFdKHR)vkGetDeviceProcAddr(vk.device, "vkGetMemoryFdKHR");
    for (unsigned i = 0; !status && i < sizeof(sizes) / sizeof(*sizes); i++)
        status = share(&vk, socket, sizes[i], 0x1000193u * (i + 1));
    vk_finish(&vk);
    return status;
}

int main(void)
{
    int pair[2], status, other;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
        return 2;
    pid = fork(); /* before either has a device */
    if (pid == 0) {
        close(pair[0]);
        return other_main(pair[1]);
    }
    close(pair[1]);
    status = main_of(pair[0]);
    close(pair[0]);
    waitpid(pid, &other, 0);
    printf("@@ ended=%d other=%d\n", status, other);
    return status || other ? 1 : 0;
}
