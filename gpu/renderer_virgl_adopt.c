/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/log.h"
#include "gpu/picture.h"
#include "gpu/resource.h"
#include "gpu/virgl.h"
#include "protocol/virgl_stream.h"
#include "protocol/virtio_gpu.h"

/* A resource that was made elsewhere, to be made known to the library. */
struct adopt_job {
    struct virgl_job job;
    int fd; /* owned; -1: none */
    bool dmabuf;
    uint64_t size;
    uint32_t format, width, height; /* of a picture */
};

static void finish(struct virgl_job *base, bool dropped)
{
    struct adopt_job *job = (struct adopt_job *)base;

    fd_close(&job->fd);
    if (!dropped && base->result < 0)
        log_stranger("Resource %u is of no use to contexts: virglrenderer says %s.", base->id,
                     strerrorname_np(-base->result));
}

static struct adopt_job *job_create(struct virgl *virgl, const struct resource *resource,
                                    int (*work)(struct virgl_job *job))
{
    struct adopt_job *job = virgl_job_create(virgl, sizeof(*job), work, 0);

    if (job == NULL)
        return NULL;
    job->job.id = resource->node.id;
    job->job.finish = finish;
    job->fd = -1;
    job->size = resource_size(resource);
    job->job.held = calloc(1, sizeof(*job->job.held));
    if (job->job.held != NULL)
        return job;
    virgl_job_destroy(&job->job);
    return NULL;
}

/* ---- a blob of the guest's own pages ---- */

static int make_guest_blob(struct virgl_job *base)
{
    struct adopt_job *job = (struct adopt_job *)base;
    struct renderer_blob what = {.memory = VIRTIO_GPU_BLOB_MEM_GUEST, .size = job->size};
    int result = virgl_library_create_blob(base->virgl->library, 0, base->id, &what,
                                           base->pins->iov, base->pins->count);

    if (result == 0)
        virgl_resource_keep(base);
    return result;
}

static int adopt_guest_blob(struct virgl *virgl, struct resource *resource)
{
    struct adopt_job *job;

    if (resource->pins == NULL)
        return -EINVAL;
    job = job_create(virgl, resource, make_guest_blob);
    if (job == NULL)
        return -ENOMEM;
    job->job.pins = guest_pins_ref(resource->pins);
    virgl_job_queue(&job->job, NULL, NULL);
    return 0;
}

/* Takes the job over, and a duplicate of 'fd'. */
static int queue_with_fd(struct adopt_job *job, int fd)
{
    job->fd = fd_duplicate(fd);
    if (job->fd < 0) {
        int error = job->fd;

        virgl_job_destroy(&job->job);
        return error;
    }
    virgl_job_queue(&job->job, NULL, NULL);
    return 0;
}

/* ---- another renderer's memory ---- */

static int import(struct virgl_job *base)
{
    struct adopt_job *job = (struct adopt_job *)base;
    int fd = job->fd;
    int result;

    job->fd = -1;
    result = virgl_library_import(base->virgl->library, base->id, fd, job->dmabuf, job->size);
    if (result == 0)
        virgl_resource_keep(base);
    return result;
}

/* A piece of a larger file cannot be named to the library. */
static int adopt_buffer(struct virgl *virgl, struct resource *resource)
{
    const struct buffer *buffer = resource->buffer;
    struct adopt_job *job;

    if (buffer->fd < 0 || buffer->fd_offset != 0)
        return -EOPNOTSUPP;
    job = job_create(virgl, resource, import);
    if (job == NULL)
        return -ENOMEM;
    job->dmabuf = buffer->dmabuf;
    return queue_with_fd(job, buffer->fd);
}

/* ---- a 2D picture ---- */

static int make_texture(struct adopt_job *job)
{
    const struct renderer_resource what = {
        .target = VIRGL_STREAM_TARGET_2D,
        .format = job->format,
        .bind = VIRGL_STREAM_BIND_RENDER_TARGET | VIRGL_STREAM_BIND_SAMPLER_VIEW,
        .width = job->width,
        .height = job->height,
        .depth = 1,
        .array_size = 1,
        .flags = VIRGL_STREAM_FLAG_Y_0_TOP,
    };

    return virgl_library_create_3d(job->job.virgl->library, job->job.id, &what);
}

/* What was drawn with 2D commands so far. */
static int upload(struct adopt_job *job)
{
    struct virgl_held *held = job->job.held;
    struct renderer_transfer what = {
        .stride = job->width * PICTURE_BYTES_PER_PIXEL,
        .box = {.w = job->width, .h = job->height, .d = 1},
    };
    struct iovec iov;
    void *pixels = mmap(NULL, job->size, PROT_READ, MAP_SHARED, job->fd, 0);

    if (pixels == MAP_FAILED)
        return -errno;
    held->pixels = pixels;
    held->size = job->size;
    held->stride = what.stride;
    iov = (struct iovec){pixels, job->size};
    return virgl_library_transfer(job->job.virgl->library, 0, job->job.id, &what, &iov, 1);
}

static int copy_picture(struct virgl_job *base)
{
    struct adopt_job *job = (struct adopt_job *)base;
    struct virgl_library *library = base->virgl->library;
    int result = make_texture(job);

    if (result < 0)
        return result;
    result = upload(job);
    if (result == 0 && base->pins != NULL)
        result =
            virgl_library_attach_backing(library, base->id, base->pins->iov, base->pins->count);
    if (result < 0)
        virgl_library_unref(library, base->id);
    else
        virgl_resource_keep(base);
    return result;
}

static int adopt_picture(struct virgl *virgl, struct resource *resource)
{
    const struct picture *picture;
    struct adopt_job *job;

    if (!virgl->plan.virgl)
        return -EOPNOTSUPP;
    picture = resource_picture(resource);
    if (picture == NULL)
        return -errno;
    job = job_create(virgl, resource, copy_picture);
    if (job == NULL)
        return -ENOMEM;
    job->format = picture->format;
    job->width = picture->width;
    job->height = picture->height;
    job->size = picture->size;
    if (resource->pins != NULL)
        job->job.pins = guest_pins_ref(resource->pins);
    return queue_with_fd(job, picture->fd);
}

int virgl_adopt(struct renderer *renderer, struct resource *resource)
{
    struct virgl *virgl = virgl_of(renderer);

    if (resource->memory == VIRTIO_GPU_BLOB_MEM_GUEST)
        return adopt_guest_blob(virgl, resource);
    if (resource->is_image)
        return adopt_picture(virgl, resource);
    if (resource->buffer != NULL)
        return adopt_buffer(virgl, resource);
    return -EOPNOTSUPP;
}
