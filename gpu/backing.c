/* SPDX-License-Identifier: MIT */
#include "gpu/backing.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/virtio_gpu.h"

/* Writes the entries as pieces, neighbours as one. Returns how many there are. */
static uint32_t join(struct guest_piece *pieces, const uint8_t *entries, uint32_t count)
{
    struct guest_piece piece = {0};
    uint32_t used = 0;

    for (uint32_t i = 0; i < count; i++, entries += sizeof(struct virtio_gpu_mem_entry)) {
        struct virtio_gpu_mem_entry entry;
        uint64_t gpa, size;

        memcpy(&entry, entries, sizeof(entry));
        gpa = le64toh(entry.addr);
        size = le32toh(entry.length);
        if (i > 0 && size != 0 && piece.gpa + piece.size == gpa) {
            pieces[used - 1].size = piece.size += size;
            continue;
        }
        piece = (struct guest_piece){gpa, size};
        pieces[used++] = piece;
    }
    return used;
}

int backing_init(struct backing *backing, struct reader *entries, uint32_t count,
                 struct guest_memory *memory)
{
    struct reader all;
    int error = 0;

    *backing = (struct backing){0};
    if (entries->left != (uint64_t)count * sizeof(struct virtio_gpu_mem_entry) ||
        !reader_sub(entries, &all, entries->left))
        return -EINVAL;
    if (count == 0)
        return 0;
    backing->pieces = reallocarray(NULL, count, sizeof(*backing->pieces));
    if (backing->pieces == NULL)
        return -ENOMEM;
    backing->piece_count = join(backing->pieces, all.at, count);
    backing->pins = guest_pins_create(memory, backing->pieces, backing->piece_count);
    if (backing->pins == NULL)
        error = errno == EFAULT ? -EINVAL : -errno;
    if (error < 0)
        backing_forget_pieces(backing);
    return error;
}

void backing_forget_pieces(struct backing *backing)
{
    free(backing->pieces);
    backing->pieces = NULL;
    backing->piece_count = 0;
}

uint64_t backing_size(const struct guest_pins *pins)
{
    return pins != NULL ? pins->size : 0;
}

uint32_t backing_count(const struct guest_pins *pins)
{
    return pins != NULL ? pins->count : 0;
}
