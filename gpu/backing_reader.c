/* SPDX-License-Identifier: MIT */
#include "gpu/backing_reader.h"

#include <errno.h>

void backing_reader_init(struct backing_reader *reader, const struct backing *backing,
                         struct guest_memory *memory)
{
    *reader = (struct backing_reader){.backing = backing, .memory = memory};
}

/* Whether [offset, offset + size) is in the backing. */
static bool inside(const struct backing *backing, uint64_t offset, uint64_t size)
{
    return size <= backing->size && offset <= backing->size - size;
}

/* Goes to the piece that holds 'offset', which is in the backing. */
static void seek(struct backing_reader *reader, uint64_t offset)
{
    if (offset < reader->start) {
        reader->piece = 0;
        reader->start = 0;
    }
    while (offset - reader->start >= reader->backing->pieces[reader->piece].size)
        reader->start += reader->backing->pieces[reader->piece++].size;
}

int backing_reader_get(struct backing_reader *reader, uint64_t offset, void *to, size_t size)
{
    uint8_t *at = to;

    if (!inside(reader->backing, offset, size))
        return -ERANGE;
    while (size > 0) {
        uint64_t skip, piece;

        seek(reader, offset);
        skip = offset - reader->start;
        piece = reader->backing->pieces[reader->piece].size - skip;
        if (piece > size)
            piece = size;
        if (!guest_memory_read(reader->memory, reader->backing->pieces[reader->piece].gpa + skip,
                               at, piece))
            return -EFAULT;
        at += piece;
        offset += piece;
        size -= piece;
    }
    return 0;
}

const void *backing_reader_at(struct backing_reader *reader, uint64_t offset, uint64_t size)
{
    uint64_t skip;

    if (size == 0 || !inside(reader->backing, offset, size))
        return NULL;
    seek(reader, offset);
    skip = offset - reader->start;
    if (reader->backing->pieces[reader->piece].size - skip < size)
        return NULL;
    return guest_memory_at(reader->memory, reader->backing->pieces[reader->piece].gpa + skip, size);
}
