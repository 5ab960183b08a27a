/* SPDX-License-Identifier: MIT */
#ifndef GPU_CONTEXT_H
#define GPU_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "base/id_map.h"
#include "gpu/attachment.h"
#include "gpu/request.h"
#include "protocol/virtio_gpu.h"

struct gpu;
struct renderer;

/* A rendering context: one program of the guest, seen from here. */
struct context {
    struct id_node node;       // gpu::contexts
    struct gpu *gpu;           /* borrowed */
    uint32_t capset;           /* what its command stream speaks; 0: nothing in particular */
    struct renderer *renderer; /* borrowed: who understands that */
    char name[65];             /* the program's name, printable */
    struct id_map attachments; // attachment::node
    bool lost;                 /* its renderer's memory of it died with another worker */
    uint32_t record;           /* see gpu/estate.h */
    struct request *creating;  /* CTX_CREATE, while the renderer is at it */
    struct request_list timelines[VIRTIO_GPU_MAX_RINGS]; /* see gpu/fence.h */
};

/* Adds a context that its renderer does not know yet. NULL with errno set: EEXIST when the id is
 * taken, EDQUOT, ENOMEM. */
struct context *context_create(struct gpu *gpu, uint32_t id, uint32_t capset, const char *name);
/* Frees it, its attachments and its timelines, and has the renderer forget it. Its resources stay.
 */
void context_destroy(struct context *context);
/* The same where the renderer has no such context: it failed to make it, or was reset. */
void context_discard(struct context *context);
/* The context with that id, or NULL. */
struct context *context_find(struct gpu *gpu, uint32_t id);

/* VIRTIO_GPU_RESP_OK_NODATA, or the refusal when the context is lost. */
uint32_t context_check(const struct context *context, struct request *request);

/* Attaches 'resource', once more if it is; its renderer adopts it first where it does not know it.
 * 0, -EDQUOT, -E2BIG, -ENOMEM, or what the renderer says. */
int context_attach(struct context *context, struct resource *resource);
/* Undoes one context_attach. 0, or -ENOENT if it is not attached. */
int context_detach(struct context *context, uint32_t resource_id);
/* The attached resource with that id, or NULL. */
struct resource *context_resource(struct context *context, uint32_t resource_id);
#endif
