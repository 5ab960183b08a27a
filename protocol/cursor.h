/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_CURSOR_H
#define PROTOCOL_CURSOR_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Bounded cursors over bytes that a stranger wrote.
 *
 * A reader never reads past its end: the first short read sets 'bad', gives zeros from then on
 * and never advances again. So a parser may read all its fields and ask 'bad' once at the end.
 * The bytes must be a private copy: nobody may change them while they are parsed.
 */
struct reader {
    const uint8_t *at;
    size_t left; /* bytes not read yet */
    bool bad;    /* something was asked for that is not there */
};

/* Starts reading 'size' bytes at 'data'. The reader borrows them. */
static inline void reader_init(struct reader *r, const void *data, size_t size)
{
    *r = (struct reader){.at = data, .left = size};
}

/* Passes over 'size' bytes. Returns whether they were there; 'bad' if not. */
static inline bool reader_skip(struct reader *r, size_t size)
{
    if (r->bad || size > r->left) {
        r->bad = true;
        return false;
    }
    /* A reader of nothing may stand at NULL, to which C lets nothing be added, not even 0. */
    if (size > 0)
        r->at += size;
    r->left -= size;
    return true;
}

/* Copies 'size' bytes to 'to'; zeros and 'bad' if fewer are left. Returns whether they were there.
 */
static inline bool reader_get(struct reader *r, void *to, size_t size)
{
    const uint8_t *from = r->at;

    if (!reader_skip(r, size)) {
        memset(to, 0, size);
        return false;
    }
    if (size > 0)
        memcpy(to, from, size);
    return true;
}

/* Little-endian integers; 0 when past the end. */
static inline uint8_t reader_u8(struct reader *r)
{
    uint8_t v;

    reader_get(r, &v, sizeof(v));
    return v;
}

static inline uint32_t reader_u32(struct reader *r)
{
    uint32_t v;

    reader_get(r, &v, sizeof(v));
    return le32toh(v);
}

static inline uint64_t reader_u64(struct reader *r)
{
    uint64_t v;

    reader_get(r, &v, sizeof(v));
    return le64toh(v);
}

/* Splits off the next 'size' bytes as a reader of their own, so that an inner length stays inside
 * its field. Returns false, and sets both bad, if fewer are left. */
bool reader_sub(struct reader *r, struct reader *sub, size_t size);

/* A writer never writes past its end: the first write that does not fit sets 'bad' and nothing
 * more is written. */
struct writer {
    uint8_t *start;
    size_t used; /* bytes written */
    size_t size; /* bytes that fit */
    bool bad;
};

/* Starts writing into 'size' bytes at 'data', which the writer borrows. */
static inline void writer_init(struct writer *w, void *data, size_t size)
{
    *w = (struct writer){.start = data, .size = size};
}

/* Appends 'size' bytes. Returns whether they fit. */
static inline bool writer_put(struct writer *w, const void *from, size_t size)
{
    if (w->bad || size > w->size - w->used) {
        w->bad = true;
        return false;
    }
    if (size > 0)
        memcpy(w->start + w->used, from, size);
    w->used += size;
    return true;
}

/* Little-endian integers. */
static inline bool writer_u32(struct writer *w, uint32_t value)
{
    value = htole32(value);
    return writer_put(w, &value, sizeof(value));
}

static inline bool writer_u64(struct writer *w, uint64_t value)
{
    value = htole64(value);
    return writer_put(w, &value, sizeof(value));
}

/* 'size' bytes of 0. */
bool writer_zero(struct writer *w, size_t size);

#endif
