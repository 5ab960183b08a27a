/* SPDX-License-Identifier: MIT */
#include "buffer/mapped.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statfs.h>

#include <linux/magic.h>

#include "base/fd.h"
#include "base/units.h"

struct mapped {
    struct buffer base;
    void *data; /* NULL until somebody asks */
};

static void *mapped_data(struct buffer *buffer)
{
    struct mapped *mapped = (struct mapped *)buffer;

    if (mapped->data == NULL) {
        void *data = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                          buffer->fd, (off_t)buffer->fd_offset);

        if (data == MAP_FAILED)
            return NULL;
        mapped->data = data;
    }
    return mapped->data;
}

static void mapped_destroy(struct buffer *buffer)
{
    struct mapped *mapped = (struct mapped *)buffer;

    if (mapped->data != NULL)
        munmap(mapped->data, buffer->size);
    fd_close(&buffer->fd);
    free(mapped);
}

static const struct buffer_impl mapped_impl = {
    .data = mapped_data,
    .destroy = mapped_destroy,
};

/* Somebody else's descriptor does not say what it is. */
static bool is_dmabuf(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && fs.f_type == DMA_BUF_MAGIC;
}

struct buffer *mapped_create(enum buffer_kind kind, int fd, uint64_t offset, uint64_t size)
{
    struct mapped *mapped;

    if (!fd_leaves_room(fd)) {
        fd_close(&fd);
        errno = EMFILE;
        return NULL;
    }
    mapped = calloc(1, sizeof(*mapped));
    if (mapped == NULL) {
        fd_close(&fd);
        return NULL;
    }
    mapped->base = (struct buffer){
        .impl = &mapped_impl,
        .kind = kind,
        .size = size,
        .fd = fd,
        .fd_offset = offset,
        .dmabuf = is_dmabuf(fd),
    };
    return &mapped->base;
}

int mapped_memfd(uint64_t *size)
{
    if (*size == 0)
        return -EINVAL;
    if (!units_round_up(*size, units_page_size(), size))
        return -EFBIG;
    return fd_memfd("hostblob-buffer", *size);
}
