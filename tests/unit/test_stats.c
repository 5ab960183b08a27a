/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <string.h>

#include "base/stats.h"

struct seen {
    unsigned names;
    uint64_t maps, frames_dropped, sum;
};

static void see(void *data, const char *name, uint64_t value)
{
    struct seen *seen = data;

    seen->names++;
    seen->sum += value;
    if (strcmp(name, "maps") == 0)
        seen->maps = value;
    if (strcmp(name, "frames_dropped") == 0)
        seen->frames_dropped = value;
}

static void every_counter_is_shown(void **state)
{
    struct stats stats = {0};
    struct seen seen = {0};

    stats_add(&stats.maps, 3);
    stats_add(&stats.maps, 4);
    stats_add(&stats.frames_dropped, 1);
    stats_each(&stats, see, &seen);
    assert_int_equal(seen.names, sizeof(stats) / sizeof(uint64_t));
    assert_int_equal(seen.maps, 7);
    assert_int_equal(seen.frames_dropped, 1);
    assert_int_equal(seen.sum, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(every_counter_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
