/* SPDX-License-Identifier: MIT */
#include "media/user_lists.h"

#include <errno.h>
#include <string.h>

#include "protocol/virtio_media.h"

int user_lists_read(struct user_lists *lists, uint64_t length)
{
    for (lists->count = 0; length > 0; lists->count++) {
        struct virtio_media_sg entry;

        if (lists->size < sizeof(entry))
            return -EINVAL;
        memcpy(&entry, lists->at, sizeof(entry));
        lists->at += sizeof(entry);
        lists->size -= sizeof(entry);
        if (entry.len > length)
            entry.len = (uint32_t)length;
        lists->pieces[lists->count] = (struct guest_piece){entry.start, entry.len};
        if (entry.len == 0)
            return -EINVAL;
        length -= entry.len;
    }
    return 0;
}
