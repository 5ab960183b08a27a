/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "gpu/context.h"
#include "gpu/resource.h"
#include "gpu/virgl.h"

/* A blob of the host's that a context of the library makes. */
struct blob_job {
    struct virgl_job job;
    struct renderer_blob what;
    struct renderer_given given;
    renderer_blob_done *done;
    void *data;
};

/* Where the bytes lie in the descriptor; -errno where that is not known. */
static int find_offset(struct virgl_job *job, enum virgl_library_memory memory, int fd,
                       uint64_t size, uint64_t *offset)
{
    char why[PROBE_WHY];
    int result;

    *offset = 0;
    if (memory != VIRGL_LIBRARY_OPAQUE)
        return 0;
    result = opaque_layout_offset(&job->virgl->layout, fd, size, offset, why);
    if (result < 0)
        log_stranger("Blob %u cannot be mapped: %s.", job->id, why);
    return result;
}

/* The memory that the guest may map. A blob that has none is still a blob. */
static struct buffer *export(struct virgl_job *job, uint64_t size)
{
    enum virgl_library_memory memory;
    struct buffer *buffer;
    uint64_t offset;
    int fd = virgl_library_export(job->virgl->library, job->id, &memory);

    if (fd < 0) {
        log_stranger("Blob %u has no memory that can be mapped: %s.", job->id, strerror(-fd));
        return NULL;
    }
    if (!fd_leaves_room(fd)) {
        log_stranger("Blob %u cannot be mapped: there are too many descriptors.", job->id);
        fd_close(&fd);
        return NULL;
    }
    if (find_offset(job, memory, fd, size, &offset) < 0) {
        fd_close(&fd);
        return NULL;
    }
    buffer = buffer_imported_create(fd, offset, size);
    if (buffer == NULL)
        log_stranger("Blob %u cannot be mapped: its memory is not what it should be: %m.", job->id);
    return buffer;
}

static int create(struct virgl_job *base)
{
    struct blob_job *job = (struct blob_job *)base;
    struct virgl *virgl = base->virgl;
    const struct iovec *iov = base->pins != NULL ? base->pins->iov : NULL;
    int result;

    if (id_map_find(&virgl->held_resources, base->id) != NULL)
        return -EEXIST;
    result = virgl_library_create_blob(virgl->library, base->base.context, base->id, &job->what,
                                       iov, base->pins != NULL ? base->pins->count : 0);
    if (result < 0)
        return result;
    if ((job->what.flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE) != 0)
        job->given.buffer = export(base, job->what.size);
    if (job->given.buffer != NULL)
        job->given.map_info = virgl_library_map_info(virgl->library, base->id);
    virgl_resource_keep(base);
    return 0;
}

static void finish(struct virgl_job *base, bool dropped)
{
    struct blob_job *job = (struct blob_job *)base;

    if (dropped)
        buffer_destroy(job->given.buffer);
    else
        job->done(job->data, base->result, &job->given);
}

int virgl_blob_create(struct renderer *renderer, struct context *context, struct resource *resource,
                      const struct renderer_blob *blob, struct guest_pins *pins,
                      struct renderer_given *given, renderer_blob_done *done, void *data)
{
    struct virgl *virgl = virgl_of(renderer);
    struct blob_job *job = virgl_job_create(virgl, sizeof(*job), create, context->node.id);

    if (job == NULL)
        return -ENOMEM;
    job->job.id = resource->node.id;
    job->job.finish = finish;
    job->job.pins = pins != NULL ? guest_pins_ref(pins) : NULL;
    job->what = *blob;
    job->given = (struct renderer_given){0};
    job->done = done;
    job->data = data;
    job->job.held = calloc(1, sizeof(*job->job.held));
    if (job->job.held == NULL) {
        virgl_job_destroy(&job->job);
        return -ENOMEM;
    }
    return virgl_job_queue(&job->job, NULL, NULL);
}
