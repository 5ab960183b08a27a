/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>

#include "base/fourcc.h"
#include "base/units.h"
#include "buffer/surface.h"

struct expected {
    struct surface surface;
    unsigned planes;
    uint32_t strides[3], offsets[3];
    uint64_t bytes; /* before they are rounded to pages */
};

static void linear_layouts(void **state)
{
    static const struct expected table[] = {
        {{1, 1, FOURCC_R8}, 1, {256}, {0}, 256},
        {{256, 3, FOURCC_R8}, 1, {256}, {0}, 768},
        {{257, 3, FOURCC_R8}, 1, {512}, {0}, 1536},
        {{65, 2, FOURCC_GR88}, 1, {256}, {0}, 512},
        {{1920, 1080, FOURCC_RGB565}, 1, {3840}, {0}, 3840 * 1080},
        {{100, 10, FOURCC_BGR888}, 1, {512}, {0}, 5120},
        {{64, 64, FOURCC_XRGB8888}, 1, {256}, {0}, 16384},
        {{65, 64, FOURCC_ARGB8888}, 1, {512}, {0}, 32768},
        {{1366, 768, FOURCC_XBGR8888}, 1, {5632}, {0}, 5632 * 768},
        {{10, 10, FOURCC_ABGR2101010}, 1, {256}, {0}, 2560},
        {{100, 4, FOURCC_ABGR16161616F}, 1, {1024}, {0}, 4096},
        {{640, 480, FOURCC_NV12}, 2, {768, 768}, {0, 768 * 480}, 768 * 480 + 768 * 240},
        {{641, 481, FOURCC_NV12}, 2, {768, 768}, {0, 768 * 481}, 768 * 481 + 768 * 241},
        {{640, 480, FOURCC_P010}, 2, {1280, 1280}, {0, 1280 * 480}, 1280 * 720},
        {{640, 480, FOURCC_YVU420},
         3,
         {768, 512, 512},
         {0, 768 * 480, 768 * 480 + 512 * 240},
         768 * 480 + 2 * 512 * 240},
        {{3, 3, FOURCC_YUV420}, 3, {256, 256, 256}, {0, 768, 1280}, 1792},
        {{32768, 32768, FOURCC_XRGB8888}, 1, {131072}, {0}, UINT64_C(131072) * 32768},
    };

    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct expected *e = &table[i];
        struct surface_layout layout;
        uint64_t size;

        units_round_up(e->bytes, units_page_size(), &size);
        assert_int_equal(surface_layout_linear(&e->surface, &layout), 0);
        assert_int_equal(layout.planes, e->planes);
        assert_int_equal(surface_planes(e->surface.fourcc), e->planes);
        for (unsigned p = 0; p < SURFACE_PLANES; p++) {
            assert_int_equal(layout.strides[p], p < 3 ? e->strides[p] : 0);
            assert_int_equal(layout.offsets[p], p < 3 ? e->offsets[p] : 0);
        }
        assert_int_equal(layout.modifier, 0);
        assert_int_equal(layout.size, size);
        assert_true(surface_layout_holds(&e->surface, &layout));
    }
}

static void impossible_images_are_refused(void **state)
{
    static const struct {
        struct surface surface;
        int error;
    } table[] = {
        {{0, 1, FOURCC_R8}, -EINVAL},
        {{1, 0, FOURCC_R8}, -EINVAL},
        {{1, 1, 0}, -EINVAL},
        {{1, 1, FOURCC('N', 'O', 'N', 'E')}, -EINVAL},
        {{SURFACE_MOST + 1, 1, FOURCC_R8}, -EFBIG},
        {{1, SURFACE_MOST + 1, FOURCC_R8}, -EFBIG},
        {{UINT32_MAX, UINT32_MAX, FOURCC_XRGB8888}, -EFBIG},
    };

    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct surface_layout layout;

        assert_int_equal(surface_layout_linear(&table[i].surface, &layout), table[i].error);
        assert_int_equal(layout.size, 0);
    }
    assert_int_equal(surface_planes(0), 0);
}

/* The largest of every format is either laid out with offsets that are true, or refused. */
static void no_offset_is_cut(void **state)
{
    static const uint32_t formats[] = {FOURCC_NV12, FOURCC_P010, FOURCC_YVU420};

    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct surface surface = {SURFACE_MOST, SURFACE_MOST, formats[i]};
        struct surface_layout layout;

        assert_int_equal(surface_layout_linear(&surface, &layout), 0);
        assert_true(layout.offsets[1] >= (uint64_t)layout.strides[0] * SURFACE_MOST);
        assert_true(surface_layout_holds(&surface, &layout));
    }
}

/* A driver's word is not taken for what would reach beyond its buffer. */
static void a_false_layout_is_seen(void **state)
{
    const struct surface surface = {100, 100, FOURCC_NV12};
    struct surface_layout good, bad;

    assert_int_equal(surface_layout_linear(&surface, &good), 0);
    bad = good;
    assert_true(surface_layout_equal(&good, &bad));
    bad.planes = 1;
    assert_false(surface_layout_equal(&good, &bad));
    assert_false(surface_layout_holds(&surface, &bad));
    bad = good;
    bad.strides[0] = 99;
    assert_false(surface_layout_holds(&surface, &bad));
    bad = good;
    bad.strides[1] = UINT32_MAX;
    assert_false(surface_layout_holds(&surface, &bad));
    bad = good;
    bad.size++;
    assert_false(surface_layout_equal(&good, &bad));
    bad = good;
    bad.offsets[1] = (uint32_t)good.size - 100;
    assert_false(surface_layout_holds(&surface, &bad));
    bad = good;
    bad.size = 256 * 100 + 256 * 49 + 99; /* a byte short of the last row */
    assert_false(surface_layout_holds(&surface, &bad));
    bad.size++;
    assert_true(surface_layout_holds(&surface, &bad));
    bad = good;
    assert_false(surface_layout_holds(&(struct surface){100, 100, 1}, &bad));
}

static void a_format_has_a_name(void **state)
{
    char text[5];

    surface_format_name(FOURCC_XRGB8888, text);
    assert_string_equal(text, "XR24");
    surface_format_name(FOURCC_R8, text);
    assert_string_equal(text, "R8  ");
    surface_format_name(0x0a41ff00, text);
    assert_string_equal(text, "??A?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(linear_layouts),      FD_TEST(impossible_images_are_refused),
        FD_TEST(no_offset_is_cut),    FD_TEST(a_false_layout_is_seen),
        FD_TEST(a_format_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
