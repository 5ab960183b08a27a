/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>

#include "base/shelf_drops.h"

static uint64_t dropped[2 * SHELF_DROPS_MAX];
static unsigned count;

static void on_drop(struct shelf *shelf, uint64_t key)
{
    assert_true(count < sizeof(dropped) / sizeof(dropped[0]));
    dropped[count++] = key;
}

static struct shelf shelf = {.drop = on_drop};

static void keys_wait_for_the_commit(void **state)
{
    struct shelf_drops drops;
    uint64_t a = 5, none = 0, b = 6;

    count = 0;
    shelf_drops_init(&drops, &shelf);
    shelf_drops_add(&drops, &a);
    shelf_drops_add(&drops, &none);
    shelf_drops_add(&drops, &b);
    assert_int_equal(count, 0);
    assert_int_equal(a, 0); /* it is nobody's any more */
    shelf_drops_carry_out(&drops);
    assert_int_equal(count, 2);
    assert_int_equal(dropped[0], 5);
    assert_int_equal(dropped[1], 6);
    shelf_drops_carry_out(&drops); /* each once */
    assert_int_equal(count, 2);
}

static void it_says_when_it_is_full(void **state)
{
    struct shelf_drops drops;

    count = 0;
    shelf_drops_init(&drops, &shelf);
    for (uint64_t i = 0; i < SHELF_DROPS_MAX; i++) {
        uint64_t key = 100 + i;

        assert_false(shelf_drops_is_full(&drops));
        shelf_drops_add(&drops, &key);
    }
    assert_true(shelf_drops_is_full(&drops));
    shelf_drops_carry_out(&drops);
    assert_false(shelf_drops_is_full(&drops));
    assert_int_equal(count, SHELF_DROPS_MAX);
    assert_int_equal(dropped[SHELF_DROPS_MAX - 1], 100 + SHELF_DROPS_MAX - 1);
}

static void without_a_shelf_nothing_happens(void **state)
{
    struct shelf_drops drops;
    uint64_t key = 5;

    shelf_drops_init(&drops, NULL);
    shelf_drops_add(&drops, &key);
    shelf_drops_carry_out(&drops);
    assert_int_equal(key, 0);
    assert_int_equal(shelf_put(NULL, 1), 0);
    assert_int_equal(shelf_take(NULL, 5), -ENOENT);
    assert_int_equal(shelf_take(&shelf, 0), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(keys_wait_for_the_commit),
        FD_TEST(it_says_when_it_is_full),
        FD_TEST(without_a_shelf_nothing_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
