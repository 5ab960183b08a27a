/* SPDX-License-Identifier: MIT */
#ifndef GPU_VIRGL_FENCE_H
#define GPU_VIRGL_FENCE_H

#include <pthread.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

struct virgl_fence_job;

/*
 * Fences that the library was asked for, and has not called back about. It calls back on its own
 * threads too, in the order of each timeline: what is done ends all earlier ones.
 */
struct virgl_fences {
    pthread_mutex_t lock;
    TAILQ_HEAD(, virgl_fence_job) pending; // virgl_fence_job::link, by age
    uint64_t last;                         /* the render thread's: the newest number */
};

void virgl_fences_init(struct virgl_fences *fences);
/* There must be none pending. */
void virgl_fences_finish(struct virgl_fences *fences);

/* From the library, on any thread. */
void virgl_fences_on_global(void *virgl, uint32_t fence);
void virgl_fences_on_context(void *virgl, uint32_t context, uint32_t ring, uint64_t fence);

/* On the loop: those of a context are done, whatever the library says. */
void virgl_fences_retire(struct virgl_fences *fences, uint32_t context);
/* On the loop, before render_thread_reset: nobody waits any more. */
void virgl_fences_drop(struct virgl_fences *fences);
/* On the thread, after the library has destroyed a context of OpenGL: with THREAD_SYNC it forgets
 * the fence that it is just waiting for, whosever that is. Asks for another one behind it. */
struct virgl;
void virgl_fences_mend(struct virgl *virgl);

#endif
