/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDER_THREAD_H
#define GPU_RENDER_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>
#include <systemd/sd-event.h>

/*
 * One thread that may block, for a library that is not thread safe and whose calls may take long.
 * The loop's thread queues jobs; they run on the thread one after the other, in that order, and
 * each comes back to the loop. Nothing here ever blocks the loop, but for the two functions that
 * say so.
 *
 * A reset begins a new epoch: jobs that have not begun never run, and what was under way comes back
 * as dropped, whenever that is. So a job owns all that it uses: after a reset nobody else may hold
 * it any more.
 */
struct render_thread;

enum render_job_result {
    RENDER_JOB_DONE,  /* the thread gives it back to the loop */
    RENDER_JOB_LATER, /* somebody calls, or has called, render_thread_complete */
};

struct render_job {
    /* On the thread. Whoever returns RENDER_JOB_LATER may not touch the job after he let it be
     * known to whom will complete it. */
    enum render_job_result (*run)(struct render_job *job);
    /* On the loop, once: gives up what the job owns, and the job. 'dropped' when a reset came
     * between: then run may never have been called, and nobody wants to know of it. */
    void (*end)(struct render_job *job, bool dropped);
    uint32_t context;              /* for whom it is; 0 for nobody in particular */
    uint64_t epoch;                /* the thread's own, as the next */
    bool begun;                    /* run was called */
    STAILQ_ENTRY(render_job) link; // render_thread::queue, then ::done
};

/* What the thread does beside jobs; all on the thread. */
struct render_thread_work {
    /* First. 0, or -errno: the thread ends. */
    int (*begin)(struct render_thread *thread, void *data);
    /* When render_thread_watch's descriptor can be read, or its interval is over; may be NULL. */
    void (*poll)(void *data);
    /* Last, if begin was 0. */
    void (*finish)(void *data);
};

/*
 * Starts the thread and waits for begin: this blocks, up to 'limit_ms'. 'loop', 'work' and 'data'
 * are borrowed. The thread takes no signals. NULL with errno set: what begin said, or ETIMEDOUT;
 * then the thread is left to itself, and with it 'work' and 'data': it finishes after begin.
 */
struct render_thread *render_thread_create(sd_event *loop, const struct render_thread_work *work,
                                           void *data, unsigned limit_ms);
/*
 * Drops all jobs, lets the thread finish and waits for it: this blocks, up to 'limit_ms'. Takes
 * NULL. False when the thread is stuck: it is left to itself, with 'work', 'data' and the job in
 * hand, which is never ended, and finishes after it. Not from inside a job's end.
 */
bool render_thread_destroy(struct render_thread *thread, unsigned limit_ms);

/* On the loop. Queues 'job', which belongs to the thread until its end is called. */
void render_thread_queue(struct render_thread *thread, struct render_job *job);
/* From any thread: gives a job that was said to be ready later back to the loop. */
void render_thread_complete(struct render_thread *thread, struct render_job *job);
/* On the loop. Begins a new epoch. Ends the jobs that have not begun as dropped, from inside the
 * call. The job in hand, and those that are ready later, are ended as dropped when they come
 * back. */
void render_thread_reset(struct render_thread *thread);

/* On the thread, in begin or in a job: which descriptor (borrowed) to wait for, or -1, and after
 * how many milliseconds without a job to call work->poll anyway, or -1. */
void render_thread_watch(struct render_thread *thread, int fd, int interval_ms);

/* The job in hand. */
struct render_thread_hand {
    uint64_t since_ns; /* CLOCK_MONOTONIC; no two jobs have the same */
    uint32_t context;
};

/* From any thread. Whether a job is being run, and then, in *hand, which. */
bool render_thread_busy(struct render_thread *thread, struct render_thread_hand *hand);
/* Jobs that have not begun; on the loop. */
unsigned render_thread_queued(struct render_thread *thread);

#endif
