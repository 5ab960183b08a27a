/* SPDX-License-Identifier: MIT */
#include "gpu/pins_reader.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* What is copied at once: glibc's memcpy takes another, slower way for more than stays in a
 * processor's own cache. */
#define STEP 65536u
#define AHEAD 512u

void pins_reader_init(struct pins_reader *reader, const struct guest_pins *pins)
{
    *reader = (struct pins_reader){.pins = pins};
}

/* Whether there are bytes at [offset, offset + size). */
static bool is_inside(const struct guest_pins *pins, uint64_t offset, uint64_t size)
{
    return pins != NULL && size <= pins->size && offset <= pins->size - size;
}

/* Goes to the place that holds 'offset', which is inside. Returns how far into it that is. */
static uint64_t seek(struct pins_reader *reader, uint64_t offset)
{
    if (offset < reader->start) {
        reader->place = 0;
        reader->start = 0;
    }
    while (offset - reader->start >= reader->pins->iov[reader->place].iov_len)
        reader->start += reader->pins->iov[reader->place++].iov_len;
    return offset - reader->start;
}

/* The processor does not read ahead beyond a page: the next place's first lines are asked for while
 * this one is copied. */
static void prefetch(const void *place)
{
    for (size_t i = 0; i < AHEAD; i += 64)
        __builtin_prefetch((const uint8_t *)place + i);
}

int pins_reader_get(struct pins_reader *reader, uint64_t offset, void *to, size_t size)
{
    uint8_t *at = to;

    if (!is_inside(reader->pins, offset, size))
        return -ERANGE;
    while (size > 0) {
        uint64_t skip = seek(reader, offset);
        const struct iovec *place = &reader->pins->iov[reader->place];
        size_t piece = place->iov_len - skip < STEP ? place->iov_len - skip : STEP;

        if (piece > size)
            piece = size;
        if (piece < size && skip + piece == place->iov_len)
            prefetch(place[1].iov_base);
        memcpy(at, (const uint8_t *)place->iov_base + skip, piece);
        at += piece;
        offset += piece;
        size -= piece;
    }
    return 0;
}

const void *pins_reader_at(struct pins_reader *reader, uint64_t offset, uint64_t size)
{
    uint64_t skip;

    if (size == 0 || !is_inside(reader->pins, offset, size))
        return NULL;
    skip = seek(reader, offset);
    if (reader->pins->iov[reader->place].iov_len - skip < size)
        return NULL;
    return (const uint8_t *)reader->pins->iov[reader->place].iov_base + skip;
}
