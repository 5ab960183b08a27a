/* SPDX-License-Identifier: MIT */
#include "guest/chain.h"

/* Copies 'size' bytes to or from the part of the 'count' pieces that begins at 'offset'. Returns
 * the bytes copied. */
static size_t chain_copy(const struct chain_piece *piece, unsigned count,
                         struct guest_memory *memory, uint64_t offset, uint8_t *bytes, size_t size,
                         bool write)
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
        if (write ? !guest_memory_write(memory, piece->gpa + offset, bytes + done, part)
                  : !guest_memory_read(memory, piece->gpa + offset, bytes + done, part))
            break;
        done += part;
        offset = 0;
    }
    return done;
}

/* Most of what is copied lies in the first piece of all. */
static bool is_in_first(const struct chain_piece *piece, uint64_t offset, size_t size)
{
    return size <= piece->size && offset <= piece->size - size;
}

size_t chain_read(const struct chain *chain, struct guest_memory *memory, uint64_t offset, void *to,
                  size_t size)
{
    const struct chain_piece *first = chain->pieces;

    if (chain->readable > 0 && is_in_first(first, offset, size))
        return guest_memory_read(memory, first->gpa + offset, to, size) ? size : 0;
    return chain_copy(first, chain->readable, memory, offset, to, size, false);
}

size_t chain_write(const struct chain *chain, struct guest_memory *memory, uint64_t offset,
                   const void *from, size_t size)
{
    const struct chain_piece *first;

    if (chain->writable == 0)
        return 0;
    first = chain->pieces + chain->readable;
    if (is_in_first(first, offset, size))
        return guest_memory_write(memory, first->gpa + offset, from, size) ? size : 0;
    return chain_copy(first, chain->writable, memory, offset, (uint8_t *)(uintptr_t)from, size,
                      true);
}
