/* SPDX-License-Identifier: MIT */
#include "buffer/arena_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"

static bool is_empty(int fd, uint64_t offset, uint64_t size)
{
    off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

    return data < 0 ? errno == ENXIO : (uint64_t)data - offset >= size;
}

int arena_bytes_punch(int fd, uint64_t offset, uint64_t size)
{
    int ret;

    /* To look is cheaper, and disturbs nobody who has it mapped. */
    if (is_empty(fd, offset, size))
        return 0;
    do {
        ret = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size);
    } while (ret < 0 && errno == EINTR);
    if (ret < 0) {
        ret = -errno;
        log_error("cannot punch a hole into the arena: %m");
    }
    return ret;
}

bool arena_bytes_next(int fd, uint64_t *start, uint64_t end, uint64_t *extent_end)
{
    off_t data = lseek(fd, (off_t)*start, SEEK_DATA);
    off_t hole;

    if (data < 0 || (uint64_t)data >= end)
        return false;
    hole = lseek(fd, data, SEEK_HOLE);
    *start = (uint64_t)data;
    *extent_end = hole > data && (uint64_t)hole < end ? (uint64_t)hole : end;
    return true;
}

int arena_bytes_out(int fd, const uint8_t *from, uint64_t at, uint64_t size)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, from, size, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -ENOMEM;
        from += n;
        at += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return 0;
}

int arena_bytes_in(int fd, uint8_t *to, uint64_t at, uint64_t size)
{
    while (size > 0) {
        ssize_t n = pread(fd, to, size, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -ENOMEM;
        to += n;
        at += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return 0;
}
