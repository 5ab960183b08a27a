/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FD_COUNT_H
#define TESTS_UNIT_FD_COUNT_H

/* What every unit test begins with: cmocka, and a setup and teardown that fail the test when it
 * leaves another number of descriptors open than it found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>

/* The descriptors that are open now, without the one that counts them. */
static inline int fd_count(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count - 1;
}

static inline int *fd_count_before(void)
{
    static int count;

    return &count;
}

static inline int fd_count_setup(void **state)
{
    *fd_count_before() = fd_count();
    return 0;
}

static inline int fd_count_teardown(void **state)
{
    int now = fd_count();

    if (now == *fd_count_before())
        return 0;
    print_error("%d descriptors were open before the test, %d are after it\n", *fd_count_before(),
                now);
    return -1;
}

/* A row of a group of tests. */
#define FD_TEST(function)                                                                          \
    cmocka_unit_test_setup_teardown(function, fd_count_setup, fd_count_teardown)

#endif
