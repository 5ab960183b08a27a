/* SPDX-License-Identifier: MIT */
#include "buffer/self_test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"

static uint64_t word(uint64_t seed, uint64_t index)
{
    return (index + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ seed;
}

static void fill(volatile uint64_t *words, uint64_t count, uint64_t seed)
{
    for (uint64_t i = 0; i < count; i++)
        words[i] = word(seed, i);
}

static bool holds(const volatile uint64_t *words, uint64_t count, uint64_t seed)
{
    for (uint64_t i = 0; i < count; i++)
        if (words[i] != word(seed, i))
            return false;
    return true;
}

static bool is_zero(const volatile uint64_t *words, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (words[i] != 0)
            return false;
    return true;
}

static int failed(char *why, size_t size, const char *what, int error)
{
    if (error != 0)
        snprintf(why, size, "%s: %s", what, strerror(-error));
    else
        snprintf(why, size, "%s", what);
    return error != 0 ? error : -EIO;
}

/* One way: written here, read there. */
static int carries(struct buffer *buffer, volatile uint64_t *from, volatile uint64_t *to,
                   uint64_t seed, char *why, size_t size)
{
    uint64_t count = buffer->size / sizeof(*from);
    bool good;
    int result = buffer_begin(buffer, BUFFER_WRITE);

    if (result < 0)
        return failed(why, size, "the CPU may not write to it", result);
    fill(from, count, seed);
    result = buffer_end(buffer, BUFFER_WRITE);
    if (result == 0)
        result = buffer_begin(buffer, BUFFER_READ);
    if (result < 0)
        return failed(why, size, "the CPU may not read it", result);
    good = holds(to, count, seed);
    buffer_end(buffer, BUFFER_READ);
    return good ? 0 : failed(why, size, "what one mapping writes another does not read", 0);
}

static int try_both(struct buffer *buffer, uint64_t *ours, uint64_t *theirs, char *why, size_t size)
{
    int result = 0;

    if (buffer_begin(buffer, BUFFER_READ) == 0) {
        if (!is_zero(ours, buffer->size / sizeof(*ours)))
            result = failed(why, size, "a new one holds old bytes", 0);
        buffer_end(buffer, BUFFER_READ);
    }
    if (result == 0)
        result = carries(buffer, ours, theirs, 1, why, size);
    if (result == 0)
        result = carries(buffer, theirs, ours, 2, why, size);
    return result;
}

int self_test_buffer(struct buffer *buffer, char *why, size_t size)
{
    uint64_t file_size;
    void *ours, *theirs;
    int result = fd_file_size(buffer->fd, &file_size);

    if (result < 0)
        return failed(why, size, "its size cannot be asked", result);
    if (file_size < buffer->fd_offset + buffer->size)
        return failed(why, size, "it is smaller than was asked for", 0);
    ours = buffer_data(buffer);
    if (ours == NULL)
        return failed(why, size, "it cannot be mapped", -errno);
    theirs = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->fd,
                  (off_t)buffer->fd_offset);
    if (theirs == MAP_FAILED)
        return failed(why, size, "it cannot be mapped a second time", -errno);
    result = try_both(buffer, ours, theirs, why, size);
    munmap(theirs, buffer->size);
    return result;
}
