/* SPDX-License-Identifier: MIT */
#include "tests/unit/render_fixture.h"

#include "gpu/watchdog.h"
#include "tests/unit/heard.h"

#define MS UINT64_C(1000000)

/* The device's thread runs a job that asks a context's process something and waits. */
struct fixture {
    struct render_fixture render;
    struct render_thread *thread;
    struct watchdog *watchdog;
    int contexts[2]; /* of the ids 1 and 2 */
};

struct ask_job {
    struct render_job job;
    int socket;
    char word;
    unsigned sleep_ms;
    bool ended, answered;
    uint64_t took_ns;
};

/* Sooner than the usual ones, and far enough apart to be told from each other. */
static const struct watchdog_limits limits = {
    .first = 200, .look = 100, .work = 2000, .own = 400, .again = 60000};

static enum render_job_result run_ask(struct render_job *job)
{
    struct ask_job *ask = (struct ask_job *)(void *)job;
    struct fake_context_answer answer;
    uint64_t began = units_now_ns();

    usleep(ask->sleep_ms * 1000);
    if (ask->socket >= 0)
        ask->answered = send(ask->socket, &ask->word, 1, MSG_NOSIGNAL) == 1 &&
                        recv(ask->socket, &answer, sizeof(answer), 0) == sizeof(answer);
    ask->took_ns = units_now_ns() - began;
    return RENDER_JOB_DONE;
}

static void end_ask(struct render_job *job, bool dropped)
{
    struct ask_job *ask = (struct ask_job *)(void *)job;
    ask->ended = true;
}

static void init(struct fixture *f)
{
    static const struct render_thread_work work = {0};

    *f = (struct fixture){0};
    fixture_init(&f->render);
    fixture_say_init(&f->render, 0);
    f->contexts[0] = fixture_create(&f->render, 1, "one");
    f->contexts[1] = fixture_create(&f->render, 2, "two");
    f->thread = render_thread_create(f->render.loop, &work, f, 1000);
    assert_non_null(f->thread);
    f->watchdog = watchdog_create(f->render.loop, f->thread, f->render.server, &limits);
    assert_non_null(f->watchdog);
}

static void finish(struct fixture *f)
{
    watchdog_destroy(f->watchdog);
    assert_true(render_thread_destroy(f->thread, 1000));
    close(f->contexts[0]);
    close(f->contexts[1]);
    fixture_finish(&f->render);
}

static void queue(struct fixture *f, struct ask_job *ask)
{
    ask->job.run = run_ask;
    ask->job.end = end_ask;
    render_thread_queue(f->thread, &ask->job);
    watchdog_wake(f->watchdog);
}

static void await(struct fixture *f, const struct ask_job *ask)
{
    uint64_t end = units_now_ns() + PATIENCE_NS;

    while (!ask->ended) {
        assert_true(units_now_ns() < end);
        fixture_run(&f->render);
    }
}

static pid_t pid_of(struct fixture *f, uint32_t ctx_id)
{
    struct render_suspect suspect;

    assert_true(render_server_suspect(f->render.server, ctx_id, &suspect));
    return suspect.pid;
}

static void a_stopped_process_is_killed_soon(void **state)
{
    struct fixture f;
    struct ask_job one = {.job.context = 1, .word = '?'}, two = {.job.context = 2, .word = '?'};
    uint64_t began;

    init(&f);
    one.socket = f.contexts[0];
    two.socket = f.contexts[1];
    kill(pid_of(&f, 1), SIGSTOP);
    began = units_now_ns();
    queue(&f, &one);
    queue(&f, &two);
    await(&f, &two);
    assert_false(one.answered);
    assert_true(two.answered);
    assert_true(units_now_ns() - began >= limits.first * MS);
    assert_true(units_now_ns() - began < limits.work * MS);
    fixture_await_lost(&f.render, 1);
    assert_int_equal(f.render.lost, 1);
    finish(&f);
}

static void one_that_sleeps_is_killed_at_the_second_look(void **state)
{
    struct fixture f;
    struct ask_job ask = {.job.context = 1, .word = 's'};

    init(&f);
    ask.socket = f.contexts[0];
    queue(&f, &ask);
    await(&f, &ask);
    assert_false(ask.answered);
    assert_true(ask.took_ns >= (limits.first + limits.look - 10) * MS);
    assert_true(ask.took_ns < limits.work * MS);
    fixture_await_lost(&f.render, 1);
    finish(&f);
}

static void one_that_works_is_given_time(void **state)
{
    struct fixture f;
    struct ask_job ask = {.job.context = 1, .word = 'l'};

    init(&f);
    ask.socket = f.contexts[0];
    queue(&f, &ask);
    await(&f, &ask);
    assert_true(ask.answered);
    assert_true(ask.took_ns >= FAKE_LONG_NS);
    assert_int_equal(f.render.lost_count, 0);
    finish(&f);
}

static void but_not_for_ever(void **state)
{
    struct fixture f;
    struct ask_job ask = {.job.context = 1, .word = 'w'};

    init(&f);
    ask.socket = f.contexts[0];
    queue(&f, &ask);
    await(&f, &ask);
    assert_false(ask.answered);
    assert_true(ask.took_ns >= limits.work * MS);
    fixture_await_lost(&f.render, 1);
    finish(&f);
}

/* A call for nobody in particular: unref of what several contexts have. */
static void a_call_for_no_context_may_wait_for_any(void **state)
{
    struct fixture f;
    struct ask_job ask = {.word = '?'};

    init(&f);
    ask.socket = f.contexts[1];
    kill(pid_of(&f, 2), SIGSTOP);
    queue(&f, &ask);
    await(&f, &ask);
    assert_false(ask.answered);
    fixture_await_lost(&f.render, 1);
    assert_int_equal(f.render.lost, 2);
    finish(&f);
}

static void nobody_is_killed_for_our_own_process(void **state)
{
    struct fixture f;
    struct ask_job ask = {.job.context = 77, .socket = -1, .sleep_ms = 1000};
    struct heard heard;

    init(&f);
    heard_begin(&heard);
    queue(&f, &ask);
    await(&f, &ask);
    heard_end(&heard);
    assert_non_null(strstr(heard.text, "a call for context 77"));
    assert_null(strstr(strstr(heard.text, "stuck") + 1, "stuck")); /* said once */
    assert_int_equal(f.render.lost_count, 0);
    finish(&f);
}

/* Each of many calls is short; all together they last. */
static void many_short_calls_are_not_one_long_one(void **state)
{
    struct fixture f;
    struct ask_job asks[20];

    init(&f);
    for (unsigned i = 0; i < 20; i++) {
        asks[i] = (struct ask_job){
            .job.context = 1, .socket = f.contexts[0], .word = '?', .sleep_ms = 50};
        queue(&f, &asks[i]);
    }
    await(&f, &asks[19]);
    for (unsigned i = 0; i < 20; i++)
        assert_true(asks[i].answered);
    assert_int_equal(f.render.lost_count, 0);
    finish(&f);
}

static void an_idle_thread_wakes_nobody(void **state)
{
    struct fixture f;
    struct ask_job ask = {.job.context = 1, .word = '?'};
    uint64_t began;

    init(&f);
    ask.socket = f.contexts[0];
    queue(&f, &ask);
    await(&f, &ask);
    began = units_now_ns();
    while (sd_event_run(f.render.loop, 800000) > 0)
        assert_true(units_now_ns() - began < PATIENCE_NS);
    /* Nothing for 0.8 s, which is longer than any look is away. And then again it looks. */
    ask.ended = false;
    ask.word = 's';
    queue(&f, &ask);
    await(&f, &ask);
    assert_false(ask.answered);
    fixture_await_lost(&f.render, 1);
    finish(&f);
}

static void a_hanging_server_is_replaced(void **state)
{
    struct fixture f;
    struct ask_job ask = {.job.context = 9, .socket = -1, .sleep_ms = 900};

    init(&f);
    /* What the library does inside that call. */
    fixture_say_create(&f.render, 9, "hang");
    queue(&f, &ask);
    assert_int_equal(fixture_created(&f.render), -1);
    assert_true(render_server_starts(f.render.server) >= 2);
    assert_int_equal(f.render.lost_count, 0);
    await(&f, &ask);
    finish(&f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_stopped_process_is_killed_soon),
        FD_TEST(one_that_sleeps_is_killed_at_the_second_look),
        FD_TEST(one_that_works_is_given_time),
        FD_TEST(but_not_for_ever),
        FD_TEST(a_call_for_no_context_may_wait_for_any),
        FD_TEST(nobody_is_killed_for_our_own_process),
        FD_TEST(many_short_calls_are_not_one_long_one),
        FD_TEST(an_idle_thread_wakes_nobody),
        FD_TEST(a_hanging_server_is_replaced),
    };

    fake_render_server_maybe(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
