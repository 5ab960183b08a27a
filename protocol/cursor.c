/* SPDX-License-Identifier: MIT */
#include "protocol/cursor.h"

#include <endian.h>
#include <string.h>

void reader_init(struct reader *r, const void *data, size_t size)
{
    *r = (struct reader){.at = data, .left = size};
}

/* A reader of nothing may stand at NULL, to which C lets nothing be added, not even 0. */
static void pass(struct reader *r, size_t size)
{
    if (size > 0)
        r->at += size;
    r->left -= size;
}

bool reader_get(struct reader *r, void *to, size_t size)
{
    if (r->bad || size > r->left) {
        r->bad = true;
        memset(to, 0, size);
        return false;
    }
    if (size > 0)
        memcpy(to, r->at, size);
    pass(r, size);
    return true;
}

uint8_t reader_u8(struct reader *r)
{
    uint8_t v;
    reader_get(r, &v, sizeof(v));
    return v;
}

uint32_t reader_u32(struct reader *r)
{
    uint32_t v;
    reader_get(r, &v, sizeof(v));
    return le32toh(v);
}

uint64_t reader_u64(struct reader *r)
{
    uint64_t v;
    reader_get(r, &v, sizeof(v));
    return le64toh(v);
}

void reader_skip(struct reader *r, size_t size)
{
    if (r->bad || size > r->left) {
        r->bad = true;
        return;
    }
    pass(r, size);
}

bool reader_sub(struct reader *r, struct reader *sub, size_t size)
{
    if (r->bad || size > r->left) {
        r->bad = true;
        *sub = (struct reader){.bad = true};
        return false;
    }
    reader_init(sub, r->at, size);
    pass(r, size);
    return true;
}

void writer_init(struct writer *w, void *data, size_t size)
{
    *w = (struct writer){.start = data, .size = size};
}

bool writer_put(struct writer *w, const void *from, size_t size)
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

bool writer_u32(struct writer *w, uint32_t value)
{
    value = htole32(value);
    return writer_put(w, &value, sizeof(value));
}

bool writer_u64(struct writer *w, uint64_t value)
{
    value = htole64(value);
    return writer_put(w, &value, sizeof(value));
}

bool writer_zero(struct writer *w, size_t size)
{
    if (w->bad || size > w->size - w->used) {
        w->bad = true;
        return false;
    }
    if (size > 0)
        memset(w->start + w->used, 0, size);
    w->used += size;
    return true;
}
