/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include "hostblob/backoff.h"

static void it_doubles_up_to_a_most(void **state)
{
    static const uint64_t ms[] = {100,  200,   400,   800,   1600,  3200,
                                  6400, 12800, 25600, 30000, 30000, 30000};
    struct backoff b = {0};

    for (unsigned i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
        assert_int_equal(backoff_next(&b, 0), ms[i] * 1000);
}

static void who_ran_well_begins_anew(void **state)
{
    struct backoff b = {0};

    backoff_next(&b, 0);
    backoff_next(&b, 0);
    assert_int_equal(backoff_next(&b, BACKOFF_WELL_US - 1), 400000);
    assert_int_equal(backoff_next(&b, BACKOFF_WELL_US), 100000);
    assert_int_equal(backoff_next(&b, 0), 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(it_doubles_up_to_a_most),
        FD_TEST(who_ran_well_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
