/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_JOB_H
#define MEDIA_JOB_H

#include <pthread.h>
#include <stdbool.h>

#include <bsd/sys/queue.h>
#include <systemd/sd-event.h>

/*
 * Slow work, beside the loop. A job runs on one of a few threads and comes back to the loop. Jobs
 * begin in the order in which they were given: whoever has a lot to do gives one piece at a time,
 * and so everybody has his turn.
 *
 * The threads are there while somebody holds the pool (job_pool_hold).
 */
enum job_state {
    JOB_IDLE,
    JOB_WAITING, /* for a thread */
    JOB_RUNNING, /* on a thread, or on its way back to the loop */
};

struct job {
    /* On a thread. What it uses, nobody else may touch meanwhile. */
    void (*run)(struct job *job);
    /* On the loop, when run has returned; the job is idle again and may be given from within. */
    void (*done)(struct job *job);
    enum job_state state;
    bool finished;          /* run has returned; the pool's lock guards it */
    TAILQ_ENTRY(job) entry; // job_pool::waiting, then ::finished
};

TAILQ_HEAD(job_list, job);

#define JOB_MAX_THREADS 64u

struct job_pool {
    sd_event_source *source; /* of 'wake' */
    int wake;                /* eventfd, owned: a job has finished */
    unsigned limit;          /* threads */
    unsigned holds;
    unsigned started; /* threads there are */
    pthread_t threads[JOB_MAX_THREADS];
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t more;  /* jobs wait, or the threads are to end */
    pthread_cond_t less;  /* a job has finished */
    struct job_list waiting, finished;
    bool ending;
};

/* 'threads' is 1 to JOB_MAX_THREADS. 0 or -errno. */
int job_pool_init(struct job_pool *pool, sd_event *loop, unsigned threads);
/* No job may be waiting or running, and nobody hold it. Also after a failed init. */
void job_pool_finish(struct job_pool *pool);
/* The first to hold it starts the threads. 0 or -errno: when not one could be had. */
int job_pool_hold(struct job_pool *pool);
/* The last to let go ends the threads, and waits for them. No job may be waiting or running. */
void job_pool_release(struct job_pool *pool);

/* Gives an idle job to the threads of a pool that the caller holds. Borrowed until it is done. */
void job_give(struct job_pool *pool, struct job *job);
/* Whether it waits or runs, or has not come back yet. */
bool job_busy(const struct job *job);
/* Takes it back: one that waits never runs; one that runs is waited for, which blocks. 'done' is
 * not called. The job is idle then. */
void job_take_back(struct job_pool *pool, struct job *job);

#endif
