/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_USER_LISTS_H
#define MEDIA_USER_LISTS_H

#include <stddef.h>
#include <stdint.h>

#include "guest/guest_pins.h"

/* What is left of the lists of struct virtio_media_sg that come with a buffer of a guest's program,
 * one for each plane (virtio-media, "shared pages"). */
struct user_lists {
    const uint8_t *at; /* borrowed */
    size_t size;
    struct guest_piece *pieces; /* borrowed: of the list that was read last; room for all lists */
    unsigned count;
};

/* Reads one list, up to 'length' bytes. 0, or -EINVAL when it ends before, or an entry is empty. */
int user_lists_read(struct user_lists *lists, uint64_t length);

#endif
