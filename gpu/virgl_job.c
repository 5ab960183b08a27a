/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "gpu/virgl.h"

static enum render_job_result run(struct render_job *base)
{
    struct virgl_job *job = (struct virgl_job *)base;

    job->result = job->work(job);
    return RENDER_JOB_DONE;
}

static void end(struct render_job *base, bool dropped)
{
    struct virgl_job *job = (struct virgl_job *)base;

    if (job->finish != NULL)
        job->finish(job, dropped);
    if (!dropped && job->done != NULL)
        job->done(job->data, job->result);
    virgl_job_destroy(job);
}

void *virgl_job_create(struct virgl *virgl, size_t size, int (*work)(struct virgl_job *job),
                       uint32_t context)
{
    struct virgl_job *job = calloc(1, size);

    if (job == NULL)
        return NULL;
    *job = (struct virgl_job){
        .base = {.run = run, .end = end, .context = context}, .virgl = virgl, .work = work};
    return job;
}

int virgl_job_queue(struct virgl_job *job, renderer_done *done, void *data)
{
    struct virgl *virgl = job->virgl;

    job->done = done;
    job->data = data;
    render_thread_queue(virgl->thread, &job->base);
    watchdog_wake(virgl->watchdog);
    return -EINPROGRESS;
}

void virgl_job_destroy(struct virgl_job *job)
{
    guest_pins_unref(job->pins);
    virgl_held_destroy(job->held);
    free(job);
}

void virgl_held_destroy(struct virgl_held *held)
{
    if (held == NULL)
        return;
    guest_pins_unref(held->pins);
    if (held->pixels != NULL)
        munmap(held->pixels, held->size);
    free(held);
}

struct virgl_held *virgl_held_find(struct id_map *map, uint32_t id)
{
    struct id_node *node = id_map_find(map, id);

    return ID_MAP_OF(node, struct virgl_held, node);
}
