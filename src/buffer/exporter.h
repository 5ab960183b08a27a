/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_EXPORTER_H
#define BUFFER_EXPORTER_H

#include <stdint.h>

#include "buffer/buffer.h"

struct arena;

/* Where a device's own buffers come from, chosen once at start. */
enum exporter_kind {
    EXPORTER_ARENA,   /* pieces of the arena: no message per buffer */
    EXPORTER_MEMFD,   /* a memfd each, mapped one by one */
    EXPORTER_UDMABUF, /* a dmabuf each, mapped one by one */
};

struct exporter {
    enum exporter_kind kind;
    struct arena *arena; /* borrowed; EXPORTER_ARENA only */
    int udmabuf_fd;      /* owned; EXPORTER_UDMABUF only, else -1 */
};

/* Opens what 'kind' needs. 'arena' may be NULL for the kinds that need none. Returns 0 or -errno,
 * with a log line that says what is missing. */
int exporter_init(struct exporter *exporter, enum exporter_kind kind, struct arena *arena);
void exporter_finish(struct exporter *exporter);
/* A zeroed buffer of 'size' bytes, rounded up to pages; the caller owns it. NULL with errno set. */
struct buffer *exporter_create(struct exporter *exporter, uint64_t size);
/* "arena", "memfd", "udmabuf" */
const char *exporter_kind_name(enum exporter_kind kind);

#endif
