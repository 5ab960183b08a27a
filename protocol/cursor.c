/* SPDX-License-Identifier: MIT */
#include "protocol/cursor.h"

bool reader_sub(struct reader *r, struct reader *sub, size_t size)
{
    const uint8_t *at = r->at;

    if (!reader_skip(r, size)) {
        *sub = (struct reader){.bad = true};
        return false;
    }
    reader_init(sub, at, size);
    return true;
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
