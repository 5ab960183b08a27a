/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hostblob/window_picture.h"

#define MIB (UINT64_C(1) << 20)

static char *draw(uint64_t window, const struct window_piece *pieces, size_t count,
                  unsigned columns, bool utf8)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    assert_non_null(to);
    window_picture_draw(to, window, pieces, count, columns, utf8);
    fclose(to);
    return text;
}

static void room_is_what_is_between_the_pieces(void **state)
{
    const struct window_piece pieces[] = {{MIB, MIB}, {2 * MIB, 2 * MIB}, {12 * MIB, MIB}};
    struct window_room room = window_picture_room(16 * MIB, NULL, 0);

    assert_int_equal(room.used, 0);
    assert_int_equal(room.free_ranges, 1);
    assert_int_equal(room.largest_free, 16 * MIB);
    assert_int_equal(room.fragmentation, 0);
    room = window_picture_room(16 * MIB, pieces, 3);
    assert_int_equal(room.used, 4 * MIB);
    assert_int_equal(room.free, 12 * MIB);
    assert_int_equal(room.free_ranges, 3);
    assert_int_equal(room.largest_free, 8 * MIB);
    assert_int_equal(room.fragmentation, 33);
}

/* A device may say anything. */
static void nonsense_stays_inside(void **state)
{
    const struct window_piece pieces[] = {
        {0, 2 * MIB}, {MIB, UINT64_MAX}, {UINT64_MAX - 1, 7}, {UINT64_MAX, UINT64_MAX}};
    struct window_room room = window_picture_room(4 * MIB, pieces, 4);
    char *text;

    assert_int_equal(room.used, 4 * MIB);
    assert_int_equal(room.free, 0);
    assert_int_equal(room.free_ranges, 0);
    text = draw(4 * MIB, pieces, 4, 80, false);
    assert_non_null(strstr(text, "has several"));
    free(text);
    text = draw(0, pieces, 4, 80, false);
    assert_string_equal(text, "");
    free(text);
}

static void each_buffer_is_where_it_lies(void **state)
{
    const struct window_piece pieces[] = {
        {0, 2 * MIB}, {3 * MIB, MIB / 2}, {7 * MIB / 2, MIB / 4}, {63 * MIB, MIB}};
    char *text = draw(64 * MIB, pieces, 4, 31, false);

    assert_string_equal(text, "         0x0 aa.+............\n"
                              "   0x1000000 ................\n"
                              "   0x2000000 ................\n"
                              "   0x3000000 ...............d\n"
                              "  A character is 1M: the MARK of the buffer there; '.' is free, '+' "
                              "has several.\n");
    free(text);
    text = draw(64 * MIB, pieces, 1, 31, true);
    assert_non_null(strstr(text, "0x0 aa\u00b7"));
    assert_null(strstr(text, "several"));
    free(text);
}

/* It is as wide as it may be, and of a small window as fine as makes sense. */
static void width_follows(void **state)
{
    static const struct {
        unsigned columns;
        size_t across;
    } rows[] = {{20, 4}, {31, 16}, {80, 64}, {142, 128}, {1000, 256}};

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = draw(256 * MIB, NULL, 0, rows[i].columns, false);

        assert_int_equal(strcspn(text, "\n"), 13 + rows[i].across);
        free(text);
    }
    {
        char *text = draw(65536, NULL, 0, 80, false);

        assert_int_equal(strcspn(text, "\n"), 13 + 16);
        assert_non_null(strstr(text, "A character is 4K"));
        free(text);
    }
}

static void marks_begin_again(void **state)
{
    assert_int_equal(window_picture_mark(0), 'a');
    assert_int_equal(window_picture_mark(61), '9');
    assert_int_equal(window_picture_mark(62), 'a');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_what_is_between_the_pieces),
        cmocka_unit_test(nonsense_stays_inside),
        cmocka_unit_test(each_buffer_is_where_it_lies),
        cmocka_unit_test(width_follows),
        cmocka_unit_test(marks_begin_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
