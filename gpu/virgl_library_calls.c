/* SPDX-License-Identifier: MIT */
#include "gpu/virgl_library_table.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "gpu/renderer.h"

/* Errors are EINVAL or -EINVAL, depending on the function and the version; -1 stands for anything.
 */
int virgl_library_failure(int result)
{
    int error = result < 0 ? -result : result;

    if (result == 0)
        return 0;
    return error > 1 && error < 4096 ? -error : -EIO;
}

/* ---- contexts ---- */

/*
 * Leads the library to its own context 0. It makes a new context, or one that it destroys, the
 * current one of OpenGL and does not write that down: the next commands of the context that it
 * believes to be current would go there. And it makes and ends resources in whichever is current,
 * whose bindings change behind its back.
 */
static void settle_current(struct virgl_library *l)
{
    if (l->plan.virgl)
        l->force_ctx_0();
}

int virgl_library_context_create(struct virgl_library *l, uint32_t context, uint32_t capset,
                                 const char *name)
{
    int result =
        virgl_library_failure(l->context_create(context, capset, (uint32_t)strlen(name), name));

    settle_current(l);
    return result;
}

void virgl_library_context_destroy(struct virgl_library *l, uint32_t context)
{
    l->context_destroy(context);
    settle_current(l);
}

void virgl_library_attach(struct virgl_library *l, uint32_t context, uint32_t resource)
{
    l->attach((int)context, (int)resource);
}

void virgl_library_detach(struct virgl_library *l, uint32_t context, uint32_t resource)
{
    l->detach((int)context, (int)resource);
}

int virgl_library_submit(struct virgl_library *l, uint32_t context, void *bytes, size_t size)
{
    if (size % 4 != 0 || size > INT32_MAX)
        return -EINVAL;
    return virgl_library_failure(l->submit(bytes, (int)context, (int)(size / 4)));
}

/* ---- resources ---- */

int virgl_library_create_3d(struct virgl_library *l, uint32_t resource,
                            const struct renderer_resource *what)
{
    struct virgl_renderer_resource_create_args args = {
        .handle = resource,
        .target = what->target,
        .format = what->format,
        .bind = what->bind,
        .width = what->width,
        .height = what->height,
        .depth = what->depth,
        .array_size = what->array_size,
        .last_level = what->last_level,
        .nr_samples = what->nr_samples,
        .flags = what->flags,
    };

    settle_current(l);
    return virgl_library_failure(l->resource_create(&args, NULL, 0));
}

int virgl_library_create_blob(struct virgl_library *l, uint32_t context, uint32_t resource,
                              const struct renderer_blob *what, const struct iovec *iov,
                              unsigned count)
{
    struct virgl_renderer_resource_create_blob_args args = {
        .res_handle = resource,
        .ctx_id = context,
        .blob_mem = what->memory,
        .blob_flags = what->flags,
        .blob_id = what->blob_id,
        .size = what->size,
        .iovecs = iov,
        .num_iovs = count,
    };

    settle_current(l);
    return virgl_library_failure(l->create_blob(&args));
}

int virgl_library_import(struct virgl_library *l, uint32_t resource, int fd, bool dmabuf,
                         uint64_t size)
{
    struct virgl_renderer_resource_import_blob_args args = {
        .res_handle = resource,
        .blob_mem = VIRGL_RENDERER_BLOB_MEM_HOST3D,
        .fd_type = dmabuf ? VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF : VIRGL_RENDERER_BLOB_FD_TYPE_SHM,
        .fd = fd,
        .size = size,
    };
    int result = virgl_library_failure(l->import_blob(&args));

    /* After a lack of memory, and nothing else, the library has closed it. */
    if (result < 0 && result != -ENOMEM)
        fd_close(&fd);
    return result;
}

void virgl_library_unref(struct virgl_library *l, uint32_t resource)
{
    settle_current(l);
    l->unref(resource);
}

int virgl_library_attach_backing(struct virgl_library *l, uint32_t resource,
                                 const struct iovec *iov, unsigned count)
{
    return virgl_library_failure(l->attach_iov((int)resource, (struct iovec *)iov, (int)count));
}

void virgl_library_detach_backing(struct virgl_library *l, uint32_t resource)
{
    struct iovec *iov;
    int count;

    l->detach_iov((int)resource, &iov, &count);
}

int virgl_library_transfer(struct virgl_library *l, uint32_t context, uint32_t resource,
                           const struct renderer_transfer *t, const struct iovec *iov,
                           unsigned count)
{
    struct renderer_box copy = t->box;
    struct virgl_box *box = (struct virgl_box *)(void *)&copy;
    struct iovec *vector = count > 0 ? (struct iovec *)iov : NULL;

    if (t->from_host)
        return virgl_library_failure(l->read_iov(resource, context, t->level, t->stride,
                                                 t->layer_stride, box, t->offset, vector,
                                                 (int)count));
    return virgl_library_failure(l->write_iov(resource, context, (int)t->level, t->stride,
                                              t->layer_stride, box, t->offset, vector, count));
}

int virgl_library_export(struct virgl_library *l, uint32_t resource,
                         enum virgl_library_memory *memory)
{
    uint32_t type = 0;
    int fd = -1;
    int result = virgl_library_failure(l->export_blob(resource, &type, &fd));

    if (result < 0)
        return result;
    switch (type) {
    case VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF:
        *memory = VIRGL_LIBRARY_DMABUF;
        return fd;
    case VIRGL_RENDERER_BLOB_FD_TYPE_SHM:
        *memory = VIRGL_LIBRARY_SHM;
        return fd;
    case VIRGL_RENDERER_BLOB_FD_TYPE_OPAQUE:
        *memory = VIRGL_LIBRARY_OPAQUE;
        return fd;
    default:
        fd_close(&fd);
        return -EOPNOTSUPP;
    }
}

uint32_t virgl_library_map_info(struct virgl_library *l, uint32_t resource)
{
    uint32_t info = 0;

    if (l->get_map_info(resource, &info) != 0)
        return 0;
    return info & VIRGL_RENDERER_MAP_CACHE_MASK;
}

/* ---- fences ---- */

int virgl_library_fence(struct virgl_library *l, uint32_t fence)
{
    return virgl_library_failure(l->create_fence((int)fence, 0));
}

int virgl_library_context_fence(struct virgl_library *l, uint32_t context, uint32_t ring,
                                uint64_t fence)
{
    return virgl_library_failure(l->context_create_fence(context, 0, ring, fence));
}
