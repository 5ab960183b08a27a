/* SPDX-License-Identifier: MIT */
#include "tests/unit/render_fixture.h"

#include <fcntl.h>

#include "base/log.h"

#define FLAGS 0x5c3u

static void a_context_is_made_through_the_relay(void **state)
{
    struct render_fixture f;
    struct render_suspect suspect;
    struct fake_context_answer answer;
    int context;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    context = fixture_create(&f, 7, "plain");
    assert_true(context >= 0);
    answer = fixture_ask(context);
    assert_int_equal(answer.ctx_id, 7);
    assert_int_equal(answer.init_flags, FLAGS);
    assert_string_equal(answer.environment, "ours");
    assert_true(render_server_suspect(f.server, 7, &suspect));
    assert_int_equal(suspect.pid, answer.pid);
    assert_false(render_server_suspect(f.server, 8, &suspect));
    assert_int_equal(render_server_starts(f.server), 1);
    close(context);
    fixture_finish(&f);
}

static void each_context_has_its_own_process(void **state)
{
    struct render_fixture f;
    struct render_suspect suspect = {0};
    int contexts[20];

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    for (uint32_t i = 0; i < 20; i++)
        contexts[i] = fixture_create(&f, i + 1, "many");
    for (uint32_t i = 0; i < 20; i++) {
        assert_true(render_server_next(f.server, i, &suspect));
        assert_int_equal(suspect.ctx_id, i + 1);
        assert_int_equal(suspect.pid, fixture_ask(contexts[i]).pid);
        close(contexts[i]);
    }
    assert_false(render_server_next(f.server, 20, &suspect));
    fixture_finish(&f);
    assert_int_equal(f.lost_count, 0);
}

static void a_refusal_is_passed_on(void **state)
{
    struct render_fixture f;
    int context;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    assert_int_equal(fixture_create(&f, 1, "refuse"), -1);
    context = fixture_create(&f, 2, "next");
    assert_int_equal(fixture_ask(context).ctx_id, 2);
    close(context);
    fixture_finish(&f);
}

static void destroying_a_context_is_no_loss(void **state)
{
    struct render_fixture f;
    struct render_suspect suspect;
    pid_t pid;
    int context;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    context = fixture_create(&f, 1, "one");
    pid = fixture_ask(context).pid;
    fixture_say_destroy(&f, 1);
    fixture_await_end(&f, pid);
    fixture_run(&f);
    assert_int_equal(f.lost_count, 0);
    assert_false(render_server_suspect(f.server, 1, &suspect));
    close(context);

    /* The id may be used again. */
    context = fixture_create(&f, 1, "again");
    assert_true(render_server_suspect(f.server, 1, &suspect));
    assert_int_equal(suspect.pid, fixture_ask(context).pid);
    close(context);
    fixture_finish(&f);
    assert_int_equal(f.lost_count, 0);
}

static void a_reset_ends_every_context(void **state)
{
    struct render_fixture f;
    uint32_t reset = RENDER_WIRE_RESET;
    pid_t pids[3];
    int contexts[3];

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    for (uint32_t i = 0; i < 3; i++) {
        contexts[i] = fixture_create(&f, i + 1, "reset");
        pids[i] = fixture_ask(contexts[i]).pid;
    }
    fixture_say(&f, &reset, sizeof(reset));
    for (unsigned i = 0; i < 3; i++) {
        fixture_await_end(&f, pids[i]);
        close(contexts[i]);
    }
    fixture_run(&f);
    assert_int_equal(f.lost_count, 0);
    fixture_finish(&f);
}

static void a_killed_process_is_a_lost_context(void **state)
{
    struct render_fixture f;
    int one, two;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    one = fixture_create(&f, 1, "one");
    two = fixture_create(&f, 2, "two");
    kill(fixture_ask(one).pid, SIGKILL);
    fixture_await_lost(&f, 1);
    assert_int_equal(f.lost, 1);
    assert_int_equal(fixture_ask(two).ctx_id, 2);
    assert_int_equal(render_server_starts(f.server), 1);
    close(one);
    close(two);
    fixture_finish(&f);
}

static void a_stopped_process_can_be_killed(void **state)
{
    struct render_fixture f;
    struct render_suspect suspect;
    int one;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    one = fixture_create(&f, 1, "one");
    assert_true(render_server_suspect(f.server, 1, &suspect));
    kill(suspect.pid, SIGSTOP);
    render_server_kill(f.server, &suspect);
    fixture_await_lost(&f, 1);
    assert_int_equal(f.lost, 1);
    close(one);
    fixture_finish(&f);
}

static void a_dead_server_is_started_again(void **state)
{
    struct render_fixture f;
    struct fake_context_answer answer;
    pid_t server, first;
    int one, two;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    one = fixture_create(&f, 1, "one");
    first = fixture_ask(one).pid;
    server = fixture_server_pid(&f);
    assert_int_not_equal(server, 0);
    kill(server, SIGKILL);
    fixture_await_end(&f, server);

    /* What was there goes on; what is new comes from a server that was told the same. */
    assert_int_equal(fixture_ask(one).pid, first);
    two = fixture_create(&f, 2, "two");
    assert_true(two >= 0);
    answer = fixture_ask(two);
    assert_int_equal(answer.init_flags, FLAGS);
    assert_int_equal(render_server_starts(f.server), 2);
    assert_int_equal(f.lost_count, 0);

    /* The context of the dead server can still be destroyed, and leaves nothing. */
    fixture_say_destroy(&f, 1);
    fixture_await_end(&f, first);
    assert_int_equal(f.lost_count, 0);
    close(one);
    close(two);
    fixture_finish(&f);
}

static void an_orphan_that_dies_is_lost_and_reaped(void **state)
{
    struct render_fixture f;
    pid_t server, first;
    int one;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    one = fixture_create(&f, 1, "one");
    first = fixture_ask(one).pid;
    server = fixture_server_pid(&f);
    kill(server, SIGKILL);
    fixture_await_end(&f, server);
    kill(first, SIGKILL);
    fixture_await_lost(&f, 1);
    fixture_await_end(&f, first);
    close(one);
    fixture_finish(&f);
}

static void both_dying_at_once_leave_no_zombie(void **state)
{
    struct render_fixture f;
    pid_t server, first;
    int one;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    one = fixture_create(&f, 1, "one");
    first = fixture_ask(one).pid;
    server = fixture_server_pid(&f);
    kill(server, SIGSTOP); /* so that it cannot reap */
    kill(first, SIGKILL);
    fixture_await_lost(&f, 1);
    kill(server, SIGKILL);
    fixture_await_end(&f, server);
    fixture_await_end(&f, first);
    close(one);
    fixture_finish(&f);
}

static void a_question_is_asked_again_of_the_next_server(void **state)
{
    struct render_fixture f;
    char path[] = "/tmp/hostblob-XXXXXX";
    int context;

    close(mkstemp(path));
    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    context = fixture_create(&f, 3, path); /* the server that unlinks it dies of it */
    assert_true(context >= 0);
    assert_int_equal(fixture_ask(context).init_flags, FLAGS);
    assert_int_equal(render_server_starts(f.server), 2);
    close(context);
    fixture_finish(&f);
}

static void a_question_that_kills_servers_is_refused(void **state)
{
    struct render_fixture f;
    uint64_t began;
    int context;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    assert_int_equal(fixture_create(&f, 3, "crash"), -1);
    assert_int_equal(render_server_starts(f.server), 2);
    /* The next is not made to wait while no server runs. */
    began = units_now_ns();
    context = fixture_create(&f, 4, "meanwhile");
    assert_true(units_now_ns() - began < UINT64_C(2000000000));
    fd_close(&context);
    /* And then it works again. */
    while (render_server_starts(f.server) < 3 && units_now_ns() - began < PATIENCE_NS)
        fixture_run(&f);
    context = fixture_create(&f, 5, "later");
    assert_int_equal(fixture_ask(context).ctx_id, 5);
    close(context);
    fixture_finish(&f);
}

static void a_process_without_an_answer_is_not_left_behind(void **state)
{
    struct render_fixture f;
    pid_t children[8];

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    assert_int_equal(fixture_create(&f, 3, "crash after"), -1);
    for (unsigned i = 0; i < 100; i++)
        fixture_run(&f);
    /* At most the new server. */
    assert_true(process_info_children(getpid(), children, 8) <= 1);
    assert_int_equal(f.lost_count, 0);
    fixture_finish(&f);
}

/* The library would take it for the answer to its next question. */
static void an_answer_without_a_question_is_not_passed_on(void **state)
{
    struct render_fixture f;
    int one, two;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    one = fixture_create(&f, 1, "twice");
    assert_int_equal(fixture_ask(one).ctx_id, 1);
    while (render_server_starts(f.server) < 2)
        fixture_run(&f);
    two = fixture_create(&f, 2, "two");
    assert_true(two >= 0);
    assert_int_equal(fixture_ask(two).ctx_id, 2);
    close(one);
    close(two);
    fixture_finish(&f);
}

static void a_server_that_hangs_is_the_suspect(void **state)
{
    struct render_fixture f;
    struct render_suspect suspect;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    fixture_say_create(&f, 9, "hang");
    while (!render_server_suspect(f.server, 9, &suspect))
        fixture_run(&f);
    assert_int_equal(suspect.ctx_id, 0);
    assert_int_equal(suspect.pid, fixture_server_pid(&f));
    render_server_kill(f.server, &suspect);
    while (render_server_starts(f.server) < 2 || !render_server_suspect(f.server, 9, &suspect))
        fixture_run(&f);
    render_server_kill(f.server, &suspect);
    assert_int_equal(fixture_created(&f), -1);
    fixture_finish(&f);
}

static void a_server_that_does_not_read_is_replaced(void **state)
{
    struct render_fixture f;
    struct render_wire_destroy_context m = {RENDER_WIRE_DESTROY_CONTEXT, 50};
    pid_t first;
    int one, two;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    one = fixture_create(&f, 1, "one");
    first = fixture_ask(one).pid;
    kill(fixture_server_pid(&f), SIGSTOP);
    for (unsigned i = 0; i < 100000 && render_server_starts(f.server) < 2; i++) {
        send(f.library, &m, sizeof(m), MSG_NOSIGNAL | MSG_DONTWAIT);
        sd_event_run(f.loop, 0);
    }
    assert_int_equal(render_server_starts(f.server), 2);
    while (sd_event_run(f.loop, 100000) > 0) /* there is room for more to be said */
        ;
    two = fixture_create(&f, 2, "two");
    assert_int_equal(fixture_ask(two).init_flags, FLAGS);
    assert_int_equal(fixture_ask(one).pid, first);
    assert_int_equal(f.lost_count, 0);
    close(one);
    close(two);
    fixture_finish(&f);
}

static void a_library_that_connects_anew_finds_nothing_old(void **state)
{
    struct render_fixture f;
    pid_t first;
    int one, last;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    one = fixture_create(&f, 1, "one");
    first = fixture_ask(one).pid;
    last = f.library;
    f.library = render_server_connect(f.server);
    close(last);
    close(one);
    fixture_await_end(&f, first);
    fixture_say_init(&f, FLAGS + 1);
    one = fixture_create(&f, 1, "anew");
    assert_true(one >= 0);
    assert_int_equal(fixture_ask(one).init_flags, FLAGS + 1);
    assert_int_equal(render_server_starts(f.server), 2);
    assert_int_equal(f.lost_count, 0);
    close(one);
    fixture_finish(&f);
}

static void a_library_that_goes_ends_the_server(void **state)
{
    struct render_fixture f;
    pid_t server;

    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    close(fixture_create(&f, 1, "one"));
    server = fixture_server_pid(&f);
    fd_close(&f.library);
    fixture_await_end(&f, server);
    assert_int_equal(render_server_starts(f.server), 1);
    fixture_finish(&f);
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned count = 0;

    for (text = strstr(text, what); text != NULL; text = strstr(text + 1, what))
        count++;
    return count;
}

static void what_it_prints_is_in_the_log(void **state)
{
    static char text[65536];
    struct render_fixture f;
    int ends[2], context, old = dup(STDERR_FILENO);
    ssize_t n;

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    dup2(ends[1], STDERR_FILENO);
    fixture_init(&f);
    fixture_say_init(&f, FLAGS);
    context = fixture_create(&f, 1, "talk"); /* which nobody is made to wait for */
    for (unsigned i = 0; i < 300; i++)
        sd_event_run(f.loop, 0);
    fixture_finish(&f);
    dup2(old, STDERR_FILENO);
    assert_true(context >= 0);
    n = read(ends[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_int_equal(count_of(text, "Render server: this is line? "), LOG_LIMIT_BURST);
    assert_non_null(strstr(text, "Render server: this is line? 0 of many\n"));
    close(context);
    close(old);
    close(ends[0]);
    close(ends[1]);
}

static void without_a_program_there_is_none(void **state)
{
    static const struct render_server_options options = {0};
    sd_event *loop;

    assert_true(sd_event_new(&loop) >= 0);
    setenv("RENDER_SERVER_EXEC_PATH", "/nonexistent/server", 1);
    assert_null(render_server_create(loop, &options, fixture_lost, NULL));
    assert_int_equal(errno, ENOENT);
    unsetenv("RENDER_SERVER_EXEC_PATH");
    sd_event_unref(loop);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_context_is_made_through_the_relay),
        FD_TEST(each_context_has_its_own_process),
        FD_TEST(a_refusal_is_passed_on),
        FD_TEST(destroying_a_context_is_no_loss),
        FD_TEST(a_reset_ends_every_context),
        FD_TEST(a_killed_process_is_a_lost_context),
        FD_TEST(a_stopped_process_can_be_killed),
        FD_TEST(a_dead_server_is_started_again),
        FD_TEST(an_orphan_that_dies_is_lost_and_reaped),
        FD_TEST(both_dying_at_once_leave_no_zombie),
        FD_TEST(a_question_is_asked_again_of_the_next_server),
        FD_TEST(a_question_that_kills_servers_is_refused),
        FD_TEST(a_process_without_an_answer_is_not_left_behind),
        FD_TEST(an_answer_without_a_question_is_not_passed_on),
        FD_TEST(a_server_that_hangs_is_the_suspect),
        FD_TEST(a_server_that_does_not_read_is_replaced),
        FD_TEST(a_library_that_connects_anew_finds_nothing_old),
        FD_TEST(a_library_that_goes_ends_the_server),
        FD_TEST(what_it_prints_is_in_the_log),
        FD_TEST(without_a_program_there_is_none),
    };

    fake_render_server_maybe(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
