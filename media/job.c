/* SPDX-License-Identifier: MIT */
#include "media/job.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

/* The lock is held; job_busy looks without it. */
static void set_state(struct job *job, enum job_state state)
{
    __atomic_store_n(&job->state, state, __ATOMIC_RELAXED);
}

/* The lock is held, and let go of while the job runs. */
static void run_one(struct job_pool *pool)
{
    struct job *job = TAILQ_FIRST(&pool->waiting);

    TAILQ_REMOVE(&pool->waiting, job, entry);
    set_state(job, JOB_RUNNING);
    pthread_mutex_unlock(&pool->lock);
    job->run(job);
    pthread_mutex_lock(&pool->lock);
    job->finished = true;
    TAILQ_INSERT_TAIL(&pool->finished, job, entry);
    pthread_cond_broadcast(&pool->less);
    eventfd_write(pool->wake, 1);
}

static void *thread_main(void *data)
{
    struct job_pool *pool = data;

    pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        if (TAILQ_EMPTY(&pool->waiting))
            pthread_cond_wait(&pool->more, &pool->lock);
        else
            run_one(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static struct job *next_finished(struct job_pool *pool)
{
    struct job *job;

    pthread_mutex_lock(&pool->lock);
    job = TAILQ_FIRST(&pool->finished);
    if (job != NULL) {
        TAILQ_REMOVE(&pool->finished, job, entry);
        set_state(job, JOB_IDLE);
        job->finished = false;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static int on_wake(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct job_pool *pool = data;
    struct job *job;
    eventfd_t count;

    eventfd_read(fd, &count);
    while ((job = next_finished(pool)) != NULL)
        job->done(job);
    return 0;
}

int job_pool_init(struct job_pool *pool, sd_event *loop, unsigned threads)
{
    assert(threads > 0 && threads <= JOB_MAX_THREADS);
    *pool = (struct job_pool){.limit = threads};
    TAILQ_INIT(&pool->waiting);
    TAILQ_INIT(&pool->finished);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->more, NULL);
    pthread_cond_init(&pool->less, NULL);
    pool->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->wake < 0)
        return -errno;
    return sd_event_add_io(loop, &pool->source, pool->wake, EPOLLIN, on_wake, pool);
}

void job_pool_finish(struct job_pool *pool)
{
    assert(pool->holds == 0 && TAILQ_EMPTY(&pool->waiting) && TAILQ_EMPTY(&pool->finished));
    pool->source = sd_event_source_disable_unref(pool->source);
    if (pool->wake >= 0)
        close(pool->wake);
    pool->wake = -1;
    pthread_cond_destroy(&pool->less);
    pthread_cond_destroy(&pool->more);
    pthread_mutex_destroy(&pool->lock);
}

/* Signals are the loop's. */
static int start_thread(struct job_pool *pool)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* guest memory may be cut short: guest/guest_fault.h */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&pool->threads[pool->started], NULL, thread_main, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        pool->started++;
    return -r;
}

int job_pool_hold(struct job_pool *pool)
{
    int r = 0;

    if (pool->holds == 0) {
        while (r == 0 && pool->started < pool->limit)
            r = start_thread(pool);
        if (pool->started == 0)
            return r;
        if (r != 0)
            log_warning("%u threads work instead of %u: error %d", pool->started, pool->limit, -r);
    }
    pool->holds++;
    return 0;
}

void job_pool_release(struct job_pool *pool)
{
    assert(pool->holds > 0);
    if (--pool->holds > 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    while (pool->started > 0)
        pthread_join(pool->threads[--pool->started], NULL);
    pool->ending = false;
}

void job_give(struct job_pool *pool, struct job *job)
{
    assert(pool->holds > 0);
    pthread_mutex_lock(&pool->lock);
    assert(job->state == JOB_IDLE);
    set_state(job, JOB_WAITING);
    TAILQ_INSERT_TAIL(&pool->waiting, job, entry);
    pthread_cond_signal(&pool->more);
    pthread_mutex_unlock(&pool->lock);
}

bool job_busy(const struct job *job)
{
    /* Only the loop leaves JOB_IDLE and comes back to it. */
    return __atomic_load_n(&job->state, __ATOMIC_RELAXED) != JOB_IDLE;
}

void job_take_back(struct job_pool *pool, struct job *job)
{
    pthread_mutex_lock(&pool->lock);
    if (job->state == JOB_WAITING)
        TAILQ_REMOVE(&pool->waiting, job, entry);
    while (job->state == JOB_RUNNING && !job->finished)
        pthread_cond_wait(&pool->less, &pool->lock);
    if (job->finished)
        TAILQ_REMOVE(&pool->finished, job, entry);
    job->finished = false;
    set_state(job, JOB_IDLE);
    pthread_mutex_unlock(&pool->lock);
}
