/* SPDX-License-Identifier: MIT */
#include "tests/unit/fd_count.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/units.h"
#include "gpu/render_thread.h"

#define PATIENCE_MS 20000u /* for what has to happen: the machine may be busy */
#define MANY 5000u

/* What the thread and its jobs do is written down here. */
struct fixture {
    sd_event *loop;
    struct render_thread *thread;
    int begin_result;
    _Atomic unsigned begun, polled, finished;
    _Atomic bool hold; /* whoever waits goes on when it is false */
    unsigned queued;
    unsigned run, ended; /* jobs; run is the thread's own until they are ended */
    unsigned dropped, never_begun;
    unsigned in_order; /* ended jobs that had the number that was expected */
    int watched;
    int fds, loop_fds; /* open before the test, and with the loop */
};

struct job {
    struct render_job base;
    struct fixture *f;
    unsigned number, at; /* at: how many had run */
};

static void hold(struct fixture *f)
{
    while (atomic_load(&f->hold))
        usleep(500);
}

static int begin(struct render_thread *thread, void *data)
{
    struct fixture *f = data;

    atomic_fetch_add(&f->begun, 1);
    hold(f);
    return f->begin_result;
}

static void polled(void *data)
{
    struct fixture *f = data;
    uint64_t count;

    if (f->watched >= 0 && read(f->watched, &count, sizeof(count)) < 0)
        return;
    atomic_fetch_add(&f->polled, 1);
}

static void finish(void *data)
{
    atomic_fetch_add(&((struct fixture *)data)->finished, 1);
}

static const struct render_thread_work work = {begin, polled, finish};

static enum render_job_result run(struct render_job *base)
{
    struct job *job = (struct job *)base;

    job->at = job->f->run++;
    return RENDER_JOB_DONE;
}

static enum render_job_result run_held(struct render_job *base)
{
    hold(((struct job *)base)->f);
    return run(base);
}

static enum render_job_result run_later(struct render_job *base)
{
    run(base);
    return RENDER_JOB_LATER;
}

static void end(struct render_job *base, bool dropped)
{
    struct job *job = (struct job *)base;
    struct fixture *f = job->f;

    f->in_order += job->number == f->ended && (!base->begun || job->at == job->number);
    f->ended++;
    f->dropped += dropped;
    f->never_begun += !base->begun;
    free(job);
}

typedef enum render_job_result run_fn(struct render_job *base);
typedef void end_fn(struct render_job *base, bool dropped);

static struct job *queue_with(struct fixture *f, run_fn *how, end_fn *then)
{
    struct job *job = calloc(1, sizeof(*job));

    assert_non_null(job);
    job->base = (struct render_job){.run = how, .end = then, .context = 7};
    job->f = f;
    job->number = f->queued++;
    render_thread_queue(f->thread, &job->base);
    return job;
}

static struct job *queue(struct fixture *f, run_fn *how)
{
    return queue_with(f, how, end);
}

/* Runs the loop until *what is 'count'. */
static void await_count(struct fixture *f, const unsigned *what, unsigned count)
{
    uint64_t start = units_now_ns();

    while (*what < count) {
        assert_true(sd_event_run(f->loop, 100000) >= 0);
        assert_true(units_now_ns() - start < PATIENCE_MS * UINT64_C(1000000));
    }
    assert_int_equal(*what, count);
}

static void await_atomic(const _Atomic unsigned *what, unsigned count)
{
    uint64_t start = units_now_ns();

    while (atomic_load(what) < count) {
        usleep(500);
        assert_true(units_now_ns() - start < PATIENCE_MS * UINT64_C(1000000));
    }
}

/* All but the loop's own are closed, soon. */
static void await_fds(struct fixture *f)
{
    for (unsigned i = 0; i < PATIENCE_MS && fd_count() != f->loop_fds; i++)
        usleep(1000);
    assert_int_equal(fd_count(), f->loop_fds);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return -1;
    f->fds = fd_count();
    f->watched = -1;
    if (sd_event_new(&f->loop) < 0)
        return -1;
    f->loop_fds = fd_count();
    *state = f;
    return 0;
}

static void start(struct fixture *f)
{
    f->thread = render_thread_create(f->loop, &work, f, PATIENCE_MS);
    assert_non_null(f->thread);
    assert_int_equal(f->begun, 1);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    bool balanced;

    atomic_store(&f->hold, false);
    if (!render_thread_destroy(f->thread, PATIENCE_MS))
        return -1;
    sd_event_unref(f->loop);
    if (f->watched >= 0)
        close(f->watched);
    balanced = fd_count() == f->fds;
    free(f);
    return balanced ? 0 : -1;
}

/* ---- jobs ---- */

static void test_jobs_run_and_end_in_order(void **state)
{
    struct fixture *f = *state;

    start(f);
    for (unsigned i = 0; i < MANY; i++)
        queue(f, run);
    await_count(f, &f->ended, MANY);
    assert_int_equal(f->in_order, MANY);
    assert_int_equal(f->run, MANY);
    assert_int_equal(f->dropped, 0);
    assert_int_equal(render_thread_queued(f->thread), 0);
}

/* One at a time, each from the end of the one before: the thread sleeps between. */
static void end_and_queue(struct render_job *base, bool dropped)
{
    struct fixture *f = ((struct job *)base)->f;

    end(base, dropped);
    if (f->ended < MANY)
        queue_with(f, run, end_and_queue);
}

static void test_an_end_may_queue_a_job(void **state)
{
    struct fixture *f = *state;

    start(f);
    queue_with(f, run, end_and_queue);
    await_count(f, &f->ended, MANY);
    assert_int_equal(f->in_order, MANY);
}

struct completer {
    struct render_thread *thread;
    struct job *jobs[64];
};

static void *complete_all(void *data)
{
    struct completer *c = data;

    for (unsigned i = 0; i < 64; i++)
        render_thread_complete(c->thread, &c->jobs[i]->base);
    return NULL;
}

static void test_a_job_may_be_ready_later(void **state)
{
    struct fixture *f = *state;
    struct completer c;
    pthread_t other;

    start(f);
    c.thread = f->thread;
    for (unsigned i = 0; i < 64; i++)
        c.jobs[i] = queue(f, run_later);
    queue(f, run); /* is not held up */
    await_count(f, &f->ended, 1);
    assert_int_equal(pthread_create(&other, NULL, complete_all, &c), 0);
    await_count(f, &f->ended, 65);
    pthread_join(other, NULL);
    assert_int_equal(f->dropped, 0);
}

/* ---- reset ---- */

static void test_a_reset_does_not_wait(void **state)
{
    struct fixture *f = *state;
    struct render_thread_hand hand;
    uint64_t before;

    start(f);
    atomic_store(&f->hold, true);
    queue(f, run_held);
    while (!render_thread_busy(f->thread, &hand))
        usleep(500);
    for (unsigned i = 0; i < 100; i++)
        queue(f, run);
    assert_int_equal(render_thread_queued(f->thread), 100);
    before = units_now_ns();
    render_thread_reset(f->thread);
    assert_true(units_now_ns() - before < UINT64_C(1000000000));
    assert_int_equal(f->ended, 100);
    assert_int_equal(f->dropped, 100);
    assert_int_equal(f->never_begun, 100);
    assert_int_equal(render_thread_queued(f->thread), 0);

    /* The next epoch's job waits for the one in hand, which is dropped when it comes back. */
    queue(f, run);
    atomic_store(&f->hold, false);
    await_count(f, &f->ended, 102);
    assert_int_equal(f->dropped, 101);
    assert_int_equal(f->never_begun, 100);
    assert_int_equal(f->run, 2);
}

static void test_a_reset_drops_what_is_done_already(void **state)
{
    struct fixture *f = *state;
    struct render_thread_hand hand;
    struct job *later;

    start(f);
    later = queue(f, run_later);
    queue(f, run);
    while (render_thread_queued(f->thread) > 0 || render_thread_busy(f->thread, &hand))
        usleep(500);
    render_thread_reset(f->thread);
    assert_int_equal(f->dropped, 1);
    render_thread_complete(f->thread, &later->base);
    await_count(f, &f->ended, 2);
    assert_int_equal(f->dropped, 2);
    assert_int_equal(f->never_begun, 0);
}

static void end_and_reset(struct render_job *base, bool dropped)
{
    struct render_thread *thread = ((struct job *)base)->f->thread;

    end(base, dropped);
    render_thread_reset(thread);
}

static void test_an_end_may_reset(void **state)
{
    struct fixture *f = *state;

    start(f);
    atomic_store(&f->hold, true);
    queue_with(f, run_held, end_and_reset);
    for (unsigned i = 0; i < 10; i++)
        queue(f, run);
    atomic_store(&f->hold, false);
    await_count(f, &f->ended, 11);
    assert_int_equal(f->dropped, 10);
}

/* Whatever the moment, every job ends once, and what was queued after a reset is not dropped. */
static void test_resets_at_any_moment(void **state)
{
    struct fixture *f = *state;
    unsigned queued = 0;

    start(f);
    for (unsigned i = 0; i < 500; i++) {
        for (unsigned j = 0; j < i % 7; j++, queued++)
            queue(f, run);
        if (i % 3 == 0)
            sd_event_run(f->loop, i % 5 == 0 ? 200 : 0);
        render_thread_reset(f->thread);
    }
    await_count(f, &f->ended, queued);
    f->dropped = 0;
    queue(f, run);
    await_count(f, &f->ended, queued + 1);
    assert_int_equal(f->dropped, 0);
}

/* ---- the job in hand ---- */

static void test_it_says_what_it_does(void **state)
{
    struct fixture *f = *state;
    struct render_thread_hand hand = {0}, again;
    uint64_t before = units_now_ns();

    start(f);
    assert_false(render_thread_busy(f->thread, &hand));
    atomic_store(&f->hold, true);
    queue(f, run_held);
    while (!render_thread_busy(f->thread, &hand))
        usleep(500);
    assert_int_equal(hand.context, 7);
    assert_true(hand.since_ns >= before && hand.since_ns <= units_now_ns());
    assert_true(render_thread_busy(f->thread, &again));
    assert_true(again.since_ns == hand.since_ns);
    atomic_store(&f->hold, false);
    await_count(f, &f->ended, 1);
    while (render_thread_busy(f->thread, &again))
        usleep(500);
}

/* ---- polling ---- */

static enum render_job_result run_watch(struct render_job *base)
{
    struct fixture *f = ((struct job *)base)->f;

    render_thread_watch(f->thread, f->watched, -1);
    return run(base);
}

static void test_a_descriptor_is_watched(void **state)
{
    struct fixture *f = *state;
    uint64_t one = 1;

    f->watched = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(f->watched >= 0);
    start(f);
    queue(f, run_watch);
    await_count(f, &f->ended, 1);
    assert_int_equal(f->polled, 0);
    for (unsigned i = 1; i <= 20; i++) {
        assert_int_equal(write(f->watched, &one, sizeof(one)), sizeof(one));
        await_atomic(&f->polled, i);
    }
}

static enum render_job_result run_interval(struct render_job *base)
{
    render_thread_watch(((struct job *)base)->f->thread, -1, 1);
    return run(base);
}

static void test_an_interval_does_without(void **state)
{
    struct fixture *f = *state;

    start(f);
    queue(f, run_interval);
    await_atomic(&f->polled, 10);
    await_count(f, &f->ended, 1);
}

/* A job need not let go of the thread for the library to be polled. */
static void test_a_busy_thread_polls_too(void **state)
{
    struct fixture *f = *state;

    start(f);
    queue(f, run_interval);
    for (unsigned i = 0; i < 200; i++)
        queue(f, run);
    await_count(f, &f->ended, 201);
    assert_true(atomic_load(&f->polled) >= 200);
}

/* ---- life ---- */

static void test_a_begin_may_fail(void **state)
{
    struct fixture *f = *state;

    f->begin_result = -ENODEV;
    f->thread = render_thread_create(f->loop, &work, f, PATIENCE_MS);
    assert_null(f->thread);
    assert_int_equal(errno, ENODEV);
    assert_int_equal(f->finished, 0);
}

static void test_a_begin_may_take_too_long(void **state)
{
    struct fixture *f = *state;

    atomic_store(&f->hold, true);
    f->thread = render_thread_create(f->loop, &work, f, 20);
    assert_null(f->thread);
    assert_int_equal(errno, ETIMEDOUT);
    /* It ends when it comes to itself, and gives up what it has. */
    atomic_store(&f->hold, false);
    await_atomic(&f->finished, 1);
    await_fds(f);
}

static void test_a_stuck_thread_is_left(void **state)
{
    struct fixture *f = *state;
    struct render_thread_hand hand;
    struct render_thread *stuck;
    static struct job job;

    start(f);
    atomic_store(&f->hold, true);
    job = (struct job){.base = {.run = run_held, .end = end}, .f = f};
    render_thread_queue(f->thread, &job.base);
    while (!render_thread_busy(f->thread, &hand))
        usleep(500);
    queue(f, run);
    stuck = f->thread;
    f->thread = NULL;
    assert_false(render_thread_destroy(stuck, 20));
    assert_int_equal(f->dropped, 1); /* the one that had not begun */
    atomic_store(&f->hold, false);
    await_atomic(&f->finished, 1);
    await_fds(f);
}

static void test_it_finishes(void **state)
{
    struct fixture *f = *state;

    start(f);
    for (unsigned i = 0; i < 10; i++)
        queue(f, run);
    assert_true(render_thread_destroy(f->thread, PATIENCE_MS));
    f->thread = NULL;
    assert_int_equal(f->ended, 10);
    assert_int_equal(f->dropped, 10);
    assert_int_equal(f->finished, 1);
    assert_true(render_thread_destroy(NULL, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_jobs_run_and_end_in_order),
        TEST(test_an_end_may_queue_a_job),
        TEST(test_a_job_may_be_ready_later),
        TEST(test_a_reset_does_not_wait),
        TEST(test_a_reset_drops_what_is_done_already),
        TEST(test_an_end_may_reset),
        TEST(test_resets_at_any_moment),
        TEST(test_it_says_what_it_does),
        TEST(test_a_descriptor_is_watched),
        TEST(test_an_interval_does_without),
        TEST(test_a_busy_thread_polls_too),
        TEST(test_a_begin_may_fail),
        TEST(test_a_begin_may_take_too_long),
        TEST(test_a_stuck_thread_is_left),
        TEST(test_it_finishes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
