/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_EXPORTER_SOURCE_H
#define BUFFER_EXPORTER_SOURCE_H

#include "buffer/exporter.h"

/* The kinds of buffers that are mapped one by one: how each is made ready, and made. Only for
 * exporter.c. */
#define EXPORTER_UDMABUF_LIMIT "/sys/module/udmabuf/parameters/size_limit_mb"

struct exporter_source {
    const char *name;
    /* Gets ready to make buffers. 0 with a description in 'text', or -errno with a reason. */
    int (*open)(struct exporter *exporter, const char *drm_node, char text[static EXPORTER_TEXT]);
    struct buffer *(*create)(struct exporter *exporter, uint64_t size);
    const char *remedy; /* what whoever insists on it can do */
};

/* By kind; the arena has but its name. */
extern const struct exporter_source exporter_sources[EXPORTER_KINDS];

/* Opens a kind, makes one buffer and tests it: what is offered must have been seen to work. 0 with
 * a description in 'text', or -errno with a reason, and nothing is open. */
int exporter_source_open(struct exporter *exporter, enum exporter_kind kind, const char *drm_node,
                         char text[static EXPORTER_TEXT]);
void exporter_source_close(struct exporter *exporter);

#endif
