/* SPDX-License-Identifier: MIT */
#include "buffer/buffer.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include <linux/udmabuf.h>

#include "base/fd.h"
#include "buffer/mapped.h"

struct buffer *buffer_udmabuf_create(int udmabuf_fd, uint64_t size)
{
    int memfd = mapped_memfd(&size);
    int dmabuf;

    if (memfd < 0) {
        errno = -memfd;
        return NULL;
    }
    dmabuf = ioctl(udmabuf_fd, UDMABUF_CREATE,
                   &(struct udmabuf_create){
                       .memfd = (uint32_t)memfd,
                       .flags = UDMABUF_FLAGS_CLOEXEC,
                       .size = size,
                   });
    fd_close(&memfd); /* the dmabuf holds the pages */
    if (dmabuf < 0)
        return NULL;
    return mapped_create(BUFFER_UDMABUF, dmabuf, 0, size);
}
