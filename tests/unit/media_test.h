/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_MEDIA_TEST_H
#define TESTS_UNIT_MEDIA_TEST_H

/* The media fixture in cmocka's clothes, in three sorts of device. */
#include "fd_count.h"
#include "media_fixture.h"

#define MEDIA_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, media_setup_memfd, media_teardown)
#define MEDIA_ARENA_TEST(function)                                                                 \
    cmocka_unit_test_setup_teardown(function, media_setup_arena, media_teardown)
#define MEDIA_MPLANE_TEST(function)                                                                \
    cmocka_unit_test_setup_teardown(function, media_setup_mplane, media_teardown)

static inline int media_setup_with(void **state, const struct media_options *options,
                                   enum exporter_kind kind)
{
    fd_count_setup(state);
    *state = media_fixture_create(options, kind);
    return 0;
}

static inline int media_setup_memfd(void **state)
{
    return media_setup_with(state, &(struct media_options){0}, EXPORTER_MEMFD);
}

static inline int media_setup_arena(void **state)
{
    return media_setup_with(state, &(struct media_options){0}, EXPORTER_ARENA);
}

static inline int media_setup_mplane(void **state)
{
    return media_setup_with(state, &(struct media_options){.multiplanar = true}, EXPORTER_ARENA);
}

static inline int media_teardown(void **state)
{
    media_fixture_destroy(*state);
    return fd_count_teardown(state);
}

/* The device goes on until that is so, on however busy a machine. */
#define MEDIA_AWAIT(f, condition)                                                                  \
    do {                                                                                           \
        uint64_t await_end = units_now_ns() + 60000000000u;                                        \
        while (!(condition)) {                                                                     \
            assert_true(units_now_ns() < await_end);                                               \
            assert_true(sd_event_run((f)->loop, 1000) >= 0);                                       \
        }                                                                                          \
    } while (0)

/* A session that must come. */
static inline uint32_t media_session(struct media_fixture *f)
{
    uint32_t session;

    assert_int_equal(media_open(f, &session), 0);
    return session;
}

/* Nothing of the device is left in the guest's window, or in memory. */
static inline void media_assert_empty(struct media_fixture *f)
{
    assert_int_equal(f->port.count, 0);
    assert_int_equal(f->census.resources, 0);
    assert_int_equal(f->census.mapped, 0);
    assert_int_equal(f->census.bytes, 0);
    assert_int_equal(f->census.sessions, 0);
}

#endif
