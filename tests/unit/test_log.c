/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static char text[8192];
static int pipe_ends[2];
static int old_stderr;

/* Standard error goes into a pipe from here on ... */
static void capture(void)
{
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
    old_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    assert_true(old_stderr >= 0);
    assert_true(dup2(pipe_ends[1], STDERR_FILENO) >= 0);
}

/* ... until here; what was said is in 'text'. */
static void captured(void)
{
    ssize_t n = read(pipe_ends[0], text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static unsigned lines(void)
{
    unsigned count = 0;

    for (const char *at = text; *at != '\0'; at++)
        count += *at == '\n';
    return count;
}

static void begin(enum log_level level, const char *journal)
{
    if (journal != NULL)
        setenv("JOURNAL_STREAM", journal, 1);
    else
        unsetenv("JOURNAL_STREAM");
    log_init("prog", "role", level);
    capture();
}

static void a_line_says_who_speaks(void **state)
{
    begin(LOG_LEVEL_INFO, NULL);
    log_info("it is %d", 5);
    log_error("it is not");
    captured();
    assert_non_null(strstr(text, " prog[role]: it is 5\n"));
    assert_non_null(strstr(text, " prog[role]: error: it is not\n"));
    assert_int_equal(text[2], ':'); /* begins with a time */
}

static void the_journal_gets_priorities(void **state)
{
    begin(LOG_LEVEL_INFO, "8:1");
    log_error("bad");
    log_warning("odd");
    log_info("fine");
    captured();
    assert_string_equal(text, "<3>prog[role]: error: bad\n<4>prog[role]: warning: odd\n"
                              "<6>prog[role]: fine\n");
}

static void levels_are_kept(void **state)
{
    enum log_level level = LOG_LEVEL_INFO;

    begin(LOG_LEVEL_WARNING, "8:1");
    log_info("no");
    log_debug("no");
    captured();
    assert_string_equal(text, "");
    begin(LOG_LEVEL_DEBUG, "8:1");
    log_debug("yes");
    captured();
    assert_non_null(strstr(text, "<7>prog[role]: unit/test_log.c:"));
    assert_int_equal(log_level_parse("error", &level), 0);
    assert_int_equal(level, LOG_LEVEL_ERROR);
    assert_int_equal(log_level_parse("debug", &level), 0);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("loud", &level), -EINVAL);
    assert_int_equal(log_level_parse("", &level), -EINVAL);
}

static void errno_is_kept_and_shown(void **state)
{
    begin(LOG_LEVEL_INFO, "8:1");
    errno = ENOENT;
    log_info("cannot: %m");
    assert_int_equal(errno, ENOENT);
    captured();
    assert_non_null(strstr(text, "cannot: No such file or directory\n"));
}

static void a_stranger_cannot_forge_a_line(void **state)
{
    begin(LOG_LEVEL_INFO, "8:1");
    log_info("name '%s'", "x\n<0>prog: \033[31mfire\x7f");
    captured();
    assert_string_equal(text, "<6>prog[role]: name 'x?<0>prog: ?[31mfire?'\n");
}

static void a_long_line_is_cut(void **state)
{
    char big[4000];

    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    begin(LOG_LEVEL_INFO, "8:1");
    log_info("%s", big);
    log_info("next");
    captured();
    assert_int_equal(lines(), 2);
    assert_true(strchr(text, '\n') - text < 1024);
    assert_non_null(strstr(text, "\n<6>prog[role]: next\n"));
}

static void a_stranger_is_heard_a_few_times(void **state)
{
    begin(LOG_LEVEL_INFO, "8:1");
    for (unsigned i = 0; i < 1000; i++)
        log_stranger("bad number %u", i);
    captured();
    assert_int_equal(lines(), LOG_LIMIT_BURST);
}

static void what_was_left_out_is_counted(void **state)
{
    struct log_limit limit = {0};
    unsigned allowed = 0;

    begin(LOG_LEVEL_INFO, "8:1");
    for (unsigned i = 0; i < LOG_LIMIT_BURST + 7; i++)
        allowed += log_limit_allows(&limit);
    assert_int_equal(allowed, LOG_LIMIT_BURST);
    limit.window_start -= LOG_LIMIT_SECONDS; /* time passes */
    assert_true(log_limit_allows(&limit));
    captured();
    assert_string_equal(text,
                        "<4>prog[role]: warning: 7 lines such as the next one were left out\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_line_says_who_speaks),
        FD_TEST(the_journal_gets_priorities),
        FD_TEST(levels_are_kept),
        FD_TEST(errno_is_kept_and_shown),
        FD_TEST(a_stranger_cannot_forge_a_line),
        FD_TEST(a_long_line_is_cut),
        FD_TEST(a_stranger_is_heard_a_few_times),
        FD_TEST(what_was_left_out_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
