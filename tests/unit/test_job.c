/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "media/job.h"

/*
 * Built twice: as everything else, and with ThreadSanitizer, which sees what one thread does to
 * another's memory without asking.
 */
#define MOST_RUNS 64u
#define NUMBERS 4096u

struct work {
    struct job job;
    struct fixture *f;
    int name;
    bool held;                 /* it waits for 'gate' on its thread */
    sem_t began, gate;         /* it is on a thread; it may end */
    unsigned numbers[NUMBERS]; /* private state, for the thread while it runs */
    unsigned runs, dones;      /* by the thread, by the loop */
    unsigned again;            /* times that it is given once more from 'done' */
    bool masked;               /* no signal could have come to its thread */
};

struct fixture {
    sd_event *loop;
    struct job_pool pool;
    pthread_mutex_t lock;
    unsigned count;
    int order[MOST_RUNS]; /* names, as they began */
    struct work works[16];
};

static void on_thread(struct job *job)
{
    struct work *w = (struct work *)(void *)job;
    sigset_t mask;

    pthread_mutex_lock(&w->f->lock);
    if (w->f->count < MOST_RUNS)
        w->f->order[w->f->count++] = w->name;
    pthread_mutex_unlock(&w->f->lock);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    w->masked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1;
    sem_post(&w->began);
    if (w->held)
        sem_wait(&w->gate);
    w->runs++;
    for (unsigned i = 0; i < NUMBERS; i++)
        w->numbers[i] += i + 1;
}

static void on_loop(struct job *job)
{
    struct work *w = (struct work *)(void *)job;

    assert_int_equal(job->state, JOB_IDLE);
    assert_false(job_busy(job));
    w->dones++;
    assert_int_equal(w->dones, w->runs);
    assert_int_equal(w->numbers[NUMBERS - 1], NUMBERS * w->runs);
    if (w->again > 0) {
        w->again--;
        job_give(&w->f->pool, job);
    }
}

static struct fixture *begin(unsigned threads)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    log_init("test", NULL, LOG_LEVEL_ERROR);
    pthread_mutex_init(&f->lock, NULL);
    assert_true(sd_event_new(&f->loop) >= 0);
    assert_int_equal(job_pool_init(&f->pool, f->loop, threads), 0);
    for (unsigned i = 0; i < 16; i++) {
        struct work *w = &f->works[i];

        w->job = (struct job){.run = on_thread, .done = on_loop};
        w->f = f;
        w->name = (int)i;
        sem_init(&w->began, 0, 0);
        sem_init(&w->gate, 0, 0);
    }
    return f;
}

static void end(struct fixture *f)
{
    job_pool_finish(&f->pool);
    for (unsigned i = 0; i < 16; i++) {
        sem_destroy(&f->works[i].began);
        sem_destroy(&f->works[i].gate);
    }
    sd_event_unref(f->loop);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* Runs the loop until that job has been done so often, which must come. */
static void await(struct fixture *f, struct work *w, unsigned dones)
{
    uint64_t limit = units_now_ns() + 20000000000ull;

    while (w->dones < dones && units_now_ns() < limit)
        assert_true(sd_event_run(f->loop, 100000) >= 0);
    assert_int_equal(w->dones, dones);
}

/* Nothing comes to the loop now. */
static void assert_quiet(struct fixture *f)
{
    for (unsigned i = 0; i < 3; i++)
        assert_true(sd_event_run(f->loop, 1000) >= 0);
}

/* Gives a job that stays on its thread until its gate opens. */
static void give_held(struct fixture *f, struct work *w)
{
    w->held = true;
    job_give(&f->pool, &w->job);
    sem_wait(&w->began);
}

static void test_a_job_comes_back(void **state)
{
    struct fixture *f = begin(2);
    struct work *w = &f->works[0];

    assert_int_equal(job_pool_hold(&f->pool), 0);
    assert_int_equal(f->pool.started, 2);
    for (unsigned i = 1; i <= 50; i++) {
        assert_false(job_busy(&w->job));
        job_give(&f->pool, &w->job);
        assert_true(job_busy(&w->job)); /* also when it has run already: the loop has not seen it */
        await(f, w, i);
    }
    assert_true(w->masked);
    job_pool_release(&f->pool);
    assert_int_equal(f->pool.started, 0);
    end(f);
}

/* 'done' is for the loop alone: nothing happens while it does not run. */
static void test_done_waits_for_the_loop(void **state)
{
    struct fixture *f = begin(1);
    struct work *w = &f->works[0], *other = &f->works[1];

    assert_int_equal(job_pool_hold(&f->pool), 0);
    job_give(&f->pool, &w->job);
    give_held(f, other); /* one thread: the first is over */
    assert_int_equal(w->runs, 1);
    assert_int_equal(w->dones, 0);
    assert_true(job_busy(&w->job));
    sem_post(&other->gate);
    await(f, w, 1);
    await(f, other, 1);
    job_pool_release(&f->pool);
    end(f);
}

/* One with a lot to do does not keep the others from their turns. */
static void test_turns_are_fair(void **state)
{
    static const int expected[] = {15, 0, 1, 2, 0, 2, 0, 0};
    struct fixture *f = begin(1);

    assert_int_equal(job_pool_hold(&f->pool), 0);
    give_held(f, &f->works[15]);
    f->works[0].again = 3;
    f->works[2].again = 1;
    for (unsigned i = 0; i < 3; i++)
        job_give(&f->pool, &f->works[i].job);
    assert_int_equal(f->works[1].job.state, JOB_WAITING);
    sem_post(&f->works[15].gate);
    await(f, &f->works[1], 1);
    await(f, &f->works[2], 2);
    await(f, &f->works[0], 4);
    await(f, &f->works[15], 1);
    assert_int_equal(f->count, 8);
    assert_memory_equal(f->order, expected, sizeof(expected));
    job_pool_release(&f->pool);
    end(f);
}

/* As many at once as there are threads, and no more. */
static void test_all_threads_work(void **state)
{
    struct fixture *f = begin(4);

    assert_int_equal(job_pool_hold(&f->pool), 0);
    for (unsigned i = 0; i < 4; i++)
        give_held(f, &f->works[i]);
    job_give(&f->pool, &f->works[4].job);
    assert_quiet(f);
    assert_int_equal(f->works[4].job.state, JOB_WAITING);
    for (unsigned i = 0; i < 4; i++)
        sem_post(&f->works[i].gate);
    for (unsigned i = 0; i < 5; i++)
        await(f, &f->works[i], 1);
    job_pool_release(&f->pool);
    end(f);
}

static void test_take_back_one_that_waits(void **state)
{
    struct fixture *f = begin(1);
    struct work *first = &f->works[0], *second = &f->works[1], *third = &f->works[2];

    assert_int_equal(job_pool_hold(&f->pool), 0);
    give_held(f, first);
    job_give(&f->pool, &second->job);
    job_give(&f->pool, &third->job);
    job_take_back(&f->pool, &second->job);
    assert_false(job_busy(&second->job));
    sem_post(&first->gate);
    await(f, third, 1);
    await(f, first, 1);
    assert_int_equal(second->runs, 0);
    assert_int_equal(second->dones, 0);
    job_give(&f->pool, &second->job); /* it is none the worse */
    await(f, second, 1);
    job_pool_release(&f->pool);
    end(f);
}

static void *open_later(void *data)
{
    struct work *w = data;

    for (uint64_t until = units_now_ns() + 20000000; units_now_ns() < until;)
        continue;
    sem_post(&w->gate);
    return NULL;
}

static void test_take_back_one_that_runs(void **state)
{
    struct fixture *f = begin(2);
    struct work *w = &f->works[0];
    pthread_t opener;

    assert_int_equal(job_pool_hold(&f->pool), 0);
    for (unsigned i = 1; i <= 3; i++) {
        give_held(f, w);
        assert_int_equal(pthread_create(&opener, NULL, open_later, w), 0);
        job_take_back(&f->pool, &w->job);
        assert_false(job_busy(&w->job));
        assert_int_equal(w->runs, i); /* to its end */
        w->numbers[0]++;              /* ours again */
        pthread_join(opener, NULL);
    }
    assert_quiet(f);
    assert_int_equal(w->dones, 0);
    job_pool_release(&f->pool);
    end(f);
}

/* It has run, and the loop has not heard of it yet. */
static void test_take_back_one_that_has_run(void **state)
{
    struct fixture *f = begin(1);
    struct work *w = &f->works[0], *other = &f->works[1];

    assert_int_equal(job_pool_hold(&f->pool), 0);
    job_give(&f->pool, &w->job);
    give_held(f, other); /* one thread: the first is over */
    assert_int_equal(w->runs, 1);
    job_take_back(&f->pool, &w->job);
    assert_false(job_busy(&w->job));
    job_take_back(&f->pool, &w->job); /* idle: nothing */
    sem_post(&other->gate);
    await(f, other, 1);
    assert_int_equal(w->dones, 0);
    job_pool_release(&f->pool);
    end(f);
}

/* 'done' may take another one back that came to its end at the same time. */
static void take_neighbour(struct job *job)
{
    struct work *w = (struct work *)(void *)job;

    w->dones++;
    job_take_back(&w->f->pool, &w->f->works[w->name ^ 1].job);
}

static void test_done_takes_another_back(void **state)
{
    struct fixture *f = begin(1);

    assert_int_equal(job_pool_hold(&f->pool), 0);
    f->works[0].job.done = take_neighbour;
    f->works[1].job.done = take_neighbour;
    job_give(&f->pool, &f->works[0].job);
    job_give(&f->pool, &f->works[1].job);
    give_held(f, &f->works[2]);
    sem_post(&f->works[2].gate);
    await(f, &f->works[2], 1);
    assert_int_equal(f->works[0].dones, 1);
    assert_int_equal(f->works[1].runs, 1);
    assert_int_equal(f->works[1].dones, 0);
    job_pool_release(&f->pool);
    end(f);
}

/* The threads are there from the first hold to the last release, and again after that. */
static void test_holds(void **state)
{
    struct fixture *f = begin(3);
    struct work *w = &f->works[0];

    assert_int_equal(f->pool.started, 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(job_pool_hold(&f->pool), 0);
        assert_int_equal(job_pool_hold(&f->pool), 0);
        assert_int_equal(f->pool.started, 3);
        job_pool_release(&f->pool);
        assert_int_equal(f->pool.started, 3);
        job_give(&f->pool, &w->job);
        await(f, w, i);
        job_pool_release(&f->pool);
        assert_int_equal(f->pool.started, 0);
    }
    end(f);
}

/* Sixteen jobs on four threads, each given again and again and some taken back meanwhile: what one
 * thread leaves in a job's memory the next one finds. */
static void test_many(void **state)
{
    struct fixture *f = begin(4);
    unsigned taken = 0;

    assert_int_equal(job_pool_hold(&f->pool), 0);
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < 16; i++)
            if (!job_busy(&f->works[i].job))
                job_give(&f->pool, &f->works[i].job);
        assert_true(sd_event_run(f->loop, 0) >= 0);
        if (round % 3 == 0) {
            struct work *w = &f->works[round % 16];

            job_take_back(&f->pool, &w->job);
            w->dones = w->runs;
            taken++;
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        struct work *w = &f->works[i];

        while (job_busy(&w->job))
            assert_true(sd_event_run(f->loop, 100000) >= 0);
        assert_int_equal(w->dones, w->runs);
        for (unsigned k = 0; k < NUMBERS; k++)
            assert_int_equal(w->numbers[k], (k + 1) * w->runs);
    }
    assert_int_equal(taken, 67);
    job_pool_release(&f->pool);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(test_a_job_comes_back),
        FD_TEST(test_done_waits_for_the_loop),
        FD_TEST(test_turns_are_fair),
        FD_TEST(test_all_threads_work),
        FD_TEST(test_take_back_one_that_waits),
        FD_TEST(test_take_back_one_that_runs),
        FD_TEST(test_take_back_one_that_has_run),
        FD_TEST(test_done_takes_another_back),
        FD_TEST(test_holds),
        FD_TEST(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
