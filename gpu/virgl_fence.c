/* SPDX-License-Identifier: MIT */
#include "gpu/virgl_fence.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "gpu/context.h"
#include "gpu/virgl.h"

/*
 * OpenGL has one timeline for all its contexts, context 0's: a fence of a context of its own would
 * be written to after the context is freed (0.10.4 to 1.1 at least), and all of them are drawn in
 * order anyway.
 */
#define GLOBAL 0u

struct virgl_fence_job {
    struct virgl_job job;
    uint32_t context, ring;            /* of the timeline */
    uint64_t number;                   /* as the library knows it */
    uint32_t asked_for;                /* the context whose fence it is for the guest; 0: none's */
    TAILQ_ENTRY(virgl_fence_job) link; // virgl_fences::pending
};
TAILQ_HEAD(fence_list, virgl_fence_job);

void virgl_fences_init(struct virgl_fences *fences)
{
    *fences = (struct virgl_fences){0};
    pthread_mutex_init(&fences->lock, NULL);
    TAILQ_INIT(&fences->pending);
}

void virgl_fences_finish(struct virgl_fences *fences)
{
    assert(TAILQ_EMPTY(&fences->pending));
    pthread_mutex_destroy(&fences->lock);
}

/* ---- on the thread ---- */

static bool is_pending(struct virgl_fences *fences, const struct virgl_fence_job *fence)
{
    const struct virgl_fence_job *other;

    TAILQ_FOREACH(other, &fences->pending, link)
    if (other == fence)
        return true;
    return false;
}

/* It is in the list before the library hears of it, and then belongs to whoever takes it out. */
static enum render_job_result run(struct render_job *base)
{
    struct virgl_fence_job *fence = (struct virgl_fence_job *)base;
    struct virgl *virgl = fence->job.virgl;
    uint32_t context = fence->context, ring = fence->ring;
    uint64_t number = ++virgl->fences.last;
    bool ours = false;
    int result;

    pthread_mutex_lock(&virgl->fences.lock);
    fence->number = number;
    TAILQ_INSERT_TAIL(&virgl->fences.pending, fence, link);
    pthread_mutex_unlock(&virgl->fences.lock);
    if (context != GLOBAL)
        result = virgl_library_context_fence(virgl->library, context, ring, number);
    else if (virgl->plan.virgl)
        result = virgl_library_fence(virgl->library, (uint32_t)number);
    else /* the library has no such fences without OpenGL, and Vulkan's work is not waited for */
        result = -EOPNOTSUPP;
    if (result == 0)
        return RENDER_JOB_LATER;
    pthread_mutex_lock(&virgl->fences.lock);
    ours = is_pending(&virgl->fences, fence);
    if (ours)
        TAILQ_REMOVE(&virgl->fences.pending, fence, link);
    pthread_mutex_unlock(&virgl->fences.lock);
    return ours ? RENDER_JOB_DONE : RENDER_JOB_LATER;
}

void virgl_fences_mend(struct virgl *virgl)
{
    bool pending;

    pthread_mutex_lock(&virgl->fences.lock);
    pending = !TAILQ_EMPTY(&virgl->fences.pending);
    pthread_mutex_unlock(&virgl->fences.lock);
    if (pending && virgl->plan.virgl)
        virgl_library_fence(virgl->library, (uint32_t)++virgl->fences.last);
}

/* ---- done ---- */

static bool is_done(const struct virgl_fence_job *fence, uint32_t context, uint32_t ring,
                    uint64_t number)
{
    if (fence->context != context || fence->ring != ring)
        return false;
    if (context == GLOBAL) /* the library has the lower half of the number only */
        return (int32_t)((uint32_t)number - (uint32_t)fence->number) >= 0;
    return number >= fence->number;
}

/* Puts the list where it belongs: back to the loop. */
static void complete(struct fence_list *fences)
{
    struct virgl_fence_job *fence;

    while ((fence = TAILQ_FIRST(fences)) != NULL) {
        TAILQ_REMOVE(fences, fence, link);
        render_thread_complete(fence->job.virgl->thread, &fence->job.base);
    }
}

static void on_done(struct virgl_fences *fences, uint32_t context, uint32_t ring, uint64_t number)
{
    struct fence_list done = TAILQ_HEAD_INITIALIZER(done);
    struct virgl_fence_job *fence, *next;

    pthread_mutex_lock(&fences->lock);
    TAILQ_FOREACH_SAFE(fence, &fences->pending, link, next)
    {
        if (is_done(fence, context, ring, number)) {
            TAILQ_REMOVE(&fences->pending, fence, link);
            TAILQ_INSERT_TAIL(&done, fence, link);
        }
    }
    pthread_mutex_unlock(&fences->lock);
    complete(&done);
}

void virgl_fences_on_global(void *virgl, uint32_t fence)
{
    on_done(&((struct virgl *)virgl)->fences, GLOBAL, 0, fence);
}

void virgl_fences_on_context(void *virgl, uint32_t context, uint32_t ring, uint64_t fence)
{
    on_done(&((struct virgl *)virgl)->fences, context, ring, fence);
}

void virgl_fences_retire(struct virgl_fences *fences, uint32_t context)
{
    struct fence_list done = TAILQ_HEAD_INITIALIZER(done);
    struct virgl_fence_job *fence, *next;

    pthread_mutex_lock(&fences->lock);
    TAILQ_FOREACH_SAFE(fence, &fences->pending, link, next)
    {
        if (fence->asked_for == context) {
            TAILQ_REMOVE(&fences->pending, fence, link);
            TAILQ_INSERT_TAIL(&done, fence, link);
        }
    }
    pthread_mutex_unlock(&fences->lock);
    complete(&done);
}

void virgl_fences_drop(struct virgl_fences *fences)
{
    struct fence_list dropped = TAILQ_HEAD_INITIALIZER(dropped);
    struct virgl_fence_job *fence;

    pthread_mutex_lock(&fences->lock);
    TAILQ_CONCAT(&dropped, &fences->pending, link);
    pthread_mutex_unlock(&fences->lock);
    while ((fence = TAILQ_FIRST(&dropped)) != NULL) {
        TAILQ_REMOVE(&dropped, fence, link);
        fence->job.base.end(&fence->job.base, true);
    }
}

/* ---- asking ---- */

static struct virgl_context *find(struct virgl *virgl, const struct context *context)
{
    struct id_node *node = id_map_find(&virgl->contexts, context->node.id);

    return ID_MAP_OF(node, struct virgl_context, node);
}

int virgl_context_fence(struct renderer *renderer, struct context *context, uint32_t ring,
                        renderer_done *done, void *data)
{
    struct virgl *virgl = virgl_of(renderer);
    struct virgl_context *known = context != NULL ? find(virgl, context) : NULL;
    bool venus = known != NULL && known->capset == VIRTIO_GPU_CAPSET_VENUS;
    struct virgl_fence_job *fence;

    if (context != NULL && (known == NULL || known->lost))
        return 0;
    fence = virgl_job_create(virgl, sizeof(*fence), NULL, known != NULL ? known->node.id : 0);
    if (fence == NULL)
        return -ENOMEM;
    fence->job.base.run = run;
    fence->asked_for = known != NULL ? known->node.id : 0;
    if (venus) {
        fence->context = known->node.id;
        fence->ring = ring;
    }
    return virgl_job_queue(&fence->job, done, data);
}
