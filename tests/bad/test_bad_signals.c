/* SPDX-License-Identifier: MIT */
#include "bad.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What ends a device program, and what does not. */

/* In the middle of things, in less than a second, with nothing left behind. */
static void the_end_is_orderly(void **state)
{
    const int signals[] = {SIGTERM, SIGINT};
    struct story *s = story(state);
    int status;

    for (unsigned i = 0; i < 2; i++) {
        pid_t worker;

        story_start(s, NULL);
        story_join(s);
        subject_bind(s);
        assert_true(subject_map(s));
        subject_work(s);
        assert_true(subject_map_begin(s) >= 0); /* and a request is under way */
        worker = story_worker(s);
        assert_int_equal(kill(s->daemon.program, signals[i]), 0);
        status =
            daemon_process_wait(&s->daemon, getenv("HOSTBLOB_TEST_SLOW") != NULL ? 5000 : 1000);
        assert_int_equal(status, 0);
        assert_false(daemon_process_alive(worker));
        assert_int_not_equal(access(s->daemon.socket_path, F_OK), 0);
        assert_int_not_equal(access(s->daemon.control_path, F_OK), 0);
        assert_int_equal(frontend_await_close(&s->frontend, 1000), 0);
        frontend_finish(&s->frontend);
        s->joined = false;
        daemon_process_finish(&s->daemon, false);
    }
    s->ended = true;
}

/* A terminal that goes, a reader that goes, and a Ctrl-C that the worker hears as well. */
static void what_is_no_end_is_ignored(void **state)
{
    struct story *s = story(state);

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    for (unsigned i = 0; i < 3; i++) {
        pid_t worker = story_worker(s);

        assert_int_equal(kill(s->daemon.program, SIGHUP), 0);
        assert_int_equal(kill(s->daemon.program, SIGPIPE), 0);
        assert_int_equal(kill(s->daemon.pid, SIGHUP), 0);
        assert_int_equal(kill(s->daemon.pid, SIGPIPE), 0);
        assert_int_equal(kill(worker, SIGHUP), 0);
        assert_int_equal(kill(worker, SIGPIPE), 0);
        assert_int_equal(kill(worker, SIGINT), 0);
        assert_int_equal(kill(worker, SIGTERM), 0);
        usleep(20000);
        subject_serves(s);
    }
    bad_afterwards(s);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_end_is_orderly, gpu_qemu_arena),
        STORY(the_end_is_orderly, gpu_qemu_single),
        STORY(the_end_is_orderly, media_qemu),
        STORY(the_end_is_orderly, media_qemu_single),
        STORY(what_is_no_end_is_ignored, gpu_qemu_arena),
        STORY(what_is_no_end_is_ignored, media_qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
