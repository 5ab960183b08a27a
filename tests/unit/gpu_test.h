/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_GPU_TEST_H
#define TESTS_UNIT_GPU_TEST_H

/* gpu_fixture.h for cmocka: a device for each test, with a memfd per blob and two outputs, or with
 * the arena and the default options; and descriptors counted. */
#include "fd_count.h"
#include "gpu_fixture.h"

#define GPU_TEST(function) cmocka_unit_test_setup_teardown(function, gpu_setup, gpu_teardown)
#define GPU_ARENA_TEST(function)                                                                   \
    cmocka_unit_test_setup_teardown(function, gpu_setup_arena, gpu_teardown)

static inline int gpu_setup(void **state)
{
    static const struct gpu_options options = {.output_count = 2};

    fd_count_setup(state);
    *state = gpu_fixture_create(&options, EXPORTER_MEMFD);
    return 0;
}

static inline int gpu_setup_arena(void **state)
{
    static const struct gpu_options options = {0};

    fd_count_setup(state);
    *state = gpu_fixture_create(&options, EXPORTER_ARENA);
    return 0;
}

static inline int gpu_teardown(void **state)
{
    gpu_fixture_destroy(*state);
    return fd_count_teardown(state);
}

#endif
