/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/context.h"
#include "gpu/picture.h"
#include "gpu/resource.h"
#include "gpu/virgl.h"

/* ---- create and destroy ---- */

struct create_job {
    struct virgl_job job;
    struct renderer_resource what;
};

void virgl_resource_keep(struct virgl_job *job)
{
    job->held->node.id = job->id;
    job->held->pins = job->pins;
    job->pins = NULL;
    id_map_add(&job->virgl->held_resources, &job->held->node);
    job->held = NULL;
}

static int create(struct virgl_job *base)
{
    struct create_job *job = (struct create_job *)base;
    struct virgl *virgl = base->virgl;
    int result;

    if (id_map_find(&virgl->held_resources, base->id) != NULL)
        return -EEXIST;
    result = virgl_library_create_3d(virgl->library, base->id, &job->what);
    if (result == 0)
        virgl_resource_keep(base);
    return result;
}

int virgl_resource_create(struct renderer *renderer, struct resource *resource,
                          const struct renderer_resource *what, renderer_done *done, void *data)
{
    struct virgl *virgl = virgl_of(renderer);
    struct create_job *job;

    if (!virgl->plan.virgl)
        return -EOPNOTSUPP;
    job = virgl_job_create(virgl, sizeof(*job), create, 0);
    if (job == NULL)
        return -ENOMEM;
    job->job.id = resource->node.id;
    job->what = *what;
    job->job.held = calloc(1, sizeof(*job->job.held));
    if (job->job.held == NULL) {
        virgl_job_destroy(&job->job);
        return -ENOMEM;
    }
    return virgl_job_queue(&job->job, done, data);
}

/* The pages go with what is held, on the loop. */
static int destroy(struct virgl_job *job)
{
    job->held = virgl_held_find(&job->virgl->held_resources, job->id);
    if (job->held == NULL)
        return 0; /* it could not be made */
    id_map_remove(&job->virgl->held_resources, &job->held->node);
    virgl_library_unref(job->virgl->library, job->id);
    return 0;
}

int virgl_resource_destroy(struct renderer *renderer, struct resource *resource,
                           renderer_done *done, void *data)
{
    struct virgl *virgl = virgl_of(renderer);
    struct virgl_job *job = virgl_job_create(virgl, sizeof(*job), destroy, 0);

    if (job == NULL)
        return -ENOMEM;
    job->id = resource->node.id;
    return virgl_job_queue(job, done, data);
}

/* ---- backing ---- */

static int attach_backing(struct virgl_job *job)
{
    struct virgl_held *held = virgl_held_find(&job->virgl->held_resources, job->id);
    int result;

    if (held == NULL)
        return -ENOENT;
    if (held->pins != NULL)
        return -EEXIST;
    result = virgl_library_attach_backing(job->virgl->library, job->id, job->pins->iov,
                                          job->pins->count);
    if (result < 0)
        return result;
    held->pins = job->pins;
    job->pins = NULL;
    return 0;
}

int virgl_resource_attach_backing(struct renderer *renderer, struct resource *resource,
                                  struct guest_pins *pins, renderer_done *done, void *data)
{
    struct virgl *virgl = virgl_of(renderer);
    struct virgl_job *job = virgl_job_create(virgl, sizeof(*job), attach_backing, 0);

    if (job == NULL)
        return -ENOMEM;
    job->id = resource->node.id;
    job->pins = guest_pins_ref(pins);
    return virgl_job_queue(job, done, data);
}

static int detach_backing(struct virgl_job *job)
{
    struct virgl_held *held = virgl_held_find(&job->virgl->held_resources, job->id);

    if (held == NULL)
        return -ENOENT;
    virgl_library_detach_backing(job->virgl->library, job->id);
    job->pins = held->pins;
    held->pins = NULL;
    return 0;
}

int virgl_resource_detach_backing(struct renderer *renderer, struct resource *resource,
                                  renderer_done *done, void *data)
{
    struct virgl *virgl = virgl_of(renderer);
    struct virgl_job *job = virgl_job_create(virgl, sizeof(*job), detach_backing, 0);

    if (job == NULL)
        return -ENOMEM;
    job->id = resource->node.id;
    return virgl_job_queue(job, done, data);
}

/* ---- transfers ---- */

struct transfer_job {
    struct virgl_job job;
    struct renderer_transfer what;
};

/* What a 2D command brought into the picture. The guest may change its pages again by now. */
static int copy_picture(struct transfer_job *job, const struct virgl_held *held)
{
    struct iovec iov = {held->pixels, held->size};

    job->what.stride = held->stride;
    job->what.offset = (uint64_t)job->what.box.y * held->stride +
                       (uint64_t)job->what.box.x * PICTURE_BYTES_PER_PIXEL;
    return virgl_library_transfer(job->job.virgl->library, 0, job->job.id, &job->what, &iov, 1);
}

static int transfer(struct virgl_job *base)
{
    struct transfer_job *job = (struct transfer_job *)base;
    struct virgl_held *held = virgl_held_find(&base->virgl->held_resources, base->id);

    if (held != NULL && held->pixels != NULL && base->base.context == 0 && !job->what.from_host)
        return copy_picture(job, held);
    /* Without pages there is nothing to copy from or to, and the library has asserted on it. */
    if (held == NULL || held->pins == NULL)
        return -EINVAL;
    return virgl_library_transfer(base->virgl->library, base->base.context, base->id, &job->what,
                                  NULL, 0);
}

int virgl_resource_transfer(struct renderer *renderer, struct context *context,
                            struct resource *resource, const struct renderer_transfer *what,
                            renderer_done *done, void *data)
{
    uint32_t id = context != NULL ? context->node.id : 0;
    struct transfer_job *job = virgl_job_create(virgl_of(renderer), sizeof(*job), transfer, id);

    if (job == NULL)
        return -ENOMEM;
    job->job.id = resource->node.id;
    job->what = *what;
    return virgl_job_queue(&job->job, done, data);
}

/* ---- reading ---- */

struct read_job {
    struct virgl_job job;
    struct renderer_box box;
    size_t row;      /* bytes */
    uint8_t *pixels; /* owned, rows one after the other: 'to' may be gone before the job is done */
    uint8_t *to;
    uint32_t stride; /* of 'to' */
};

static int read_pixels(struct virgl_job *base)
{
    struct read_job *job = (struct read_job *)base;
    struct renderer_transfer what = {
        .from_host = true, .stride = (uint32_t)job->row, .box = job->box};
    struct iovec iov = {job->pixels, job->row * job->box.h};

    if (virgl_held_find(&base->virgl->held_resources, base->id) == NULL)
        return -ENOENT;
    return virgl_library_transfer(base->virgl->library, 0, base->id, &what, &iov, 1);
}

static void read_finish(struct virgl_job *base, bool dropped)
{
    struct read_job *job = (struct read_job *)base;

    for (uint32_t y = 0; !dropped && base->result == 0 && y < job->box.h; y++)
        memcpy(job->to + (size_t)y * job->stride, job->pixels + y * job->row, job->row);
    free(job->pixels);
}

static bool fits(const struct renderer_box *box, uint32_t stride, size_t size)
{
    uint64_t row = (uint64_t)box->w * PICTURE_BYTES_PER_PIXEL;

    return box->w > 0 && box->h > 0 && box->w <= PICTURE_MAX_SIDE && box->h <= PICTURE_MAX_SIDE &&
           box->z == 0 && box->d == 1 && row <= stride &&
           (uint64_t)stride * (box->h - 1) + row <= size;
}

int virgl_resource_read(struct renderer *renderer, struct resource *resource,
                        const struct renderer_box *box, void *to, uint32_t stride, size_t size,
                        renderer_done *done, void *data)
{
    struct virgl *virgl = virgl_of(renderer);
    struct read_job *job;

    /* The library makes sure that what it writes fits, whatever the format of a blob is. */
    if (resource->format != 0 && !picture_format_is_known(resource->format))
        return -EOPNOTSUPP;
    if (!fits(box, stride, size))
        return -EINVAL;
    job = virgl_job_create(virgl, sizeof(*job), read_pixels, 0);
    if (job == NULL)
        return -ENOMEM;
    job->job.id = resource->node.id;
    job->job.finish = read_finish;
    job->box = *box;
    job->to = to;
    job->stride = stride;
    job->row = (size_t)box->w * PICTURE_BYTES_PER_PIXEL;
    job->pixels = malloc(job->row * box->h);
    if (job->pixels == NULL) {
        virgl_job_destroy(&job->job);
        return -ENOMEM;
    }
    return virgl_job_queue(&job->job, done, data);
}
