/* SPDX-License-Identifier: MIT */
#include "buffer/buffer.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/units.h"
#include "buffer/mapped.h"

/* Whether [offset, offset + size) is whole pages of the file and can be mapped read-write. */
static int check(int fd, uint64_t offset, uint64_t size)
{
    uint64_t mask = units_page_size() - 1;
    uint64_t file_size;
    void *data;
    int ret;

    if (size == 0 || ((offset | size) & mask) != 0 || offset > INT64_MAX ||
        size > INT64_MAX - offset)
        return -EINVAL;
    ret = fd_file_size(fd, &file_size);
    if (ret < 0)
        return ret;
    if (offset + size > file_size)
        return -EINVAL;
    data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)offset);
    if (data == MAP_FAILED)
        return -errno;
    munmap(data, size);
    return 0;
}

struct buffer *buffer_imported_create(int fd, uint64_t offset, uint64_t size)
{
    int ret = check(fd, offset, size);

    if (ret < 0) {
        fd_close(&fd);
        errno = -ret;
        return NULL;
    }
    return mapped_create(BUFFER_IMPORTED, fd, offset, size);
}
