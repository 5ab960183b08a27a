/* SPDX-License-Identifier: MIT */
#include "gpu/backing.h"

#include <errno.h>
#include <stdlib.h>

#include "protocol/virtio_gpu.h"

/* Appends to 'pieces', or to the last of them. Returns how many there are. */
static uint32_t add_piece(struct guest_piece *pieces, uint32_t count, uint64_t gpa, uint32_t size)
{
    struct guest_piece *last = count > 0 ? &pieces[count - 1] : NULL;

    if (last != NULL && size != 0 && last->gpa + last->size == gpa) {
        last->size += size;
        return count;
    }
    pieces[count] = (struct guest_piece){gpa, size};
    return count + 1;
}

int backing_init(struct backing *backing, struct reader *entries, uint32_t count,
                 struct guest_memory *memory)
{
    struct guest_piece *pieces;
    uint32_t used = 0;
    int error = 0;

    *backing = (struct backing){0};
    if (entries->left != (uint64_t)count * sizeof(struct virtio_gpu_mem_entry))
        return -EINVAL;
    if (count == 0)
        return 0;
    pieces = calloc(count, sizeof(*pieces));
    if (pieces == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t gpa = reader_u64(entries);
        uint32_t size = reader_u32(entries);

        reader_skip(entries, 4);
        used = add_piece(pieces, used, gpa, size);
    }
    backing->pins = guest_pins_create(memory, pieces, used);
    if (backing->pins == NULL)
        error = errno == EFAULT ? -EINVAL : -errno;
    backing->pieces = pieces;
    backing->piece_count = used;
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

void backing_finish(struct backing *backing)
{
    backing_forget_pieces(backing);
    guest_pins_unref(backing->pins);
    backing->pins = NULL;
}

uint64_t backing_size(const struct backing *backing)
{
    return backing->pins != NULL ? backing->pins->size : 0;
}

uint32_t backing_count(const struct backing *backing)
{
    return backing->pins != NULL ? backing->pins->count : 0;
}
