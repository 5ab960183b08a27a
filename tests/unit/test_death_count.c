/* SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include "journal/death_count.h"

enum { OTHER = 1, DEATHS = 7 };

static struct store_fixture left;

static int setup(void **state)
{
    store_fixture_init(&left);
    return fd_count_setup(state);
}

static int teardown(void **state)
{
    store_fixture_finish(&left);
    return fd_count_teardown(state);
}

/* A worker in its life 'life' comes after one that died. True: it counts that. */
static bool next(struct death_count *count, uint64_t life)
{
    store_fixture_die(&left);
    return death_count_init(count, &left.store, DEATHS, &left.running, life);
}

static void the_first_worker_has_nothing_to_count(void **state)
{
    struct death_count count;

    left.running = (struct journal_running){.tag = 5, .life = 0};
    assert_false(next(&count, 1));
    assert_false(death_count_init(&count, &left.store, DEATHS, NULL, 4));
    left.running.tag = 0; /* it died over nothing */
    assert_false(next(&count, 4));
    assert_int_equal(store_count(&left.store, DEATHS), 0);
    assert_false(death_count_is_poison(&count, 5));
    assert_false(death_count_is_poison(&count, 0));
}

static void each_life_counts_once(void **state)
{
    struct death_count count;

    left.running = (struct journal_running){.tag = 5, .life = 1};
    assert_true(next(&count, 2));
    assert_string_equal(death_count_verdict(&count), "it is carried out once more");
    assert_false(next(&count, 3)); /* the second died before it took anything up */
    assert_false(next(&count, 4));
    assert_int_equal(count.note.count, 1);
    assert_false(death_count_is_poison(&count, 5));
    assert_int_equal(store_count(&left.store, DEATHS), 1);
}

static void the_second_death_makes_poison(void **state)
{
    struct death_count count;

    left.running = (struct journal_running){.tag = 5, .life = 1};
    assert_true(next(&count, 2));
    left.running.life = 2;
    assert_true(next(&count, 3));
    assert_int_equal(count.note.count, 2);
    assert_true(death_count_is_poison(&count, 5));
    assert_false(death_count_is_poison(&count, 6));
    assert_false(death_count_is_poison(&count, 0));
    assert_string_equal(death_count_verdict(&count),
                        "it is answered with an error now, for it was not the first");
    assert_int_equal(store_count(&left.store, DEATHS), 1);
    assert_false(next(&count, 4)); /* and stays that */
    assert_true(death_count_is_poison(&count, 5));
}

static void another_request_begins_anew(void **state)
{
    struct death_count count;

    for (uint64_t life = 1; life < 3; life++) {
        left.running = (struct journal_running){.tag = 5, .life = life};
        assert_true(next(&count, life + 1));
    }
    left.running = (struct journal_running){.tag = 6, .life = 3};
    assert_true(next(&count, 4));
    assert_int_equal(count.note.count, 1);
    assert_false(death_count_is_poison(&count, 5));
    assert_false(death_count_is_poison(&count, 6));
}

static void a_strangers_note_is_nothing(void **state)
{
    struct death_note *note = calloc(1, sizeof(*note) + 8);
    struct death_count count;

    assert_non_null(note);
    *note = (struct death_note){.tag = 5, .life = 1, .count = 2};
    store_put(&left.store, DEATHS, 0, note, sizeof(*note) + 8);
    store_put(&left.store, OTHER, 0, note, sizeof(*note));
    store_commit(&left.store);
    free(note);
    assert_false(next(&count, 2));
    assert_false(death_count_is_poison(&count, 5));
    left.running = (struct journal_running){.tag = 5, .life = 2};
    assert_true(next(&count, 3)); /* in the place of the stranger's */
    assert_int_equal(count.note.count, 1);
    assert_int_equal(store_count(&left.store, DEATHS), 1);
    assert_int_equal(store_count(&left.store, OTHER), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_worker_has_nothing_to_count), TEST(each_life_counts_once),
        TEST(the_second_death_makes_poison),         TEST(another_request_begins_anew),
        TEST(a_strangers_note_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
