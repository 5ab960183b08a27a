/* SPDX-License-Identifier: MIT */
#include "gpu/render_thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"

#define WITHOUT_FD_MS 2

STAILQ_HEAD(render_job_list, render_job);

struct render_thread {
    const struct render_thread_work *work;
    void *data;
    pthread_t thread;
    int work_fd; /* eventfd: there are jobs, or the end has come */
    int done_fd; /* eventfd: there are jobs to end */
    sd_event_source *source;
    uint64_t epoch; /* the loop's */

    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t changed; /* one of the flags */
    struct render_job_list queue, done;
    unsigned queued;
    bool stop; /* it shall end */
    bool begun, ended;
    bool left;  /* nobody waits for it: it frees all of this itself */
    int result; /* of work->begin */

    /* The thread's own. */
    int watched_fd, interval_ms;

    /* Written by the thread, read by anybody: 0 when it is idle. */
    _Atomic uint64_t since_ns;
    _Atomic uint32_t context;
};

static void wake(int fd)
{
    uint64_t one = 1;

    /* It fails only when the counter is full, and then the other side is awake. */
    if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_error("An eventfd cannot be written: %m.");
}

static void drain(int fd)
{
    uint64_t count;

    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        log_error("An eventfd cannot be read: %m.");
}

/* ---- the thread ---- */

static void put_done(struct render_thread *t, struct render_job *job)
{
    bool first;

    pthread_mutex_lock(&t->lock);
    first = STAILQ_EMPTY(&t->done);
    STAILQ_INSERT_TAIL(&t->done, job, link);
    pthread_mutex_unlock(&t->lock);
    if (first)
        wake(t->done_fd);
}

void render_thread_complete(struct render_thread *t, struct render_job *job)
{
    put_done(t, job);
}

void render_thread_watch(struct render_thread *t, int fd, int interval_ms)
{
    t->watched_fd = fd;
    t->interval_ms = interval_ms;
}

/* Waits for a job, unless there is one. The watched descriptor gets its turn in any case. */
static void wait_for_work(struct render_thread *t, bool idle)
{
    struct pollfd fds[2] = {{.fd = t->work_fd, .events = POLLIN},
                            {.fd = t->watched_fd, .events = POLLIN}};
    int n = poll(fds, 2, idle ? t->interval_ms : 0);

    if (n > 0 && fds[0].revents != 0)
        drain(t->work_fd);
    if (n > 0 && (fds[1].revents & ~POLLIN) != 0) {
        log_error("The library's descriptor is of no use any more: it is asked now and then.");
        render_thread_watch(t, -1, WITHOUT_FD_MS);
    }
    if (t->work->poll != NULL && ((n > 0 && fds[1].revents != 0) || t->interval_ms >= 0))
        t->work->poll(t->data);
}

/* The next job; NULL when there is none. *idle when no other is there. False when it is over. */
static bool take_job(struct render_thread *t, struct render_job **job, bool *idle)
{
    bool stop;

    pthread_mutex_lock(&t->lock);
    stop = t->stop;
    *job = stop ? NULL : STAILQ_FIRST(&t->queue);
    if (*job != NULL) {
        STAILQ_REMOVE_HEAD(&t->queue, link);
        t->queued--;
        (*job)->begun = true;
    }
    *idle = STAILQ_EMPTY(&t->queue);
    pthread_mutex_unlock(&t->lock);
    return !stop;
}

/* The clock may not have moved since the last job. */
static uint64_t new_start(uint64_t last)
{
    uint64_t now = units_now_ns();

    return now > last ? now : last + 1;
}

static void run_job(struct render_thread *t, struct render_job *job, uint64_t *last)
{
    *last = new_start(*last);
    atomic_store(&t->context, job->context);
    atomic_store(&t->since_ns, *last);
    if (job->run(job) == RENDER_JOB_DONE)
        put_done(t, job);
    atomic_store(&t->since_ns, 0);
}

static bool begin(struct render_thread *t)
{
    int result = t->work->begin != NULL ? t->work->begin(t, t->data) : 0;

    pthread_mutex_lock(&t->lock);
    t->result = result;
    t->begun = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    return result == 0;
}

static void free_all(struct render_thread *t)
{
    fd_close(&t->work_fd);
    fd_close(&t->done_fd);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* What came back after it was given up. Only the loop may free it, and that does not wait. */
static struct render_job_list abandoned = STAILQ_HEAD_INITIALIZER(abandoned);

static void end(struct render_thread *t)
{
    bool left;

    pthread_mutex_lock(&t->lock);
    t->ended = true;
    left = t->left;
    if (left)
        STAILQ_CONCAT(&abandoned, &t->done);
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    if (left)
        free_all(t);
}

static void *thread_main(void *data)
{
    struct render_thread *t = data;
    struct render_job *job;
    uint64_t last = 0;
    bool begun = begin(t);
    bool idle;

    while (begun && take_job(t, &job, &idle)) {
        if (job != NULL)
            run_job(t, job, &last);
        wait_for_work(t, idle);
    }
    if (begun && t->work->finish != NULL)
        t->work->finish(t->data);
    end(t);
    return NULL;
}

/* ---- the loop ---- */

/* Ends jobs; those of an earlier epoch as dropped. An end may queue others, or reset. */
static void end_jobs(struct render_thread *t, struct render_job_list *jobs)
{
    struct render_job *job;

    while ((job = STAILQ_FIRST(jobs)) != NULL) {
        STAILQ_REMOVE_HEAD(jobs, link);
        job->end(job, job->epoch != t->epoch);
    }
}

static int on_done(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct render_thread *t = data;
    struct render_job_list jobs = STAILQ_HEAD_INITIALIZER(jobs);

    drain(fd);
    pthread_mutex_lock(&t->lock);
    STAILQ_CONCAT(&jobs, &t->done);
    pthread_mutex_unlock(&t->lock);
    end_jobs(t, &jobs);
    return 0;
}

void render_thread_queue(struct render_thread *t, struct render_job *job)
{
    bool first;

    job->epoch = t->epoch;
    job->begun = false;
    pthread_mutex_lock(&t->lock);
    first = STAILQ_EMPTY(&t->queue);
    STAILQ_INSERT_TAIL(&t->queue, job, link);
    t->queued++;
    pthread_mutex_unlock(&t->lock);
    if (first)
        wake(t->work_fd);
}

void render_thread_reset(struct render_thread *t)
{
    struct render_job_list jobs = STAILQ_HEAD_INITIALIZER(jobs);

    t->epoch++;
    pthread_mutex_lock(&t->lock);
    STAILQ_CONCAT(&jobs, &t->done);
    STAILQ_CONCAT(&jobs, &t->queue);
    t->queued = 0;
    pthread_mutex_unlock(&t->lock);
    end_jobs(t, &jobs);
}

bool render_thread_busy(struct render_thread *t, struct render_thread_hand *hand)
{
    uint64_t since;

    /* Read until both are of the same job. */
    do {
        since = atomic_load(&t->since_ns);
        *hand = (struct render_thread_hand){since, atomic_load(&t->context)};
    } while (atomic_load(&t->since_ns) != since);
    return since != 0;
}

unsigned render_thread_queued(struct render_thread *t)
{
    unsigned n;

    pthread_mutex_lock(&t->lock);
    n = t->queued;
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* ---- life ---- */

static struct timespec deadline(unsigned limit_ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += limit_ms / 1000;
    at.tv_nsec += (long)(limit_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

/* Signals are for the loop: whatever the library starts inherits that as well. */
static int start(struct render_thread *t)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* guest memory may be cut short: guest/guest_fault.h */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&t->thread, NULL, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

/* Waits until *flag is set; if that takes too long, leaves the thread to itself: it ends, and frees
 * what it uses, when it comes to itself. */
static bool await(struct render_thread *t, const bool *flag, unsigned limit_ms)
{
    struct timespec at = deadline(limit_ms);
    int error = 0;
    bool set;

    pthread_mutex_lock(&t->lock);
    while (!*flag && error == 0)
        error = pthread_cond_timedwait(&t->changed, &t->lock, &at);
    set = *flag;
    if (!set) {
        pthread_detach(t->thread);
        t->source = sd_event_source_disable_unref(t->source);
        t->stop = true;
        t->left = true;
    }
    pthread_mutex_unlock(&t->lock);
    return set;
}

static void join(struct render_thread *t)
{
    pthread_join(t->thread, NULL);
    sd_event_source_disable_unref(t->source);
    free_all(t);
}

static int init(struct render_thread *t, sd_event *loop)
{
    pthread_condattr_t attr;

    STAILQ_INIT(&t->queue);
    STAILQ_INIT(&t->done);
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &attr);
    pthread_condattr_destroy(&attr);
    t->work_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    t->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->work_fd < 0 || t->done_fd < 0)
        return -errno;
    return sd_event_add_io(loop, &t->source, t->done_fd, EPOLLIN, on_done, t);
}

struct render_thread *render_thread_create(sd_event *loop, const struct render_thread_work *work,
                                           void *data, unsigned limit_ms)
{
    struct render_thread *t = calloc(1, sizeof(*t));
    int result;

    if (t == NULL)
        return NULL;
    *t = (struct render_thread){
        .work = work, .data = data, .watched_fd = -1, .interval_ms = -1, .work_fd = -1};
    result = init(t, loop);
    if (result >= 0)
        result = start(t);
    if (result < 0) {
        sd_event_source_disable_unref(t->source);
        free_all(t);
        errno = -result;
        return NULL;
    }
    if (!await(t, &t->begun, limit_ms)) {
        errno = ETIMEDOUT;
        return NULL;
    }
    result = t->result;
    if (result == 0)
        return t;
    join(t);
    errno = -result;
    return NULL;
}

bool render_thread_destroy(struct render_thread *t, unsigned limit_ms)
{
    struct render_job_list jobs = STAILQ_HEAD_INITIALIZER(jobs);

    if (t == NULL)
        return true;
    render_thread_reset(t);
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_mutex_unlock(&t->lock);
    wake(t->work_fd);
    if (!await(t, &t->ended, limit_ms))
        return false;
    t->epoch++;
    STAILQ_CONCAT(&jobs, &t->done);
    end_jobs(t, &jobs);
    join(t);
    return true;
}
