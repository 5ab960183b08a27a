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

size_t chain_read_pieces(const struct chain *chain, struct guest_memory *memory, uint64_t offset,
                         void *to, size_t size)
{
    return chain_copy(chain->pieces, chain->readable, memory, offset, to, size, false);
}

size_t chain_write_pieces(const struct chain *chain, struct guest_memory *memory, uint64_t offset,
                          const void *from, size_t size)
{
    return chain_copy(chain->pieces + chain->readable, chain->writable, memory, offset,
                      (uint8_t *)(uintptr_t)from, size, true);
}
