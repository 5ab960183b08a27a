/* SPDX-License-Identifier: MIT */
#include "buffer/buffer.h"

#include <stddef.h>

static const char *const names[] = {
    [BUFFER_ARENA] = "arena",
    [BUFFER_MEMFD] = "memfd",
    [BUFFER_UDMABUF] = "udmabuf",
    [BUFFER_IMPORTED] = "imported",
};

void *buffer_data(struct buffer *buffer)
{
    return buffer->impl->data(buffer);
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
