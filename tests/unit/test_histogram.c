/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"

static void each_time_has_its_bucket(void **state)
{
    static const struct {
        uint64_t ns;
        unsigned bucket;
    } rows[] = {
        {0, 0},        {999, 0},         {1000, 1},        {1999, 1},
        {2000, 2},     {3999, 2},        {4000, 3},        {1023999, 10},
        {1024000, 11}, {8388607999, 23}, {8388608000, 24}, {UINT64_MAX, 24},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(histogram_bucket(rows[i].ns), rows[i].bucket);
        if (rows[i].bucket + 1 < HISTOGRAM_BUCKETS)
            assert_true(rows[i].ns / 1000 < histogram_below_us(rows[i].bucket));
        if (rows[i].bucket > 0)
            assert_true(rows[i].ns / 1000 >= histogram_below_us(rows[i].bucket - 1));
    }
    assert_int_equal(histogram_below_us(HISTOGRAM_BUCKETS - 1), 0);
}

static void what_was_added_is_read(void **state)
{
    struct histogram h = {{0}, 0}, copy;

    assert_int_equal(histogram_read(&h, &copy), 0);
    histogram_add(&h, 500);
    histogram_add(&h, 700);
    histogram_add(&h, 5000000);
    assert_int_equal(histogram_read(&h, &copy), 3);
    assert_int_equal(copy.buckets[0], 2);
    assert_int_equal(copy.buckets[13], 1);
    assert_int_equal(copy.sum_ns, 5001200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_time_has_its_bucket),
        cmocka_unit_test(what_was_added_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
