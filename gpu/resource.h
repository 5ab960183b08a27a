/* SPDX-License-Identifier: MIT */
#ifndef GPU_RESOURCE_H
#define GPU_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "base/id_map.h"
#include "buffer/buffer.h"
#include "gpu/backing.h"

struct attachment;
struct gpu;

/* Where a resource is, seen from the guest's window. */
enum resource_state {
    RESOURCE_UNMAPPED,
    RESOURCE_MAPPING, /* asked, not answered */
    RESOURCE_MAPPED,
    RESOURCE_UNMAPPING, /* asked, not answered */
};

/* 0 or -errno. */
typedef void resource_done(void *data, int result);

/*
 * A blob resource. The driver owns it by its id; contexts only use it, so it outlives them, and so
 * does its mapping (another program of the guest may hold the same blob). While it is in
 * the guest's window it may not be destroyed: resource_unmap, and wait, first. Only at a reset of
 * the device are the mappings gone by themselves.
 */
struct resource {
    struct id_node node;    // gpu::resources
    struct gpu *gpu;        /* borrowed */
    uint32_t memory;        /* VIRTIO_GPU_BLOB_MEM_* */
    uint32_t flags;         /* VIRTIO_GPU_BLOB_FLAG_* */
    uint64_t size;          /* bytes, a multiple of the page size */
    struct buffer *buffer;  /* owned; HOST3D only */
    struct backing backing; /* GUEST and HOST3D_GUEST only */
    enum resource_state state;
    uint64_t offset;     /* in the window, unless RESOURCE_UNMAPPED */
    resource_done *done; /* who waits for the window */
    void *data;
    LIST_HEAD(, attachment) attachments; // attachment::of_resource
};

/* Adds an empty resource. NULL with errno set: EEXIST when the id is taken, E2BIG when there are as
 * many as allowed, ENOMEM. */
struct resource *resource_create(struct gpu *gpu, uint32_t id);
/* Frees it with its buffer and its attachments. */
void resource_destroy(struct resource *resource);
/* The resource with that id, or NULL. */
struct resource *resource_find(struct gpu *gpu, uint32_t id);

/* Gives it the buffer, which it then owns. */
void resource_set_buffer(struct resource *resource, struct buffer *buffer);
/* Gives it the backing, which it then owns, even on error. -E2BIG when all backings together have
 * more pieces than allowed. */
int resource_set_backing(struct resource *resource, struct backing *backing);
/* Takes the backing away. */
void resource_drop_backing(struct resource *resource);

/* Puts it at 'offset' of the window: like shm_port_map. It must have a buffer and be unmapped. */
int resource_map(struct resource *resource, uint64_t offset, resource_done *done, void *data);
/* Takes it out: like shm_port_unmap. What the port says is not there (-ENOENT at once, 0 in 'done')
 * is unmapped. After another error it is still RESOURCE_MAPPED, and one may try again: also after
 * -ECANCELED, when the ring stopped and the command comes again. */
int resource_unmap(struct resource *resource, resource_done *done, void *data);

#endif
