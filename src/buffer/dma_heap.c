/* SPDX-License-Identifier: MIT */
#include "buffer/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include <linux/dma-heap.h>

#include "base/units.h"
#include "buffer/mapped.h"

struct buffer *buffer_dma_heap_create(int heap_fd, uint64_t size)
{
    struct dma_heap_allocation_data wish = {.fd_flags = O_RDWR | O_CLOEXEC};

    if (size == 0 || !units_round_up(size, units_page_size(), &size)) {
        errno = size == 0 ? EINVAL : EFBIG;
        return NULL;
    }
    wish.len = size;
    if (ioctl(heap_fd, DMA_HEAP_IOCTL_ALLOC, &wish) < 0)
        return NULL;
    return mapped_create(BUFFER_DMA_HEAP, (int)wish.fd, 0, size);
}
