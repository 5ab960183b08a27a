/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_CURSOR_H
#define PROTOCOL_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
void reader_init(struct reader *r, const void *data, size_t size);
/* Copies 'size' bytes to 'to'; zeros and 'bad' if fewer are left. Returns whether they were there.
 */
bool reader_get(struct reader *r, void *to, size_t size);
/* Little-endian integers; 0 when past the end. */
uint8_t reader_u8(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* Passes over 'size' bytes. */
void reader_skip(struct reader *r, size_t size);
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
void writer_init(struct writer *w, void *data, size_t size);
bool writer_put(struct writer *w, const void *from, size_t size);
bool writer_u32(struct writer *w, uint32_t value);
bool writer_u64(struct writer *w, uint64_t value);
bool writer_zero(struct writer *w, size_t size);

#endif
