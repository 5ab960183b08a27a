/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/units.h"

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},
        {"4096", 4096},
        {"64K", 65536},
        {"64k", 65536},
        {"256M", 256u << 20},
        {"256MiB", 256u << 20},
        {"1KiB", 1024},
        {"4G", UINT64_C(4) << 30},
        {"2T", UINT64_C(2) << 40},
        {"18446744073709551615", UINT64_MAX},
        {"16777215T", UINT64_C(16777215) << 40},
    };
    uint64_t bytes;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes = 1;
        assert_int_equal(units_parse_size(rows[i].text, &bytes), 0);
        assert_true(bytes == rows[i].bytes);
    }
}

static void numbers_have_limits(void **state)
{
    static const char *const texts[] = {
        "",    "0",  "4000", "+2", "-1",   " 2",         "2 ",
        "0x2", "2s", "1.5",  "-",  "3601", "4294967298", "18446744073709551618"};
    unsigned number = 7;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(units_parse_number(texts[i], 1, 3600, &number));
    assert_int_equal(number, 7);
    assert_true(units_parse_number("1", 1, 3600, &number));
    assert_int_equal(number, 1);
    assert_true(units_parse_number("03600", 1, 3600, &number));
    assert_int_equal(number, 3600);
    assert_true(units_parse_number("0", 0, 0, &number));
    assert_int_equal(number, 0);
    assert_true(units_parse_number("4294967295", 0, UINT_MAX, &number));
    assert_true(number == UINT_MAX);
    assert_false(units_parse_number("4294967296", 0, UINT_MAX, &number));
}

static void nonsense_is_refused(void **state)
{
    static const char *const texts[] = {"",    "K",   "-1",   "+1",     " 1",  "1 ", "1 K", "0x10",
                                        "1.5", "64X", "64KB", "64KiBs", "64B", "1i", "1Ki", "M64"};
    uint64_t bytes = 7;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(units_parse_size(texts[i], &bytes), -EINVAL);
    assert_int_equal(units_parse_size("18446744073709551616", &bytes), -ERANGE);
    assert_int_equal(units_parse_size("99999999999999999999999", &bytes), -ERANGE);
    assert_int_equal(units_parse_size("16777216T", &bytes), -ERANGE);
    assert_int_equal(bytes, 7);
}

static void sizes_are_written(void **state)
{
    char text[24];

    units_format_size(0, text);
    assert_string_equal(text, "0");
    units_format_size(1234, text);
    assert_string_equal(text, "1234");
    units_format_size(65536, text);
    assert_string_equal(text, "64K");
    units_format_size(256u << 20, text);
    assert_string_equal(text, "256M");
    units_format_size((256u << 20) + 1024, text);
    assert_string_equal(text, "262145K");
    units_format_size(UINT64_C(1) << 60, text);
    assert_string_equal(text, "1048576T");
    units_format_size(UINT64_MAX, text);
    assert_string_equal(text, "18446744073709551615");
}

static void rounding_does_not_wrap(void **state)
{
    uint64_t rounded = 1;

    assert_true(units_round_up(0, 4096, &rounded));
    assert_int_equal(rounded, 0);
    assert_true(units_round_up(1, 4096, &rounded));
    assert_int_equal(rounded, 4096);
    assert_true(units_round_up(4096, 4096, &rounded));
    assert_int_equal(rounded, 4096);
    assert_true(units_round_up(UINT64_MAX - 4095, 4096, &rounded));
    assert_true(rounded == UINT64_MAX - 4095);
    assert_false(units_round_up(UINT64_MAX - 4094, 4096, &rounded));
    assert_true(units_round_up(UINT64_MAX, 1, &rounded));
}

static void the_host_is_asked(void **state)
{
    uint64_t before = units_now_ns();

    assert_true(units_page_size() == (uint64_t)sysconf(_SC_PAGESIZE));
    assert_true(units_now_ns() >= before);
    assert_true(before > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(numbers_have_limits), FD_TEST(sizes_are_read),         FD_TEST(nonsense_is_refused),
        FD_TEST(sizes_are_written),   FD_TEST(rounding_does_not_wrap), FD_TEST(the_host_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
