/* SPDX-License-Identifier: MIT */
#include "buffer/buffer.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include <linux/dma-buf.h>

static const char *const names[] = {
    [BUFFER_ARENA] = "arena",       [BUFFER_MEMFD] = "memfd", [BUFFER_UDMABUF] = "udmabuf",
    [BUFFER_DMA_HEAP] = "dma_heap", [BUFFER_GBM] = "gbm",     [BUFFER_IMPORTED] = "imported",
    [BUFFER_GUEST] = "guest",
};

void *buffer_data(struct buffer *buffer)
{
    return buffer->impl->data(buffer);
}

static int sync_dmabuf(struct buffer *buffer, uint64_t flags)
{
    struct dma_buf_sync sync = {.flags = flags};
    int result;

    if (!buffer->dmabuf)
        return 0;
    do {
        result = ioctl(buffer->fd, DMA_BUF_IOCTL_SYNC, &sync);
    } while (result < 0 && (errno == EINTR || errno == EAGAIN));
    return result < 0 ? -errno : 0;
}

static uint64_t access_flags(unsigned access)
{
    return ((access & BUFFER_READ) != 0 ? DMA_BUF_SYNC_READ : 0u) |
           ((access & BUFFER_WRITE) != 0 ? DMA_BUF_SYNC_WRITE : 0u);
}

int buffer_begin(struct buffer *buffer, unsigned access)
{
    return sync_dmabuf(buffer, access_flags(access) | DMA_BUF_SYNC_START);
}

int buffer_end(struct buffer *buffer, unsigned access)
{
    return sync_dmabuf(buffer, access_flags(access) | DMA_BUF_SYNC_END);
}

void buffer_destroy(struct buffer *buffer)
{
    if (buffer != NULL)
        buffer->impl->destroy(buffer);
}

const char *buffer_kind_name(enum buffer_kind kind)
{
    return names[kind];
}
