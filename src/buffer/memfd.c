/* SPDX-License-Identifier: MIT */
#include "buffer/buffer.h"

#include <errno.h>
#include <stddef.h>

#include "buffer/mapped.h"

struct buffer *buffer_memfd_create(uint64_t size)
{
    int fd = mapped_memfd(&size);

    if (fd < 0) {
        errno = -fd;
        return NULL;
    }
    return mapped_create(BUFFER_MEMFD, fd, 0, size);
}
