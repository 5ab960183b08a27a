/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <stdbool.h>
#include <string.h>

#include "gpu/damage.h"

#define SIDE 64u

static uint32_t next_random(void)
{
    static uint64_t x = 88172645463325252ull;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 20);
}

static void paint(bool *map, const struct rect *r)
{
    for (uint32_t y = r->y; y < r->y + r->height; y++)
        for (uint32_t x = r->x; x < r->x + r->width; x++)
            map[y * SIDE + x] = true;
}

static struct rect random_rect(void)
{
    struct rect r = {next_random() % SIDE, next_random() % SIDE, 0, 0};

    r.width = next_random() % (SIDE - r.x + 1);
    r.height = next_random() % (SIDE - r.y + 1);
    if (next_random() % 2)
        r.width %= 5;
    return r;
}

/* Takes all of it in pieces; each must keep the limits. */
static void take_all(struct damage *damage, bool *map, uint32_t pixels, uint32_t lines)
{
    struct rect piece;

    while (damage_next(damage, pixels, lines, &piece)) {
        assert_true(piece.width > 0 && piece.height > 0 && piece.height <= lines);
        assert_true((uint64_t)piece.width * piece.height <= pixels);
        assert_true(rect_is_inside(&piece, SIDE, SIDE));
        paint(map, &piece);
        damage_took(damage, &piece);
    }
    assert_true(damage_is_empty(damage));
}

static void no_new_pixel_is_forgotten(void **state)
{
    for (unsigned round = 0; round < 2000; round++) {
        bool wanted[SIDE * SIDE] = {0}, got[SIDE * SIDE] = {0};
        struct damage damage = {0};
        unsigned n = next_random() % 40;

        for (unsigned i = 0; i < n; i++) {
            struct rect r = random_rect(), piece;

            damage_add(&damage, &r);
            paint(wanted, &r);
            assert_true(damage.count <= DAMAGE_RECTS + 1);
            /* Some of it goes in between. */
            if (next_random() % 3 == 0 && damage_next(&damage, 1 + next_random() % 40, 3, &piece)) {
                paint(got, &piece);
                damage_took(&damage, &piece);
            }
        }
        take_all(&damage, got, 1 + next_random() % 200, 1 + next_random() % 20);
        for (unsigned i = 0; i < SIDE * SIDE; i++)
            assert_true(!wanted[i] || got[i]);
    }
}

static void what_is_outside_is_clipped(void **state)
{
    for (unsigned round = 0; round < 500; round++) {
        bool wanted[SIDE * SIDE] = {0}, got[SIDE * SIDE] = {0};
        struct damage damage = {0};
        uint32_t width = next_random() % SIDE, height = next_random() % SIDE;
        struct rect piece;

        for (unsigned i = 0; i < 12; i++) {
            struct rect r = random_rect();

            damage_add(&damage, &r);
            paint(wanted, &r);
        }
        if (damage_next(&damage, 7, 7, &piece)) {
            paint(got, &piece);
            damage_took(&damage, &piece);
        }
        damage_clip(&damage, width, height);
        for (unsigned i = 0; i < damage.count; i++)
            assert_true(rect_is_inside(&damage.rects[i], width, height));
        take_all(&damage, got, 9, 9);
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width; x++)
                assert_true(!wanted[y * SIDE + x] || got[y * SIDE + x]);
    }
}

static void what_is_far_apart_stays_apart(void **state)
{
    struct damage damage = {0};
    struct rect a = {0, 0, 10, 10}, b = {50, 50, 10, 10}, c = {2, 2, 3, 3}, around;

    damage_add(&damage, &a);
    damage_add(&damage, &b);
    assert_int_equal(damage.count, 2);
    damage_add(&damage, &c);
    assert_int_equal(damage.count, 2);
    around = damage_around(&damage);
    assert_int_equal(around.x, 0);
    assert_int_equal(around.width, 60);
    damage_clear(&damage);
    around = damage_around(&damage);
    assert_true(rect_is_empty(&around));
}

static void impossible_rectangles_do_no_harm(void **state)
{
    struct damage damage = {0};
    struct rect r = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}, piece;

    for (unsigned i = 0; i < 20; i++) {
        damage_add(&damage, &r);
        r.x >>= 1;
        r.width >>= 2;
    }
    damage_clip(&damage, 100, 100);
    for (unsigned i = 0; damage_next(&damage, 100, 1, &piece); i++) {
        assert_true(i < 1000);
        damage_took(&damage, &piece);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_new_pixel_is_forgotten),
        cmocka_unit_test(what_is_outside_is_clipped),
        cmocka_unit_test(what_is_far_apart_stays_apart),
        cmocka_unit_test(impossible_rectangles_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
