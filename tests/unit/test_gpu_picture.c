/* SPDX-License-Identifier: MIT */
#include "fd_count.h"
#include "ring_driver.h"

#include <errno.h>
#include <string.h>

#include <linux/virtio_gpu.h>

#include "gpu/picture.h"
#include "gpu/pins_reader.h"

#define PAGE 4096u
#define PIECES 8u
#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

/* A guest with eight pages, given in another order than they lie in, and one hole between each. */
struct pages {
    struct ring_driver driver;
    uint64_t start;
    struct guest_pins *pins;
};

static uint8_t byte_of(uint64_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8) * 13 + 1);
}

static int setup(void **state)
{
    struct pages *p = calloc(1, sizeof(*p));
    struct guest_piece pieces[PIECES];

    fd_count_setup(state);
    ring_driver_init(&p->driver, 16);
    p->start = (ring_driver_alloc(&p->driver, (2 * PIECES + 1) * PAGE) + PAGE - 1) & ~(PAGE - 1ull);
    for (unsigned i = 0; i < PIECES; i++) {
        uint8_t *at = ring_driver_at(&p->driver, p->start + (PIECES - 1 - i) * 2 * PAGE);

        pieces[i] = (struct guest_piece){p->start + (PIECES - 1 - i) * 2 * PAGE, PAGE};
        for (unsigned j = 0; j < PAGE; j++)
            at[j] = byte_of(i * PAGE + j);
    }
    p->pins = guest_pins_create(&p->driver.memory, pieces, PIECES);
    assert_non_null(p->pins);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pages *p = *state;

    guest_pins_unref(p->pins);
    ring_driver_finish(&p->driver);
    free(p);
    return fd_count_teardown(state);
}

static void a_reader_gathers_what_lies_in_pieces(void **state)
{
    struct pages *p = *state;
    struct pins_reader reader;
    uint8_t bytes[3 * PAGE];
    const uint8_t *at;

    pins_reader_init(&reader, p->pins);
    assert_int_equal(pins_reader_get(&reader, 5000, bytes, sizeof(bytes)), 0);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], byte_of(5000 + i));
    /* And back again. */
    assert_int_equal(pins_reader_get(&reader, 10, bytes, 1), 0);
    assert_int_equal(bytes[0], byte_of(10));
    assert_int_equal(pins_reader_get(&reader, PIECES * PAGE - 4, bytes, 4), 0);
    assert_int_equal(bytes[3], byte_of(PIECES * PAGE - 1));
    assert_int_equal(pins_reader_get(&reader, PIECES * PAGE - 4, bytes, 5), -ERANGE);
    assert_int_equal(pins_reader_get(&reader, UINT64_MAX, bytes, 2), -ERANGE);
    assert_int_equal(pins_reader_get(&reader, PIECES * PAGE, bytes, 0), 0);
    at = pins_reader_at(&reader, PAGE + 4, PAGE - 4);
    assert_non_null(at);
    assert_int_equal(at[0], byte_of(PAGE + 4));
    assert_null(pins_reader_at(&reader, PAGE + 4, PAGE));
    assert_null(pins_reader_at(&reader, UINT64_MAX - 1, 4));
}

static void check_size(uint32_t format, uint32_t width, uint32_t height, uint64_t size)
{
    struct picture *picture;

    assert_true(picture_size(format, width, height) == size);
    if (size == 0) {
        errno = 0;
        assert_null(picture_create(format, width, height));
        assert_int_equal(errno, EINVAL);
        return;
    }
    picture = picture_create(format, width, height);
    assert_non_null(picture);
    assert_int_equal(picture->stride, width * 4);
    assert_true(picture->size == size);
    for (size_t i = 0; i < picture->size; i++)
        assert_int_equal(picture->data[i], 0);
    picture->data[size - 1] = 1;
    picture_destroy(picture);
}

static void what_can_be_an_image_is_one(void **state)
{
    check_size(BGRX, 1, 1, 4);
    check_size(VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 640, 480, 640 * 480 * 4);
    check_size(VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, PICTURE_MAX_SIDE, 1, PICTURE_MAX_SIDE * 4);
    check_size(BGRX, 0, 1, 0);
    check_size(BGRX, 1, 0, 0);
    check_size(BGRX, PICTURE_MAX_SIDE + 1, 1, 0);
    check_size(BGRX, 1, PICTURE_MAX_SIDE + 1, 0);
    check_size(BGRX, UINT32_MAX, UINT32_MAX, 0);
    check_size(BGRX, 0x40000000, 4, 0);
    check_size(0, 16, 16, 0);
    check_size(5, 16, 16, 0);
    check_size(UINT32_MAX, 16, 16, 0);
    picture_destroy(NULL);
}

/* Red 1, green 2, blue 3 and alpha 4, in the order of bytes that each name says. */
static void every_format_is_converted(void **state)
{
    static const struct {
        uint32_t format;
        uint8_t bytes[4];
        uint8_t alpha;
        char fourcc[5];
    } rows[] = {
        {VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, {3, 2, 1, 4}, 4, "AR24"},
        {VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, {3, 2, 1, 4}, 255, "XR24"},
        {VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, {4, 1, 2, 3}, 4, "BA24"},
        {VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, {4, 1, 2, 3}, 255, "BX24"},
        {VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, {1, 2, 3, 4}, 4, "AB24"},
        {VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, {4, 3, 2, 1}, 255, "RX24"},
        {VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, {4, 3, 2, 1}, 4, "RA24"},
        {VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, {1, 2, 3, 4}, 255, "XB24"},
    };

    for (unsigned i = 0; i < 8; i++) {
        uint8_t to[12] = {0}, from[8];
        uint32_t fourcc;

        memcpy(from, rows[i].bytes, 4);
        memcpy(from + 4, rows[i].bytes, 4);
        memcpy(&fourcc, rows[i].fourcc, 4);
        picture_convert(to, from, 2, rows[i].format);
        for (unsigned j = 0; j < 2; j++) {
            assert_int_equal(to[4 * j], 3);
            assert_int_equal(to[4 * j + 1], 2);
            assert_int_equal(to[4 * j + 2], 1);
            assert_int_equal(to[4 * j + 3], rows[i].alpha);
        }
        assert_int_equal(to[8], 0);
        picture_convert(from, from, 2, rows[i].format);
        assert_memory_equal(from, to, 8);
        picture_convert(to, rows[i].bytes, 1, picture_format_with_alpha(rows[i].format));
        assert_memory_equal(to, "\3\2\1\4", 4);
        assert_true(picture_format_is_known(rows[i].format));
        assert_int_equal(picture_format_has_alpha(rows[i].format), rows[i].alpha == 4);
        assert_int_equal(picture_format_fourcc(rows[i].format), le32toh(fourcc));
    }
    assert_false(picture_format_is_known(0));
    assert_int_equal(picture_format_fourcc(0), 0);
    assert_int_equal(picture_format_with_alpha(0), 0);
}

/* Whether the picture has what a transfer of 'rect' from 'offset' on brings, and zeros around it.
 */
static void check_transfer(const struct picture *picture, const struct rect *rect, uint64_t offset,
                           uint32_t stride)
{
    for (uint32_t y = 0; y < picture->height; y++) {
        for (uint32_t x = 0; x < picture->width * 4; x++) {
            bool inside = y >= rect->y && y < rect->y + rect->height && x >= rect->x * 4 &&
                          x < (rect->x + rect->width) * 4;
            uint64_t from = offset + (uint64_t)stride * (y - rect->y) + x - rect->x * 4ull;

            assert_int_equal(picture->data[y * picture->stride + x], inside ? byte_of(from) : 0);
        }
    }
}

static void a_transfer_takes_lines_from_pages(void **state)
{
    static const struct {
        struct rect rect;
        uint64_t offset;
    } rows[] = {
        {{0, 0, 75, 100}, 0},       /* all of it: 30000 of 32768 bytes */
        {{0, 0, 75, 100}, 2768},    /* from the end of the pages */
        {{0, 17, 75, 40}, 5100},    /* whole lines */
        {{10, 20, 30, 40}, 6040},   /* as Linux gives it */
        {{10, 20, 30, 40}, 1},      /* anywhere else */
        {{74, 99, 1, 1}, 32764},    /* the last pixel there is */
        {{0, 0, 1, 100}, 3000},     /* narrow */
        {{1, 0, 74, 1}, 4000},      /* over an edge between pages */
        {{75, 100, 0, 0}, 0},       /* nothing */
        {{3, 3, 0, 9}, UINT64_MAX}, /* nothing, from nowhere */
    };
    struct pages *p = *state;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct picture *picture = picture_create(BGRX, 75, 100);

        assert_int_equal(picture_transfer(picture, &rows[i].rect, rows[i].offset, p->pins), 0);
        check_transfer(picture, &rows[i].rect, rows[i].offset, picture->stride);
        picture_destroy(picture);
    }
}

static void a_transfer_that_does_not_fit_does_nothing(void **state)
{
    static const struct {
        struct rect rect;
        uint64_t offset;
        int error;
    } rows[] = {
        {{0, 0, 76, 1}, 0, -EINVAL},
        {{0, 0, 1, 101}, 0, -EINVAL},
        {{1, 0, 75, 1}, 0, -EINVAL},
        {{0, 1, 1, 100}, 0, -EINVAL},
        {{76, 0, 0, 0}, 0, -EINVAL},
        {{UINT32_MAX, 0, 2, 1}, 0, -EINVAL}, /* wraps */
        {{0, UINT32_MAX, 1, 2}, 0, -EINVAL},
        {{2, 2, UINT32_MAX, UINT32_MAX}, 0, -EINVAL},
        {{0, 0, 75, 100}, 2769, -ERANGE},
        {{0, 0, 75, 100}, UINT64_MAX, -ERANGE},
        {{0, 0, 75, 100}, UINT64_MAX - 29999, -ERANGE}, /* ends at 0 */
        {{74, 99, 1, 1}, 32765, -ERANGE},
        {{10, 20, 30, 40}, 32768 - 11700 - 119, -ERANGE},
        {{10, 20, 30, 40}, 1ull << 63, -ERANGE},
    };
    struct pages *p = *state;
    struct picture *picture = picture_create(BGRX, 75, 100);
    const struct rect nothing = {0};

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(picture_transfer(picture, &rows[i].rect, rows[i].offset, p->pins),
                         rows[i].error);
    assert_int_equal(picture_transfer(picture, &(struct rect){0, 0, 1, 1}, 0, NULL), -ERANGE);
    check_transfer(picture, &nothing, 0, picture->stride);
    picture_destroy(picture);
}

static void a_blob_s_lines_may_be_further_apart(void **state)
{
    struct pages *p = *state;
    struct picture *picture = picture_create(BGRX, 75, 50);
    struct rect rect = {0, 0, 75, 50};

    assert_int_equal(picture_copy_lines(picture, &rect, 100, 512, p->pins), 0);
    check_transfer(picture, &rect, 100, 512);
    picture_destroy(picture);
    picture = picture_create(BGRX, 75, 50);
    rect = (struct rect){5, 6, 7, 8};
    assert_int_equal(picture_copy_lines(picture, &rect, 100, 512, p->pins), 0);
    check_transfer(picture, &rect, 100 + 6 * 512 + 5 * 4, 512);
    assert_int_equal(picture_copy_lines(picture, &rect, 100, UINT32_MAX, p->pins), -ERANGE);
    assert_int_equal(picture_copy_lines(picture, &rect, UINT64_MAX, 512, p->pins), -ERANGE);
    rect.x = 69;
    assert_int_equal(picture_copy_lines(picture, &rect, 100, 512, p->pins), -EINVAL);
    picture_destroy(picture);
}

static void check_rect(struct rect is, struct rect wanted)
{
    assert_memory_equal(&is, &wanted, sizeof(is));
}

static void rectangles_meet_and_join(void **state)
{
    struct rect a = {10, 10, 20, 20}, b = {25, 5, 100, 10}, far = {30, 10, 5, 5};
    struct rect wide = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}, none = {50, 50, 0, 7};

    check_rect(rect_common(&a, &b), (struct rect){25, 10, 5, 5});
    check_rect(rect_common(&a, &far), (struct rect){0});
    check_rect(rect_common(&a, &none), (struct rect){0});
    check_rect(rect_common(&wide, &wide), wide);
    check_rect(rect_around(&a, &b), (struct rect){10, 5, 115, 25});
    check_rect(rect_around(&none, &b), b);
    check_rect(rect_around(&b, &none), b);
    check_rect(rect_around(&a, &wide), (struct rect){10, 10, UINT32_MAX, UINT32_MAX});
    assert_true(rect_is_inside(&a, 30, 30));
    assert_false(rect_is_inside(&a, 29, 30));
    assert_false(rect_is_inside(&a, 30, 29));
    assert_false(rect_is_inside(&wide, UINT32_MAX, UINT32_MAX));
    assert_true(rect_is_empty(&none));
}

#define PAGES_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAGES_TEST(a_reader_gathers_what_lies_in_pieces),
        FD_TEST(what_can_be_an_image_is_one),
        FD_TEST(every_format_is_converted),
        PAGES_TEST(a_transfer_takes_lines_from_pages),
        PAGES_TEST(a_transfer_that_does_not_fit_does_nothing),
        PAGES_TEST(a_blob_s_lines_may_be_further_apart),
        FD_TEST(rectangles_meet_and_join),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
