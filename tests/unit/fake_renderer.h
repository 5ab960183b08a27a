/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_RENDERER_H
#define TESTS_UNIT_FAKE_RENDERER_H

/*
 * A renderer that draws nothing and is never in a hurry: each operation waits until the test says
 * how it ends. It has the capset of virgl, and takes the place of the device's second renderer.
 */
#include <errno.h>
#include <string.h>

#include "gpu_fixture.h"

#include "gpu/command.h"
#include "gpu/context.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"

#define FAKE_MAX 64u

struct fake_work {
    const char *name;
    uint32_t id;
    renderer_done *done;
    renderer_blob_done *blob_done;
    void *data;
};

struct fake_renderer {
    struct renderer renderer; /* first */
    bool at_once;             /* operations are done at once */
    unsigned count;           /* of work that is not done */
    struct fake_work work[FAKE_MAX];
    unsigned attaches, detaches, adopts, destroyed, resets;
    struct guest_pins *pins; /* of the last attach_backing */
    struct renderer_box box; /* of the last read, */
    uint8_t *to;             /* and where it goes */
    uint32_t stride;
    size_t size;
};

static inline int fake_later(struct renderer *renderer, const char *name, uint32_t id,
                             renderer_done *done, renderer_blob_done *blob_done, void *data)
{
    struct fake_renderer *fake = (struct fake_renderer *)renderer;

    if (fake->at_once)
        return 0;
    RING_DRIVER_MUST(fake->count < FAKE_MAX);
    fake->work[fake->count++] = (struct fake_work){name, id, done, blob_done, data};
    return -EINPROGRESS;
}

/* Ends the work number 'i'. */
static inline void fake_end_at(struct fake_renderer *fake, unsigned i, int result)
{
    struct fake_work work = fake->work[i];
    struct renderer_given given = {.map_info = VIRTIO_GPU_MAP_CACHE_WC};

    memmove(fake->work + i, fake->work + i + 1, (--fake->count - i) * sizeof(work));
    if (work.blob_done == NULL) {
        work.done(work.data, result);
        return;
    }
    if (result == 0)
        given.buffer = buffer_memfd_create(4096);
    work.blob_done(work.data, result, &given);
}

/* Ends the first work called 'name'. */
static inline void fake_end(struct fake_renderer *fake, const char *name, int result)
{
    unsigned i = 0;

    while (i < fake->count && strcmp(fake->work[i].name, name) != 0)
        i++;
    RING_DRIVER_MUST(i < fake->count);
    fake_end_at(fake, i, result);
}

static inline unsigned fake_pending(const struct fake_renderer *fake, const char *name)
{
    unsigned n = 0;

    for (unsigned i = 0; i < fake->count; i++)
        n += strcmp(fake->work[i].name, name) == 0;
    return n;
}

static inline void fake_fill(struct renderer *renderer, const struct renderer_capset *capset,
                             uint32_t version, struct writer *to)
{
    writer_zero(to, capset->size);
}

static inline int fake_context_create(struct renderer *r, struct context *context,
                                      renderer_done *done, void *data)
{
    return fake_later(r, "context", context->node.id, done, NULL, data);
}

static inline void fake_context_destroy(struct renderer *r, struct context *context)
{
    ((struct fake_renderer *)r)->destroyed++;
}

static inline void fake_attach(struct renderer *r, struct context *context,
                               struct resource *resource)
{
    ((struct fake_renderer *)r)->attaches++;
}

static inline void fake_detach(struct renderer *r, struct context *context,
                               struct resource *resource)
{
    ((struct fake_renderer *)r)->detaches++;
}

static inline int fake_create_3d(struct renderer *r, struct resource *resource,
                                 const struct renderer_resource *what, renderer_done *done,
                                 void *data)
{
    return fake_later(r, "create_3d", resource->node.id, done, NULL, data);
}

static inline int fake_create_blob(struct renderer *r, struct context *context,
                                   struct resource *resource, const struct renderer_blob *blob,
                                   struct guest_pins *pins, struct renderer_given *given,
                                   renderer_blob_done *done, void *data)
{
    return fake_later(r, "create_blob", resource->node.id, NULL, done, data);
}

static inline int fake_adopt(struct renderer *r, struct resource *resource)
{
    ((struct fake_renderer *)r)->adopts++;
    return 0;
}

static inline int fake_destroy_resource(struct renderer *r, struct resource *resource,
                                        renderer_done *done, void *data)
{
    return fake_later(r, "destroy", resource->node.id, done, NULL, data);
}

static inline int fake_attach_backing(struct renderer *r, struct resource *resource,
                                      struct guest_pins *pins, renderer_done *done, void *data)
{
    ((struct fake_renderer *)r)->pins = pins;
    return fake_later(r, "attach_backing", resource->node.id, done, NULL, data);
}

static inline int fake_detach_backing(struct renderer *r, struct resource *resource,
                                      renderer_done *done, void *data)
{
    return fake_later(r, "detach_backing", resource->node.id, done, NULL, data);
}

static inline int fake_transfer(struct renderer *r, struct context *context,
                                struct resource *resource, const struct renderer_transfer *transfer,
                                renderer_done *done, void *data)
{
    return fake_later(r, transfer->from_host ? "from_host" : "to_host", resource->node.id, done,
                      NULL, data);
}

static inline int fake_submit(struct renderer *r, struct context *context, const void *bytes,
                              size_t size, renderer_done *done, void *data)
{
    return fake_later(r, "submit", context->node.id, done, NULL, data);
}

static inline int fake_fence(struct renderer *r, struct context *context, uint32_t ring,
                             renderer_done *done, void *data)
{
    return fake_later(r, context == NULL ? "fence" : "ring fence", ring, done, NULL, data);
}

static inline int fake_read(struct renderer *r, struct resource *resource,
                            const struct renderer_box *box, void *to, uint32_t stride, size_t size,
                            renderer_done *done, void *data)
{
    struct fake_renderer *fake = (struct fake_renderer *)r;

    fake->box = *box;
    fake->to = to;
    fake->stride = stride;
    fake->size = size;
    return fake_later(r, "read", resource->node.id, done, NULL, data);
}

static inline void fake_reset(struct renderer *r)
{
    ((struct fake_renderer *)r)->count = 0;
    ((struct fake_renderer *)r)->resets++;
}

static inline void fake_destroy(struct renderer *r)
{
    free(r);
}

static inline struct fake_renderer *fake_renderer_add(struct gpu_fixture *f)
{
    static const struct renderer_capset capset = {.id = 1, .max_version = 1, .size = 308};
    static const struct renderer_impl impl = {
        .name = "fake",
        .fill_capset = fake_fill,
        .context_create = fake_context_create,
        .context_destroy = fake_context_destroy,
        .attach = fake_attach,
        .detach = fake_detach,
        .create_3d = fake_create_3d,
        .create_blob = fake_create_blob,
        .adopt = fake_adopt,
        .destroy_resource = fake_destroy_resource,
        .attach_backing = fake_attach_backing,
        .detach_backing = fake_detach_backing,
        .transfer = fake_transfer,
        .submit = fake_submit,
        .fence = fake_fence,
        .read = fake_read,
        .reset = fake_reset,
        .destroy = fake_destroy,
    };
    struct gpu *gpu = (struct gpu *)(void *)f->device;
    struct fake_renderer *fake = calloc(1, sizeof(*fake));

    RING_DRIVER_MUST(fake != NULL);
    fake->renderer = (struct renderer){&impl, &capset, 1, gpu->renderer_count};
    gpu->renderers[gpu->renderer_count++] = &fake->renderer;
    return fake;
}

/* A texture of two dimensions, with one layer and one level. */
static inline struct virtio_gpu_resource_create_3d fake_texture(uint32_t id, uint32_t format,
                                                                uint32_t width, uint32_t height)
{
    return (struct virtio_gpu_resource_create_3d){
        .hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, 0),
        .resource_id = htole32(id),
        .target = htole32(2),
        .format = htole32(format),
        .width = htole32(width),
        .height = htole32(height),
        .depth = htole32(1),
        .array_size = htole32(1),
    };
}

/* The renderer, which has made that texture; all that comes later waits. */
static inline struct fake_renderer *
fake_renderer_add_texture(struct gpu_fixture *f, struct virtio_gpu_resource_create_3d request)
{
    struct fake_renderer *fake = fake_renderer_add(f);

    fake->at_once = true;
    RING_DRIVER_MUST(GPU_DO(f, request) == VIRTIO_GPU_RESP_OK_NODATA);
    fake->at_once = false;
    return fake;
}

#endif
