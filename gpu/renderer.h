/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDERER_H
#define GPU_RENDERER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer/buffer.h"
#include "device/device.h"
#include "protocol/cursor.h"

struct context;
struct guest_pins;
struct renderer;
struct resource;

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

/* What a blob turned out to be. */
struct renderer_given {
    struct buffer *buffer; /* the receiver owns it; NULL: no host memory that could be mapped */
    uint32_t map_info;     /* VIRTIO_GPU_MAP_CACHE_*; 0: the renderer does not say */
};

/* RESOURCE_CREATE_3D, in the words of Gallium. */
struct renderer_resource {
    uint32_t target, format, bind;
    uint32_t width, height, depth;
    uint32_t array_size, last_level, nr_samples, flags;
};

struct renderer_box {
    uint32_t x, y, z, w, h, d;
};

/* TRANSFER_TO_HOST_3D and TRANSFER_FROM_HOST_3D: between a resource and its guest pages. */
struct renderer_transfer {
    bool from_host;
    uint32_t level, stride, layer_stride;
    uint64_t offset; /* in the guest pages, bytes */
    struct renderer_box box;
};

/* 0 or -errno. */
typedef void renderer_done(void *data, int result);
/* 'given' is valid when the result is 0, and only during the call. */
typedef void renderer_blob_done(void *data, int result, const struct renderer_given *given);

/*
 * What draws, or does not: it makes the memory of HOST3D blobs and carries out the command streams
 * of its capsets. Called from the device's one thread, and must not block it: long work goes on
 * elsewhere, in the order in which it was asked for.
 *
 * An operation that returns int is done (0), refused (-errno), or goes on (-EINPROGRESS): then
 * 'done' is called exactly once, from the loop and not from inside the call, unless reset() comes
 * first. A NULL operation is not supported; where it returns nothing, there is nothing to do.
 * Contexts and resources are named by their ids (node.id): the structs may be gone before the work
 * is done, so keep no pointers to them.
 */
struct renderer_impl {
    const char *name;
    bool outlives; /* nothing of its contexts and resources dies with the process */
    /* Writes exactly capset->size bytes. */
    void (*fill_capset)(struct renderer *renderer, const struct renderer_capset *capset,
                        uint32_t version, struct writer *to);

    int (*context_create)(struct renderer *renderer, struct context *context, renderer_done *done,
                          void *data);
    /* Its attachments are gone. Fences that wait for it are retired. */
    void (*context_destroy)(struct renderer *renderer, struct context *context);
    /* The first attachment of a resource to a context, and the last one's end. The renderer knows
     * the resource: it made or adopted it. */
    void (*attach)(struct renderer *renderer, struct context *context, struct resource *resource);
    void (*detach)(struct renderer *renderer, struct context *context, struct resource *resource);

    int (*create_3d)(struct renderer *renderer, struct resource *resource,
                     const struct renderer_resource *what, renderer_done *done, void *data);
    /* When it returns 0, *given is set. 'pins' are the guest's pages of a HOST3D_GUEST blob, else
     * NULL. -EINVAL for a blob_id that does not exist. */
    int (*create_blob)(struct renderer *renderer, struct context *context,
                       struct resource *resource, const struct renderer_blob *blob,
                       struct guest_pins *pins, struct renderer_given *given,
                       renderer_blob_done *done, void *data);
    /* A resource that was made elsewhere (a 2D image, a GUEST blob, another renderer's buffer) is
     * about to be attached to a context of this one. 0 or -errno; the work is queued. */
    int (*adopt)(struct renderer *renderer, struct resource *resource);
    /* Forgets a resource that it made or adopted; done when the guest's pages are not used any
     * more. */
    int (*destroy_resource)(struct renderer *renderer, struct resource *resource,
                            renderer_done *done, void *data);
    /* The guest's pages of a resource that it knows. It takes a reference of its own to the pins,
     * and keeps it until a detach, or the end of the resource, is done. */
    int (*attach_backing)(struct renderer *renderer, struct resource *resource,
                          struct guest_pins *pins, renderer_done *done, void *data);
    int (*detach_backing)(struct renderer *renderer, struct resource *resource, renderer_done *done,
                          void *data);
    /* 'context' is NULL where the guest named none. */
    int (*transfer)(struct renderer *renderer, struct context *context, struct resource *resource,
                    const struct renderer_transfer *transfer, renderer_done *done, void *data);

    /* Carries out a command stream. 'bytes' live until it is done, or reset() returns. */
    int (*submit)(struct renderer *renderer, struct context *context, const void *bytes,
                  size_t size, renderer_done *done, void *data);
    /* Done when all that was asked for before is complete: on timeline 'ring' of 'context', or on
     * the device's one when that is NULL. A lost or destroyed context's fences are done as well. */
    int (*fence)(struct renderer *renderer, struct context *context, uint32_t ring,
                 renderer_done *done, void *data);
    /* Copies the pixels of a box of level 0 into the 'size' bytes at 'to', rows 'stride' bytes
     * apart. 'to' must live until it is done, or reset() returns. */
    int (*read)(struct renderer *renderer, struct resource *resource,
                const struct renderer_box *box, void *to, uint32_t stride, size_t size,
                renderer_done *done, void *data);

    /* Forgets every context and resource, and what is going on: no 'done' is called any more. */
    void (*reset)(struct renderer *renderer);
    void (*destroy)(struct renderer *renderer);
};

struct renderer {
    const struct renderer_impl *impl;
    const struct renderer_capset *capsets;
    unsigned capset_count;
    unsigned index; /* in gpu::renderers; the bit in resource::known */
};

/* The capset with that id, or NULL. */
const struct renderer_capset *renderer_capset_find(const struct renderer *renderer, uint32_t id);

/* gpu/renderer_memory.c: host memory for blobs, with no GPU at all. 'host' is borrowed for its
 * life. NULL with errno set. */
struct renderer *renderer_memory_create(struct device_host *host);

#endif
