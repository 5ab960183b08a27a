/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/trial.h"
#include "base/units.h"

static int works(void *data, char *text, size_t size)
{
    snprintf(text, size, "seen with %s", (const char *)data);
    *(char *)data = 'x'; /* in the copy only */
    return 0;
}

static int refuses(void *data, char *text, size_t size)
{
    memset(text, 'y', size); /* no end to it */
    return -EPERM;
}

static int crashes(void *data, char *text, size_t size)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return 0;
}

static int exits(void *data, char *text, size_t size)
{
    _exit(3);
}

static int hangs(void *data, char *text, size_t size)
{
    signal(SIGTERM, SIG_IGN);
    for (;;)
        pause();
    return 0;
}

static void assert_no_child(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void an_outcome_comes_back(void **state)
{
    char data[] = "care", text[64] = "", long_text[TRIAL_TEXT] = "";

    assert_int_equal(trial_run(works, data, 5, text, sizeof(text)), 0);
    assert_string_equal(text, "seen with care");
    assert_string_equal(data, "care");
    assert_int_equal(trial_run(refuses, NULL, 5, text, sizeof(text)), -EPERM);
    assert_int_equal(strlen(text), sizeof(text) - 1);
    assert_int_equal(trial_run(refuses, NULL, 5, long_text, sizeof(long_text)), -EPERM);
    assert_int_equal(strlen(long_text), sizeof(long_text) - 1);
    assert_no_child();
}

static void a_death_is_told(void **state)
{
    char text[64] = "";

    assert_int_equal(trial_run(crashes, NULL, 5, text, sizeof(text)), -EFAULT);
    assert_string_equal(text, "the trial was killed by signal 11 (SEGV)");
    assert_int_equal(trial_run(exits, NULL, 5, text, sizeof(text)), -EFAULT);
    assert_string_equal(text, "the trial ended with status 3");
    assert_no_child();
}

static void a_hang_is_ended(void **state)
{
    uint64_t before = units_now_ns();
    char text[64] = "";

    assert_int_equal(trial_run(hangs, NULL, 1, text, sizeof(text)), -ETIMEDOUT);
    assert_string_equal(text, "the trial did not end within 1 s");
    assert_in_range(units_now_ns() - before, 900000000, UINT64_C(4000000000));
    assert_no_child();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(an_outcome_comes_back),
        FD_TEST(a_death_is_told),
        FD_TEST(a_hang_is_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
