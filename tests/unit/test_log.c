/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "heard.h"

static struct heard heard;

static unsigned lines(void)
{
    unsigned count = 0;

    for (const char *at = heard.text; *at != '\0'; at++)
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
    heard_begin(&heard);
}

static void a_line_says_who_speaks(void **state)
{
    begin(LOG_LEVEL_INFO, NULL);
    log_info("it is %d", 5);
    log_error("it is not");
    heard_end(&heard);
    assert_non_null(strstr(heard.text, " prog[role]: it is 5\n"));
    assert_non_null(strstr(heard.text, " prog[role]: error: it is not\n"));
    assert_int_equal(heard.text[2], ':'); /* begins with a time */
}

static void the_journal_gets_priorities(void **state)
{
    begin(LOG_LEVEL_INFO, "8:1");
    log_error("bad");
    log_warning("odd");
    log_info("fine");
    heard_end(&heard);
    assert_string_equal(heard.text, "<3>prog[role]: error: bad\n<4>prog[role]: warning: odd\n"
                                    "<6>prog[role]: fine\n");
}

static void levels_are_kept(void **state)
{
    enum log_level level = LOG_LEVEL_INFO;

    begin(LOG_LEVEL_WARNING, "8:1");
    log_info("no");
    log_debug("no");
    heard_end(&heard);
    assert_string_equal(heard.text, "");
    begin(LOG_LEVEL_DEBUG, "8:1");
    log_debug("yes");
    heard_end(&heard);
    assert_non_null(strstr(heard.text, "<7>prog[role]: unit/test_log.c:"));
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
    heard_end(&heard);
    assert_non_null(strstr(heard.text, "cannot: No such file or directory\n"));
}

static void a_stranger_cannot_forge_a_line(void **state)
{
    begin(LOG_LEVEL_INFO, "8:1");
    log_info("name '%s'", "x\n<0>prog: \033[31mfire\x7f");
    heard_end(&heard);
    assert_string_equal(heard.text, "<6>prog[role]: name 'x?<0>prog: ?[31mfire?'\n");
}

static void a_long_line_is_cut(void **state)
{
    char big[4000];

    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    begin(LOG_LEVEL_INFO, "8:1");
    log_info("%s", big);
    log_info("next");
    heard_end(&heard);
    assert_int_equal(lines(), 2);
    assert_true(strchr(heard.text, '\n') - heard.text < 1024);
    assert_non_null(strstr(heard.text, "\n<6>prog[role]: next\n"));
}

static void a_stranger_is_heard_a_few_times(void **state)
{
    begin(LOG_LEVEL_INFO, "8:1");
    for (unsigned i = 0; i < 1000; i++)
        log_stranger("bad number %u", i);
    heard_end(&heard);
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
    heard_end(&heard);
    assert_string_equal(heard.text,
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
