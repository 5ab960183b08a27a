/* SPDX-License-Identifier: MIT */
#ifndef BUFFER_EXPORTER_H
#define BUFFER_EXPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer/buffer.h"
#include "buffer/surface.h"

struct arena;
struct gbm_node;

/*
 * Where a device's own buffers come from, chosen once at start. Each kind was seen to work before
 * it is used: one buffer of it has passed self_test_buffer.
 *
 * EXPORTER_AUTO takes what serves most, by trying. Bytes, which the CPU of host and guest will work
 * on: a udmabuf, since every GPU, display and codec of the host can import it, while its pages are
 * ordinary memory that counts as ours; else a dma_heap's, which can be imported too but is nobody's
 * account; else a memfd, which nothing but the CPU can use and which works everywhere. Never GBM: a
 * GPU's linear memory may be slow for the CPU. Images: GBM where a DRM node works, since only the
 * driver knows what its device can scan out and sample from; else like bytes.
 */
enum exporter_kind {
    EXPORTER_ARENA,    /* pieces of the arena: no message per buffer */
    EXPORTER_MEMFD,    /* a memfd each, mapped one by one */
    EXPORTER_UDMABUF,  /* a dmabuf of memfd pages each, mapped one by one */
    EXPORTER_DMA_HEAP, /* a dmabuf of the system heap each, mapped one by one */
    EXPORTER_GBM,      /* a dmabuf of a DRM driver each, mapped one by one */
    EXPORTER_AUTO,     /* to wish for only: no exporter is of this kind */
};
#define EXPORTER_KINDS 5u

struct exporter {
    enum exporter_kind kind; /* of bytes */
    struct arena *arena;     /* borrowed; EXPORTER_ARENA only */
    int device_fd;           /* owned; what udmabufs or a heap's buffers are made with, else -1 */
    struct gbm_node *gbm;    /* owned; where images are made by a driver, else NULL */
    uint64_t limit;          /* bytes of the largest buffer that the kind makes; 0: none is known */
    bool chosen;             /* by trying: what is beyond the limit becomes a memfd */
};

/*
 * Opens what 'kind' needs. 'arena' may be NULL for the kinds that need none. 'drm_node' is the path
 * of the node for GBM; NULL: one is looked for in /dev/dri. The log has a line for each kind tried,
 * and what was chosen. Returns 0 or -errno, after a line that says what to do. Only while this
 * process has one thread.
 */
int exporter_init(struct exporter *exporter, enum exporter_kind kind, struct arena *arena,
                  const char *drm_node);
void exporter_finish(struct exporter *exporter);

/* A zeroed buffer of 'size' bytes, rounded up to pages; the caller owns it. NULL with errno set:
 * EFBIG when it is larger than the kind can make. */
struct buffer *exporter_create(struct exporter *exporter, uint64_t size);
/* A zeroed image of which *layout says where its planes lie; the caller owns it. NULL with errno
 * set: as surface_layout_linear, or like exporter_create. */
struct buffer *exporter_create_image(struct exporter *exporter, const struct surface *surface,
                                     struct surface_layout *layout);
/* The layout that exporter_create_image would give. 0 or -errno. */
int exporter_image_layout(struct exporter *exporter, const struct surface *surface,
                          struct surface_layout *layout);
/* Whether buffers, and images, are dmabufs. */
bool exporter_makes_dmabufs(const struct exporter *exporter);
bool exporter_makes_dmabuf_images(const struct exporter *exporter);

/* "arena", "memfd", "udmabuf", "dma_heap", "gbm", "auto" */
const char *exporter_kind_name(enum exporter_kind kind);
/* Reads such a name, except "arena". 0 or -EINVAL. */
int exporter_kind_parse(const char *text, enum exporter_kind *kind);

/* What became of trying one kind. */
#define EXPORTER_TEXT 256u
struct exporter_verdict {
    enum exporter_kind kind;
    bool works;
    char text[EXPORTER_TEXT]; /* why not, or with what it works */
};
/* Tries every kind but the arena, in the order of enum exporter_kind. Returns how many there are.
 */
unsigned exporter_check(const char *drm_node, struct exporter_verdict verdicts[EXPORTER_KINDS]);

#endif
