/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/settings.h"

static const struct options_row own_rows[] = {
    {"renderer", "NAME", "Who draws.", NULL},
    {"hidden", "NAME", NULL, NULL},
    {NULL},
};

static const struct quota_row quotas[] = {
    {.name = "things", .most = 10},
    {.name = "memory", .bytes = true, .most = 1 << 20},
    {NULL},
};

static const struct options_program program = {
    .name = "hostblob-test",
    .rows = own_rows,
    .quotas = quotas,
};

static struct journal_settings settings;
static char why[SETTINGS_TEXT];

static void expect(const char *line, const char *sentence)
{
    const struct journal_settings before = settings;

    assert_int_equal(settings_take(&settings, &program, line, why), -EINVAL);
    if (strstr(why, sentence) == NULL)
        fail_msg("\"%s\" is not in: %s", sentence, why);
    assert_memory_equal(&settings, &before, sizeof(settings));
}

static void only_one_word_is_it(void **state)
{
    assert_true(settings_is("set log-level=info"));
    assert_true(settings_is("set "));
    assert_false(settings_is("set"));
    assert_false(settings_is("settings"));
    assert_false(settings_is("output 0 off"));
}

static void what_is_right_is_taken(void **state)
{
    settings = (struct journal_settings){0};
    assert_int_equal(settings_take(&settings, &program, "set log-level=debug", why), 0);
    assert_int_equal(settings.log_level, 1 + LOG_LEVEL_DEBUG);
    assert_int_equal(settings_take(&settings, &program, "set poll=0", why), 0);
    assert_int_equal(settings.poll, 1);
    assert_int_equal(settings_take(&settings, &program, "set poll=1000", why), 0);
    assert_int_equal(settings.poll, 1001);
    assert_int_equal(settings_take(&settings, &program, "set limit=memory=4M", why), 0);
    assert_int_equal(settings.limits[0], 0);
    assert_int_equal(settings.limits[1], 4 << 20);
    assert_int_equal(settings_take(&settings, &program, "set limit=things=3", why), 0);
    assert_int_equal(settings.limits[0], 3);
}

static void what_is_wrong_changes_nothing(void **state)
{
    char line[600] = "set ";

    expect("set log-level", "KEY=VALUE");
    expect("set ", "KEY=VALUE");
    expect("set log-level=loud", "log-level=loud cannot be: it must be 'error', 'warning'");
    expect("set poll=1001", "0 (off) to 1000");
    expect("set poll=-1", "0 (off) to 1000");
    expect("set limit=4M", "NAME is things, memory");
    expect("set limit=memory=4", "at least 64K");
    expect("set window=1G", "'window' is fixed when the device starts: the guest has found");
    expect("set window=1G", "--window=");
    expect("set renderer=virgl", "'renderer' is fixed when the device starts: the guest has been");
    expect("set exporter=memfd", "'exporter' is fixed");
    expect("set answer-limit=3", "'answer-limit' is fixed when the device starts. Give");
    expect("set output=off", "there is no setting 'output'"); /* it is another program's */
    expect("set hidden=1", "there is no setting 'hidden': it is log-level=LEVEL");
    expect("set =1", "there is no setting ''");
    memset(line + 4, 'x', 500);
    line[300] = '=';
    expect(line, "there is no setting 'xxxx");
}

/* What another process has written there is believed only as far as it makes sense. */
static void only_a_level_is_applied(void **state)
{
    log_init("test", NULL, LOG_LEVEL_WARNING);
    settings = (struct journal_settings){.log_level = 0};
    settings_apply(&settings);
    assert_int_equal(log_level(), LOG_LEVEL_WARNING);
    settings.log_level = LOG_LEVEL_DEBUG + 2;
    settings_apply(&settings);
    assert_int_equal(log_level(), LOG_LEVEL_WARNING);
    settings.log_level = 1 + LOG_LEVEL_ERROR;
    settings_apply(&settings);
    assert_int_equal(log_level(), LOG_LEVEL_ERROR);
    assert_string_equal(log_level_name(log_level()), "error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(only_one_word_is_it),
        FD_TEST(what_is_right_is_taken),
        FD_TEST(what_is_wrong_changes_nothing),
        FD_TEST(only_a_level_is_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
