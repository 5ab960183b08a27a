/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <string.h>

#include "protocol/cursor.h"

static void reads_little_endian(void **state)
{
    const uint8_t bytes[] = {1, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0x80, 9};
    struct reader r;

    reader_init(&r, bytes, sizeof(bytes));
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u32(&r), 2);
    assert_true(reader_u64(&r) == UINT64_C(0x8000000000000003));
    assert_int_equal(r.left, 1);
    assert_false(r.bad);
}

static void a_short_read_gives_zeros_from_then_on(void **state)
{
    const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t to[8];
    struct reader r;

    reader_init(&r, bytes, sizeof(bytes));
    assert_int_equal(reader_u64(&r), 0);
    assert_true(r.bad);
    assert_int_equal(r.left, 5);
    /* There is enough for these, but the field before them was a lie. */
    assert_int_equal(reader_u32(&r), 0);
    assert_int_equal(reader_u8(&r), 0);
    memset(to, 0xaa, sizeof(to));
    assert_false(reader_get(&r, to, 2));
    assert_int_equal(to[0] | to[1], 0);
    assert_int_equal(to[2], 0xaa);
    reader_skip(&r, 1);
    assert_int_equal(r.left, 5);
}

static void an_inner_reader_stays_in_its_field(void **state)
{
    const uint8_t bytes[] = {1, 2, 3, 4, 5};
    struct reader r, sub;

    reader_init(&r, bytes, sizeof(bytes));
    assert_true(reader_sub(&r, &sub, 3));
    reader_skip(&sub, 2);
    assert_int_equal(reader_u8(&sub), 3);
    assert_int_equal(reader_u8(&sub), 0);
    assert_true(sub.bad);
    assert_false(r.bad);
    assert_int_equal(reader_u8(&r), 4);
    assert_false(reader_sub(&r, &sub, 2));
    assert_true(r.bad);
    assert_true(sub.bad);
    assert_int_equal(sub.left, 0);
}

static void nothing_can_be_read_from_nothing(void **state)
{
    struct reader r;

    reader_init(&r, NULL, 0);
    assert_true(reader_get(&r, NULL, 0) || !r.bad);
    assert_int_equal(reader_u8(&r), 0);
    assert_true(r.bad);
    reader_init(&r, "x", 1);
    reader_skip(&r, SIZE_MAX);
    assert_true(r.bad);
}

static void writes_little_endian(void **state)
{
    const uint8_t expected[] = {4, 3, 2, 1, 8, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 'x'};
    uint8_t bytes[15];
    struct writer w;

    memset(bytes, 0xaa, sizeof(bytes));
    writer_init(&w, bytes, sizeof(bytes));
    assert_true(writer_u32(&w, 0x01020304));
    assert_true(writer_u64(&w, UINT64_C(0x8000000000000008)));
    assert_true(writer_zero(&w, 2));
    assert_true(writer_put(&w, "x", 1));
    assert_int_equal(w.used, 15);
    assert_memory_equal(bytes, expected, sizeof(expected));
}

static void what_does_not_fit_is_not_written(void **state)
{
    uint8_t bytes[8];
    struct writer w;

    memset(bytes, 0xaa, sizeof(bytes));
    writer_init(&w, bytes, 6);
    assert_true(writer_u32(&w, 0));
    assert_false(writer_u32(&w, 0));
    assert_true(w.bad);
    assert_int_equal(w.used, 4);
    assert_false(writer_zero(&w, 1));
    assert_false(writer_put(&w, "x", 1));
    assert_int_equal(bytes[4], 0xaa);
    writer_init(&w, bytes, 6);
    assert_false(writer_zero(&w, SIZE_MAX));
    assert_int_equal(w.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(reads_little_endian),
        FD_TEST(a_short_read_gives_zeros_from_then_on),
        FD_TEST(an_inner_reader_stays_in_its_field),
        FD_TEST(nothing_can_be_read_from_nothing),
        FD_TEST(writes_little_endian),
        FD_TEST(what_does_not_fit_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
