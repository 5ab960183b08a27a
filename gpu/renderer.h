/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDERER_H
#define GPU_RENDERER_H

#include <stddef.h>
#include <stdint.h>

#include "buffer/buffer.h"
#include "device/device.h"
#include "protocol/cursor.h"

struct context;
struct renderer;

/* A command stream that a renderer understands (virtio specification, "GPU Device": capability
 * sets). */
struct renderer_capset {
    uint32_t id; /* 1 to 63: Linux drops all of them when one is not */
    uint32_t max_version;
    uint32_t size; /* of its description, bytes; at most RENDERER_MAX_CAPSET */
};

#define RENDERER_MAX_CAPSET 2048u

/* What CREATE_BLOB asks of a context. */
struct renderer_blob {
    uint32_t memory;  /* VIRTIO_GPU_BLOB_MEM_HOST3D or _HOST3D_GUEST */
    uint32_t flags;   /* VIRTIO_GPU_BLOB_FLAG_* */
    uint64_t blob_id; /* what the context calls it */
    uint64_t size;    /* bytes, a multiple of the page size */
};

/* 0 or -errno. */
typedef void renderer_done(void *data, int result);

/*
 * What draws, or does not: it makes the memory of HOST3D blobs and carries out the command streams
 * of its capsets. Called from the device's one thread, and must not block it: long work goes on
 * from the loop. An absent operation is NULL where that is said. Errors are negative errno.
 */
struct renderer_impl {
    const char *name;
    /* NULL with errno set. 'host' is borrowed for its life. */
    struct renderer *(*create)(struct device_host *host);
    /* Writes exactly capset->size bytes. */
    void (*fill_capset)(struct renderer *renderer, const struct renderer_capset *capset,
                        uint32_t version, struct writer *to);
    /* Both may be NULL. Attachments of the context are gone when it is destroyed. */
    int (*context_create)(struct renderer *renderer, struct context *context);
    void (*context_destroy)(struct renderer *renderer, struct context *context);
    /* The caller owns *buffer, which is NULL where the blob has no memory of the host's. -EINVAL
     * for a blob_id that does not exist. */
    int (*create_blob)(struct renderer *renderer, struct context *context,
                       const struct renderer_blob *blob, struct buffer **buffer);
    /* Carries out a command stream; 'bytes' live until it is done. Returns 0 when it is,
     * -EINPROGRESS when 'done' will be called exactly once, unless reset() comes first. One stream
     * at a time. */
    int (*submit)(struct renderer *renderer, struct context *context, const void *bytes,
                  size_t size, renderer_done *done, void *data);
    /* Abandons the stream in hand without an answer. The contexts are destroyed next. */
    void (*reset)(struct renderer *renderer);
    void (*destroy)(struct renderer *renderer);
};

struct renderer {
    const struct renderer_impl *impl;
    const struct renderer_capset *capsets;
    unsigned capset_count;
};

/* The renderer called 'name', or NULL. */
const struct renderer_impl *renderer_find(const char *name);
/* The capset with that id, or NULL. */
const struct renderer_capset *renderer_capset_find(const struct renderer *renderer, uint32_t id);

/* gpu/renderer_memory.c */
extern const struct renderer_impl renderer_memory_impl;

#endif
