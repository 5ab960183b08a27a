/* SPDX-License-Identifier: MIT */
#include "guest/chain.h"

typedef bool copy_piece(struct guest_memory *memory, uint64_t gpa, void *bytes, size_t size);

/* Runs 'copy' over the part of the 'count' pieces that begins at 'offset'. Returns the bytes
 * copied. */
static size_t chain_copy(const struct chain_piece *piece, unsigned count,
                         struct guest_memory *memory, uint64_t offset, uint8_t *bytes, size_t size,
                         copy_piece *copy)
{
    size_t done = 0;

    for (; count > 0 && done < size; count--, piece++) {
        size_t part = size - done;

        if (offset >= piece->size) {
            offset -= piece->size;
            continue;
        }
        if (part > piece->size - offset)
            part = (size_t)(piece->size - offset);
        if (!copy(memory, piece->gpa + offset, bytes + done, part))
            break;
        done += part;
        offset = 0;
    }
    return done;
}

static bool copy_in(struct guest_memory *memory, uint64_t gpa, void *bytes, size_t size)
{
    return guest_memory_read(memory, gpa, bytes, size);
}

static bool copy_out(struct guest_memory *memory, uint64_t gpa, void *bytes, size_t size)
{
    return guest_memory_write(memory, gpa, bytes, size);
}

size_t chain_read(const struct chain *chain, struct guest_memory *memory, uint64_t offset, void *to,
                  size_t size)
{
    return chain_copy(chain->pieces, chain->readable, memory, offset, to, size, copy_in);
}

size_t chain_write(const struct chain *chain, struct guest_memory *memory, uint64_t offset,
                   const void *from, size_t size)
{
    if (chain->writable == 0)
        return 0;
    return chain_copy(chain->pieces + chain->readable, chain->writable, memory, offset,
                      (uint8_t *)(uintptr_t)from, size, copy_out);
}
