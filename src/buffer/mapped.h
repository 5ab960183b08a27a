/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_MAPPED_H
#define BUFFER_MAPPED_H

#include "buffer/buffer.h"

/*
 * What the buffers with a descriptor of their own have in common: it is mapped when somebody asks
 * for the bytes. Only for the files of this room.
 *
 * Makes a buffer of [offset, offset + size) of 'fd', both multiples of the page size. Takes
 * ownership of 'fd' even on error. NULL with errno set.
 */
struct buffer *mapped_create(enum buffer_kind kind, int fd, uint64_t offset, uint64_t size);

/* A sealed memfd of *size bytes, which it rounds up to pages. Returns a descriptor that the caller
 * owns, or -errno: -EINVAL for no bytes, -EFBIG for more than a file can have. */
int mapped_memfd(uint64_t *size);

#endif
