/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/quota.h"
#include "heard.h"

static const struct quota_row rows[] = {
    {"memory", .bytes = true, .most = 1 << 20, .windows = 4, .answer = "E", .what = "M"},
    {"things", .most = 3, .answer = "E", .what = "T"},
    {"room", .bytes = true, .most = 1 << 20, .least = 2 << 20, .answer = "E", .what = "R"},
    {NULL},
};

struct set {
    struct quota quotas[QUOTAS_MAX];
    struct quota_numbers numbers[QUOTAS_MAX];
};

static void set_init(struct set *set, uint64_t window, const uint64_t *chosen)
{
    *set = (struct set){0};
    quotas_init(set->quotas, rows, set->numbers, window, chosen);
}

static void what_is_taken_is_counted(void **state)
{
    struct set set;
    struct quota *things = &set.quotas[1];

    set_init(&set, 0, NULL);
    assert_int_equal(quota_limit(things), 3);
    assert_int_equal(quota_take(things, 2), 0);
    assert_true(quota_fits(things, 1));
    assert_false(quota_fits(things, 2));
    assert_int_equal(quota_take(things, 2), -EDQUOT);
    assert_int_equal(quota_used(things), 2); /* nothing of it was taken */
    assert_int_equal(quota_take(things, 1), 0);
    assert_int_equal(quota_take(things, 1), -EDQUOT);
    assert_int_equal(quota_take(things, 0), 0);
    quota_give(things, 3);
    assert_int_equal(quota_take(things, 1), 0);
    assert_int_equal(set.numbers[1].used, 1);
    assert_int_equal(set.numbers[1].peak, 3);
    assert_int_equal(set.numbers[1].refused, 2);
}

/* A fault of ours costs the exact count, and not the worker. */
static void no_more_is_given_than_was_taken(void **state)
{
    struct set set;
    struct quota *things = &set.quotas[1];
    struct heard heard;

    set_init(&set, 0, NULL);
    assert_int_equal(quota_take(things, 2), 0);
    quota_give(things, 2);
    assert_false(things->overdrawn);
    assert_int_equal(quota_take(things, 2), 0);
    heard_begin(&heard);
    quota_give(things, 3);
    heard_end(&heard);
    assert_true(things->overdrawn);
    assert_int_equal(quota_used(things), 0);
    assert_non_null(strstr(heard.text, "given back 3 of things where it had only 2"));
    heard_begin(&heard);
    quota_give(things, UINT64_MAX);
    heard_end(&heard);
    assert_string_equal(heard.text, ""); /* said once */
    assert_int_equal(quota_used(things), 0);
    assert_int_equal(quota_take(things, 3), 0);
    assert_int_equal(quota_take(things, 1), -EDQUOT);
}

static void sums_that_wrap_are_refused(void **state)
{
    struct set set;
    const uint64_t all[3] = {UINT64_MAX, 0, 0};

    set_init(&set, 0, all);
    assert_int_equal(quota_take(&set.quotas[0], UINT64_MAX - 1), 0);
    assert_int_equal(quota_take(&set.quotas[0], 2), -EDQUOT);
    assert_int_equal(quota_take(&set.quotas[0], UINT64_MAX), -EDQUOT);
    assert_int_equal(quota_take(&set.quotas[0], 1), 0);
    assert_int_equal(quota_used(&set.quotas[0]), UINT64_MAX);
    /* One whose limit was lowered meanwhile. */
    set.numbers[0].limit = 5;
    assert_int_equal(quota_take(&set.quotas[0], 0), -EDQUOT);
    quota_give(&set.quotas[0], UINT64_MAX);
    assert_int_equal(quota_take(&set.quotas[0], 5), 0);
}

static void defaults_follow_the_window(void **state)
{
    struct set set;
    const uint64_t chosen[3] = {0, 8, 0};

    set_init(&set, 1 << 16, chosen);
    assert_int_equal(quota_limit(&set.quotas[0]), 1 << 20);
    assert_int_equal(quota_limit(&set.quotas[1]), 8);
    assert_int_equal(quota_default(&rows[0], 1ull << 30), 4ull << 30);
    assert_true(quota_default(&rows[0], UINT64_MAX / 2) == UINT64_MAX);
    assert_int_equal(quota_default(&rows[1], 1ull << 30), 3);
}

/* Nothing is used then; what was seen is not forgotten. */
static void another_worker_begins_anew(void **state)
{
    struct set set;

    set_init(&set, 0, NULL);
    assert_int_equal(quota_take(&set.quotas[1], 3), 0);
    assert_int_equal(quota_take(&set.quotas[1], 1), -EDQUOT);
    quotas_init(set.quotas, rows, set.numbers, 0, NULL);
    assert_int_equal(set.numbers[1].used, 0);
    assert_int_equal(set.numbers[1].peak, 3);
    assert_int_equal(set.numbers[1].refused, 1);
}

static void what_is_no_limit_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "memory",
        "memory=",
        "=1",
        "thing=1",
        "things2=1",
        "memory=1k",
        "memory=-1G",
        "memory=1G2",
        "things=0",
        "things=two",
        "room=1M",
        "memory=0",
        "things= 1",
        "Things=1",
        "things=1=2",
        "memory=99999999999G",
    };
    uint64_t chosen[3] = {0};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(quotas_parse(rows, bad[i], chosen));
    assert_true(chosen[0] == 0 && chosen[1] == 0 && chosen[2] == 0);
    assert_string_equal(quotas_parse(rows, "thing=1", chosen),
                        "it must be NAME=NUMBER, and NAME is memory, things, room");
    assert_string_equal(quotas_parse(rows, "room=1M", chosen),
                        "room must be a size with a unit such as 256M, at least 2M");
    assert_null(quotas_parse(rows, "memory=64K", chosen));
    assert_null(quotas_parse(rows, "things=1", chosen));
    assert_null(quotas_parse(rows, "room=2M", chosen));
    assert_int_equal(chosen[0], 65536);
    assert_int_equal(chosen[1], 1);
    assert_int_equal(chosen[2], 2 << 20);
}

static void pieces_have_no_unit(void **state)
{
    char text[24];

    quota_format(true, 3 << 20, text);
    assert_string_equal(text, "3M");
    quota_format(true, 0, text);
    assert_string_equal(text, "0");
    quota_format(false, 3 << 20, text);
    assert_string_equal(text, "3145728");
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *take_and_give(void *data)
{
    struct quota *quota = data;

    for (unsigned i = 0; i < ROUNDS; i++)
        if (quota_take(quota, 2) == 0)
            quota_give(quota, 2);
    return NULL;
}

/* Never more than the limit, whoever takes at once, and nothing is left. */
static void threads_share_it(void **state)
{
    pthread_t threads[THREADS];
    struct set set;

    set_init(&set, 0, NULL); /* room for one of them */
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &set.quotas[1]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(set.numbers[1].used, 0);
    assert_int_equal(set.numbers[1].peak, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(what_is_taken_is_counted),   FD_TEST(no_more_is_given_than_was_taken),
        FD_TEST(sums_that_wrap_are_refused), FD_TEST(defaults_follow_the_window),
        FD_TEST(another_worker_begins_anew), FD_TEST(what_is_no_limit_is_refused),
        FD_TEST(pieces_have_no_unit),        FD_TEST(threads_share_it),
    };

    log_init("test_quota", NULL, LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
