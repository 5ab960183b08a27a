/* SPDX-License-Identifier: MIT */
#include "buffer/buffer.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
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

struct buffer *buffer_udmabuf_list_create(int udmabuf_fd, const struct buffer_piece *pieces,
                                          unsigned count)
{
    struct udmabuf_create_list *list;
    uint64_t size = 0;
    int dmabuf;

    list = calloc(1, sizeof(*list) + count * sizeof(list->list[0]));
    if (list == NULL)
        return NULL;
    list->flags = UDMABUF_FLAGS_CLOEXEC;
    list->count = count;
    for (unsigned i = 0; i < count; i++) {
        list->list[i] = (struct udmabuf_create_item){
            .memfd = (uint32_t)pieces[i].fd, .offset = pieces[i].offset, .size = pieces[i].size};
        size += pieces[i].size;
    }
    dmabuf = ioctl(udmabuf_fd, UDMABUF_CREATE_LIST, list);
    free(list);
    return dmabuf >= 0 ? mapped_create(BUFFER_UDMABUF, dmabuf, 0, size) : NULL;
}
