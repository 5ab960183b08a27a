/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <stdio.h>
#include <string.h>

#include "hostblob/option_set.h"

static const char good[] = "[{\"name\":\"window\",\"argument\":\"SIZE\",\"repeats\":false},"
                           "{\"name\":\"mem-slots\",\"argument\":null,\"repeats\":false},"
                           "{\"name\":\"output\",\"argument\":\"MODE\",\"repeats\":true},"
                           "{\"name\":\"log-level\",\"argument\":\"LEVEL\",\"repeats\":false},"
                           "{\"name\":\"card\",\"argument\":\"NAME\",\"repeats\":false}]";

static void it_is_read(void **state)
{
    struct option_set set;

    assert_int_equal(option_set_parse(&set, good), 0);
    assert_int_equal(set.count, 5);
    assert_string_equal(set.rows[0].name, "window");
    assert_true(set.rows[0].argument && !set.rows[0].repeats);
    assert_false(set.rows[1].argument);
    assert_true(set.rows[2].argument && set.rows[2].repeats);
    assert_ptr_equal(option_set_find(&set, "output"), &set.rows[2]);
    assert_null(option_set_find(&set, "outpu"));
    assert_null(option_set_find(&set, ""));
}

static void nonsense_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "7",
        "[7]",
        "[{\"name\":\"a\"}]",
        "[{\"repeats\":true}]",
        "[{\"name\":7,\"repeats\":true}]",
        "[{\"name\":\"0123456789012345678901234567890123456789\",\"repeats\":true}]",
    };
    static char many[16384];
    struct option_set set;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(option_set_parse(&set, bad[i]) < 0);
    strcpy(many, "[");
    for (unsigned i = 0; i <= OPTION_SET_MAX; i++)
        strcat(many, "{\"name\":\"a\",\"repeats\":true},");
    many[strlen(many) - 1] = ']';
    assert_true(option_set_parse(&set, many) < 0);
}

static void a_typo_has_a_neighbour(void **state)
{
    static const char *const rows[][2] = {
        {"windw", "window"},        {"windows", "window"}, {"Window", "window"},
        {"memslots", "mem-slots"},  {"outptu", "output"},  {"loglevel", "log-level"},
        {"log_level", "log-level"}, {"crad", "card"},
    };
    static const char *const strange[] = {
        "", "x", "fd", "zzzzzzz", "socket", "0123456789012345678901234567890123456789012345"};
    struct option_set set;

    assert_int_equal(option_set_parse(&set, good), 0);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(option_set_nearest(&set, rows[i][0]), rows[i][1]);
    for (unsigned i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
        assert_null(option_set_nearest(&set, strange[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(it_is_read),
        FD_TEST(nonsense_is_refused),
        FD_TEST(a_typo_has_a_neighbour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
