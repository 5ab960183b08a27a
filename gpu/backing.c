/* SPDX-License-Identifier: MIT */
#include "gpu/backing.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "protocol/virtio_gpu.h"

static bool backing_in_memory(struct guest_memory *memory, uint64_t gpa, uint64_t size)
{
    uint64_t piece;

    if (size == 0 || gpa + size < gpa)
        return false;
    for (; size > 0; gpa += piece, size -= piece) {
        piece = size;
        if (guest_memory_piece(memory, gpa, &piece) == NULL || piece == 0)
            return false;
    }
    return true;
}

static void backing_add(struct backing *backing, uint64_t gpa, uint64_t size)
{
    struct backing_piece *last = backing->count ? &backing->pieces[backing->count - 1] : NULL;

    if (last != NULL && last->gpa + last->size == gpa)
        last->size += size;
    else
        backing->pieces[backing->count++] = (struct backing_piece){gpa, size};
    backing->size += size; /* at most 2^32 entries of 2^32 bytes */
}

int backing_init(struct backing *backing, struct reader *entries, uint32_t count,
                 struct guest_memory *memory)
{
    struct backing_piece *smaller;

    *backing = (struct backing){0};
    if (entries->left != (uint64_t)count * sizeof(struct virtio_gpu_mem_entry))
        return -EINVAL;
    if (count == 0)
        return 0;
    backing->pieces = calloc(count, sizeof(*backing->pieces));
    if (backing->pieces == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t gpa = reader_u64(entries);
        uint32_t size = reader_u32(entries);

        reader_skip(entries, 4);
        if (!backing_in_memory(memory, gpa, size)) {
            backing_finish(backing);
            return -EINVAL;
        }
        backing_add(backing, gpa, size);
    }
    smaller = realloc(backing->pieces, backing->count * sizeof(*backing->pieces));
    if (smaller != NULL)
        backing->pieces = smaller;
    return 0;
}

void backing_finish(struct backing *backing)
{
    free(backing->pieces);
    *backing = (struct backing){0};
}
