/* SPDX-License-Identifier: MIT */
#include "buffer/exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"
#include "buffer/arena.h"

#define UDMABUF_PATH "/dev/udmabuf"

static const char *const names[] = {
    [EXPORTER_ARENA] = "arena",
    [EXPORTER_MEMFD] = "memfd",
    [EXPORTER_UDMABUF] = "udmabuf",
};

/* Opens the device and makes one buffer: what is offered must have been seen to work. */
static int udmabuf_init(struct exporter *exporter)
{
    struct buffer *buffer;
    int error;

    exporter->udmabuf_fd = open(UDMABUF_PATH, O_RDWR | O_CLOEXEC);
    if (exporter->udmabuf_fd < 0) {
        error = -errno;
        log_error("cannot make dmabufs: cannot open " UDMABUF_PATH ": %m");
        return error;
    }
    buffer = buffer_udmabuf_create(exporter->udmabuf_fd, units_page_size());
    if (buffer == NULL) {
        error = -errno;
        log_error("cannot make dmabufs: " UDMABUF_PATH " refused one page: %m");
        fd_close(&exporter->udmabuf_fd);
        return error;
    }
    buffer_destroy(buffer);
    return 0;
}

int exporter_init(struct exporter *exporter, enum exporter_kind kind, struct arena *arena)
{
    *exporter = (struct exporter){.kind = kind, .udmabuf_fd = -1};
    switch (kind) {
    case EXPORTER_ARENA:
        if (arena == NULL) {
            log_error("cannot lend pieces of an arena: there is none");
            return -EINVAL;
        }
        exporter->arena = arena;
        return 0;
    case EXPORTER_MEMFD:
        return 0;
    case EXPORTER_UDMABUF:
        return udmabuf_init(exporter);
    }
    return -EINVAL;
}

void exporter_finish(struct exporter *exporter)
{
    fd_close(&exporter->udmabuf_fd);
    exporter->arena = NULL;
}

struct buffer *exporter_create(struct exporter *exporter, uint64_t size)
{
    switch (exporter->kind) {
    case EXPORTER_ARENA:
        return arena_buffer_create(exporter->arena, size);
    case EXPORTER_MEMFD:
        return buffer_memfd_create(size);
    case EXPORTER_UDMABUF:
        return buffer_udmabuf_create(exporter->udmabuf_fd, size);
    }
    errno = EINVAL;
    return NULL;
}

const char *exporter_kind_name(enum exporter_kind kind)
{
    return names[kind];
}
