/* SPDX-License-Identifier: MIT */
#include "media/scatter.h"

#include <string.h>

#include "guest/guest_memory.h"
#include "protocol/virtio_media.h"

static struct virtio_media_sg entry_at(const struct scatter *list, size_t index)
{
    struct virtio_media_sg entry;

    memcpy(&entry, list->entries + index * sizeof(entry), sizeof(entry));
    return entry;
}

bool scatter_take(struct scatter *list, uint64_t size, struct scatter *taken)
{
    uint64_t sum = 0;
    size_t count = 0;

    while (sum < size) {
        struct virtio_media_sg entry;

        if (count >= list->count)
            return false;
        entry = entry_at(list, count++);
        if (entry.len == 0)
            return false;
        sum += entry.len;
    }
    *taken = (struct scatter){list->entries, count};
    list->entries += count * sizeof(struct virtio_media_sg);
    list->count -= count;
    return true;
}

static bool copy(const struct scatter *list, struct guest_memory *memory, uint8_t *data,
                 size_t size, bool to_guest)
{
    for (size_t i = 0; i < list->count && size > 0; i++) {
        struct virtio_media_sg entry = entry_at(list, i);
        size_t part = entry.len < size ? entry.len : size;

        if (to_guest ? !guest_memory_write(memory, entry.start, data, part)
                     : !guest_memory_read(memory, entry.start, data, part))
            return false;
        data += part;
        size -= part;
    }
    return size == 0;
}

bool scatter_read(const struct scatter *list, struct guest_memory *memory, void *to, size_t size)
{
    return copy(list, memory, to, size, false);
}

bool scatter_write(const struct scatter *list, struct guest_memory *memory, const void *from,
                   size_t size)
{
    return copy(list, memory, (uint8_t *)(uintptr_t)from, size, true);
}
