/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_ARENA_BYTES_H
#define BUFFER_ARENA_BYTES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How the bytes of the arena move: by read and write, and never by touching a page that is not
 * there yet, since with no memory left that would kill us instead of failing. 'fd' is borrowed;
 * offsets and sizes are bytes.
 */

/* Throws bytes away: they read as zeros from now on, in the guest too, and cost no memory. 0 or
 * -errno, logged. */
int arena_bytes_punch(int fd, uint64_t offset, uint64_t size);
/* Finds the next run of bytes of the file in [*start, end) that are not just holes. Returns false
 * at the end. */
bool arena_bytes_next(int fd, uint64_t *start, uint64_t end, uint64_t *extent_end);
/* Writes 'size' bytes to 'at' of the file. 0 or -ENOMEM. */
int arena_bytes_out(int fd, const uint8_t *from, uint64_t at, uint64_t size);
/* Reads them. 0 or -ENOMEM. */
int arena_bytes_in(int fd, uint8_t *to, uint64_t at, uint64_t size);

#endif
