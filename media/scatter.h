/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_SCATTER_H
#define MEDIA_SCATTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest_memory;

/* Bytes that lie scattered in guest memory: struct virtio_media_sg entries, as a request has them,
 * in a private copy. */
struct scatter {
    const uint8_t *entries; /* borrowed */
    size_t count;           /* of entries */
};

/* Takes from the front of 'list' the entries that hold the next 'size' bytes; *taken is none if
 * size is 0. False, and nothing is taken, when the list ends too early or has an empty entry. */
bool scatter_take(struct scatter *list, uint64_t size, struct scatter *taken);
/* Copies the first 'size' bytes. False when they are not all in the list, or in guest memory. */
bool scatter_read(const struct scatter *list, struct guest_memory *memory, void *to, size_t size);
bool scatter_write(const struct scatter *list, struct guest_memory *memory, const void *from,
                   size_t size);

#endif
