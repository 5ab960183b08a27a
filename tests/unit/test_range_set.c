/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>

#include "base/range_set.h"

static void neighbours_do_not_overlap(void **state)
{
    struct range a = {.start = 100, .size = 50};
    struct range b = {.start = 150, .size = 50};
    struct range c = {.start = 90, .size = 10};
    struct range_set set;

    range_set_init(&set);
    assert_int_equal(range_set_add(&set, &a), 0);
    assert_int_equal(range_set_add(&set, &b), 0);
    assert_int_equal(range_set_add(&set, &c), 0);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.bytes, 110);
    assert_ptr_equal(range_set_first(&set), &c);
    assert_ptr_equal(range_set_next(&c), &a);
    assert_ptr_equal(range_set_next(&a), &b);
    assert_null(range_set_next(&b));
    range_set_remove(&set, &a);
    assert_int_equal(set.count, 2);
    assert_int_equal(set.bytes, 60);
    assert_null(range_set_at(&set, 100));
}

static void overlap_is_refused(void **state)
{
    static const struct {
        uint64_t start, size;
    } bad[] = {{100, 50}, {99, 2},   {149, 1},  {0, 101},
               {100, 1},  {0, 1000}, {120, 10}, {149, 10000}};
    struct range a = {.start = 100, .size = 50};
    struct range_set set;

    range_set_init(&set);
    assert_int_equal(range_set_add(&set, &a), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct range range = {.start = bad[i].start, .size = bad[i].size};

        assert_int_equal(range_set_add(&set, &range), -EEXIST);
    }
    assert_int_equal(set.count, 1);
    assert_int_equal(set.bytes, 50);
}

static void what_is_no_range_is_refused(void **state)
{
    struct range empty = {.start = 5};
    struct range wraps = {.start = UINT64_MAX, .size = 1};
    struct range last = {.start = UINT64_MAX - 1, .size = 1};
    struct range all = {.start = 0, .size = UINT64_MAX};
    struct range_set set;

    range_set_init(&set);
    assert_int_equal(range_set_add(&set, &empty), -EINVAL);
    assert_int_equal(range_set_add(&set, &wraps), -EINVAL);
    wraps = (struct range){.start = 2, .size = UINT64_MAX - 1};
    assert_int_equal(range_set_add(&set, &wraps), -EINVAL);
    assert_int_equal(range_set_add(&set, &last), 0);
    assert_int_equal(range_set_add(&set, &all), -EEXIST);
    assert_ptr_equal(range_set_overlap(&set, 0, UINT64_MAX), &last);
    range_set_remove(&set, &last);
    assert_int_equal(range_set_add(&set, &all), 0);
    assert_ptr_equal(range_set_at(&set, UINT64_MAX - 1), &all);
    assert_null(range_set_at(&set, UINT64_MAX));
}

static void points_and_spans_are_found(void **state)
{
    struct range a = {.start = 10, .size = 10};
    struct range b = {.start = 30, .size = 10};
    struct range_set set;

    range_set_init(&set);
    assert_null(range_set_at(&set, 0));
    range_set_add(&set, &b);
    range_set_add(&set, &a);
    assert_null(range_set_at(&set, 9));
    assert_ptr_equal(range_set_at(&set, 10), &a);
    assert_ptr_equal(range_set_at(&set, 19), &a);
    assert_null(range_set_at(&set, 20));
    assert_ptr_equal(range_set_at(&set, 39), &b);
    assert_null(range_set_overlap(&set, 20, 10));
    assert_null(range_set_overlap(&set, 15, 0));
    assert_ptr_equal(range_set_overlap(&set, 20, 11), &b);
    assert_ptr_equal(range_set_overlap(&set, 0, 100), &a);
    assert_ptr_equal(range_set_overlap(&set, 19, 100), &a);
    assert_ptr_equal(range_set_overlap(&set, 35, UINT64_MAX), &b); /* the sum wraps */
    assert_null(range_set_overlap(&set, 40, UINT64_MAX));
}

static void the_lowest_gap_is_found(void **state)
{
    struct range a = {.start = 10, .size = 10};
    struct range b = {.start = 50, .size = 10};
    struct range_set set;
    uint64_t start = 99;

    range_set_init(&set);
    assert_true(range_set_find_free(&set, 10, 1, 10, &start));
    assert_int_equal(start, 0);
    assert_false(range_set_find_free(&set, 11, 1, 10, &start));
    assert_false(range_set_find_free(&set, 0, 1, 10, &start));
    range_set_add(&set, &a);
    range_set_add(&set, &b);
    assert_true(range_set_find_free(&set, 10, 1, 100, &start));
    assert_int_equal(start, 0);
    assert_true(range_set_find_free(&set, 11, 1, 100, &start));
    assert_int_equal(start, 20);
    assert_true(range_set_find_free(&set, 11, 16, 100, &start));
    assert_int_equal(start, 32);
    assert_true(range_set_find_free(&set, 31, 1, 100, &start));
    assert_int_equal(start, 60);
    assert_false(range_set_find_free(&set, 41, 1, 100, &start));
    assert_false(range_set_find_free(&set, 11, 1, 30, &start)); /* the limit lies in the gap */
    assert_false(range_set_find_free(&set, 11, 1, 15, &start)); /* the limit lies in a range */
    assert_false(range_set_find_free(&set, UINT64_MAX, 1, UINT64_MAX, &start));
    assert_true(range_set_find_free(&set, UINT64_MAX - 60, 1, UINT64_MAX, &start));
    assert_false(range_set_find_free(&set, 20, UINT64_C(1) << 63, 100, &start));
    assert_true(range_set_find_free(&set, 20, UINT64_C(1) << 63, UINT64_MAX, &start));
    assert_true(start == UINT64_C(1) << 63);
}

#define CELLS 256u

/* Does the same to a set and to an array of cells, which is slow and plainly right. */
static void a_set_behaves_as_an_array(void **state)
{
    static struct range ranges[CELLS];
    static struct range *owner[CELLS];
    uint32_t seed = 12345;
    struct range_set set;

    range_set_init(&set);
    memset(ranges, 0, sizeof(ranges));
    memset(owner, 0, sizeof(owner));
    for (unsigned round = 0; round < 20000; round++) {
        seed = seed * 1664525u + 1013904223u;
        uint64_t start = (seed >> 8) % CELLS;
        uint64_t size = 1 + (seed >> 16) % 8;
        struct range *at = range_set_at(&set, start);
        struct range *first = NULL;

        assert_ptr_equal(at, owner[start]);
        for (uint64_t i = start; i < start + size && i < CELLS && first == NULL; i++)
            first = owner[i];
        assert_ptr_equal(range_set_overlap(&set, start, size), first);
        if (first == NULL && start + size <= CELLS) {
            struct range *range = &ranges[start];

            *range = (struct range){.start = start, .size = size};
            assert_int_equal(range_set_add(&set, range), 0);
            for (uint64_t i = start; i < start + size; i++)
                owner[i] = range;
        } else if (first != NULL && (seed & 1) != 0) {
            range_set_remove(&set, first);
            for (uint64_t i = first->start; i < first->start + first->size; i++)
                owner[i] = NULL;
        }
    }
    assert_true(set.count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(neighbours_do_not_overlap),   FD_TEST(overlap_is_refused),
        FD_TEST(what_is_no_range_is_refused), FD_TEST(points_and_spans_are_found),
        FD_TEST(the_lowest_gap_is_found),     FD_TEST(a_set_behaves_as_an_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
