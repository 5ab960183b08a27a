/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/context.h"
#include "gpu/resource.h"
#include "gpu/virgl.h"

/* ---- create and destroy ---- */

struct create_job {
    struct virgl_job job;
    uint64_t serial; /* of what the loop knows of it */
    uint32_t capset;
    char name[sizeof(((struct context *)0)->name)];
};

static int create(struct virgl_job *base)
{
    struct create_job *job = (struct create_job *)base;
    struct virgl *virgl = base->virgl;
    int result;

    if (id_map_find(&virgl->held_contexts, base->id) != NULL)
        return -EEXIST;
    result = virgl_library_context_create(virgl->library, base->id, job->capset, job->name);
    if (result < 0)
        return result;
    base->held->node.id = base->id;
    base->held->gl = job->capset != VIRTIO_GPU_CAPSET_VENUS;
    id_map_add(&virgl->held_contexts, &base->held->node);
    base->held = NULL;
    return 0;
}

static struct virgl_context *add(struct virgl *virgl, uint32_t id, uint32_t capset)
{
    struct virgl_context *context = calloc(1, sizeof(*context));

    if (context == NULL)
        return NULL;
    context->node.id = id;
    context->serial = ++virgl->serial;
    context->capset = capset;
    if (id_map_add(&virgl->contexts, &context->node) == 0)
        return context;
    free(context);
    return NULL;
}

static void forget(struct virgl *virgl, uint32_t id)
{
    struct id_node *node = id_map_find(&virgl->contexts, id);

    if (node == NULL)
        return;
    id_map_remove(&virgl->contexts, node);
    free(ID_MAP_OF(node, struct virgl_context, node));
}

/* The device forgets one that could not be made; by now its id may be another's. */
static void create_finish(struct virgl_job *base, bool dropped)
{
    struct create_job *job = (struct create_job *)base;
    struct id_node *node = id_map_find(&base->virgl->contexts, base->id);

    if (!dropped && base->result < 0 && node != NULL &&
        ID_MAP_OF(node, struct virgl_context, node)->serial == job->serial)
        forget(base->virgl, base->id);
}

int virgl_context_create(struct renderer *renderer, struct context *context, renderer_done *done,
                         void *data)
{
    struct virgl *virgl = virgl_of(renderer);
    struct create_job *job = virgl_job_create(virgl, sizeof(*job), create, context->node.id);
    struct virgl_context *known;

    if (job == NULL)
        return -ENOMEM;
    job->job.id = context->node.id;
    /* A driver that knows of no kinds of context means OpenGL. */
    job->capset = context->capset != 0 ? context->capset : VIRTIO_GPU_CAPSET_VIRGL2;
    memcpy(job->name, context->name, sizeof(job->name));
    job->job.held = calloc(1, sizeof(*job->job.held));
    known = job->job.held != NULL ? add(virgl, context->node.id, job->capset) : NULL;
    if (known == NULL) {
        virgl_job_destroy(&job->job);
        return -ENOMEM;
    }
    job->serial = known->serial;
    job->job.finish = create_finish;
    return virgl_job_queue(&job->job, done, data);
}

void virgl_context_drop(struct virgl *virgl, struct virgl_held *held)
{
    id_map_remove(&virgl->held_contexts, &held->node);
    virgl_library_context_destroy(virgl->library, held->node.id);
    if (held->gl)
        virgl_fences_mend(virgl);
}

/* A software renderer leaves a lot behind in the heap of this thread, 220 MB after some hundred
 * programs, which the C library keeps. It goes back to the system when nobody draws. */
static void trim(const struct virgl *virgl)
{
    if (virgl->held_contexts.count == 0)
        malloc_trim(0);
}

static int destroy(struct virgl_job *job)
{
    job->held = virgl_held_find(&job->virgl->held_contexts, job->id);
    if (job->held == NULL)
        return -ENOENT;
    virgl_context_drop(job->virgl, job->held);
    trim(job->virgl);
    return 0;
}

static void queue_destroy(struct virgl *virgl, uint32_t id)
{
    struct virgl_job *job = virgl_job_create(virgl, sizeof(*job), destroy, id);

    if (job == NULL)
        return; /* the next reset destroys it */
    job->id = id;
    virgl_job_queue(job, NULL, NULL);
}

/* Its fences are retired now, not after what is queued: the process that they wait for may hang. */
void virgl_context_destroy(struct renderer *renderer, struct context *context)
{
    struct virgl *virgl = virgl_of(renderer);

    forget(virgl, context->node.id);
    virgl_fences_retire(&virgl->fences, context->node.id);
    queue_destroy(virgl, context->node.id);
}

/* The driver still has it; the library is rid of it, since its thread for it spins. */
void virgl_context_lost(void *data, uint32_t id)
{
    struct virgl *virgl = data;
    struct id_node *node = id_map_find(&virgl->contexts, id);

    if (node == NULL)
        return;
    ID_MAP_OF(node, struct virgl_context, node)->lost = true;
    virgl_fences_retire(&virgl->fences, id);
    queue_destroy(virgl, id);
}

/* ---- attach and detach ---- */

static int attach(struct virgl_job *job)
{
    virgl_library_attach(job->virgl->library, job->base.context, job->id);
    return 0;
}

static int detach(struct virgl_job *job)
{
    virgl_library_detach(job->virgl->library, job->base.context, job->id);
    return 0;
}

static void queue_pair(struct renderer *renderer, int (*work)(struct virgl_job *job),
                       const struct context *context, const struct resource *resource)
{
    struct virgl_job *job =
        virgl_job_create(virgl_of(renderer), sizeof(*job), work, context->node.id);

    if (job == NULL)
        return; /* the guest's next use of it is refused */
    job->id = resource->node.id;
    virgl_job_queue(job, NULL, NULL);
}

void virgl_context_attach(struct renderer *renderer, struct context *context,
                          struct resource *resource)
{
    queue_pair(renderer, attach, context, resource);
}

void virgl_context_detach(struct renderer *renderer, struct context *context,
                          struct resource *resource)
{
    queue_pair(renderer, detach, context, resource);
}

/* ---- submit ---- */

struct submit_job {
    struct virgl_job job;
    size_t size;
    uint64_t words[]; /* a copy: the guest's may change, and end before the job does */
};

static int submit(struct virgl_job *base)
{
    struct submit_job *job = (struct submit_job *)base;

    return virgl_library_submit(base->virgl->library, base->base.context, job->words, job->size);
}

int virgl_context_submit(struct renderer *renderer, struct context *context, const void *bytes,
                         size_t size, renderer_done *done, void *data)
{
    struct virgl *virgl = virgl_of(renderer);
    struct id_node *node = id_map_find(&virgl->contexts, context->node.id);
    const struct virgl_context *known = ID_MAP_OF(node, struct virgl_context, node);
    struct submit_job *job;

    if (known == NULL || known->lost)
        return -ENODEV;
    if (size % 4 != 0 || size > INT32_MAX)
        return -EINVAL;
    job = virgl_job_create(virgl, sizeof(*job) + size, submit, context->node.id);
    if (job == NULL)
        return -ENOMEM;
    job->size = size;
    memcpy(job->words, bytes, size);
    return virgl_job_queue(&job->job, done, data);
}
