/* SPDX-License-Identifier: MIT */
#include "gpu_2d.h"

#include "gpu/picture.h"
#include "gpu/resource.h"

#define ID 5u
#define WIDTH 40u
#define HEIGHT 30u
#define BYTES (WIDTH * HEIGHT * 4)

static uint64_t pages(struct gpu_fixture *f, uint32_t size)
{
    uint64_t at = ring_driver_alloc(&f->driver, size);
    uint8_t *bytes = ring_driver_at(&f->driver, at);

    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256);
    return at;
}

static struct picture *picture(struct gpu_fixture *f, uint32_t id)
{
    return resource_find((struct gpu *)(void *)f->device, id)->picture;
}

static void every_format_is_a_resource(void **state)
{
    static const uint32_t formats[] = {1, 2, 3, 4, 67, 68, 121, 134};
    struct gpu_fixture *f = *state;

    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(gpu_create_2d(f, i + 1, formats[i], WIDTH, HEIGHT), NODATA);
        assert_int_equal(picture(f, i + 1)->format, formats[i]);
    }
    assert_int_equal(f->census.resources, 8);
    assert_int_equal(f->census.bytes, 8 * BYTES);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(gpu_unref(f, i + 1), NODATA);
    assert_int_equal(f->census.bytes, 0);
}

static void what_is_no_picture_is_refused(void **state)
{
    struct gpu_fixture *f = *state;

    assert_int_equal(gpu_create_2d(f, 0, BGRX, WIDTH, HEIGHT), BAD_RESOURCE);
    assert_int_equal(gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT), NODATA);
    assert_int_equal(gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT), BAD_RESOURCE);
    assert_int_equal(gpu_create_2d(f, 6, 5, WIDTH, HEIGHT), BAD_PARAMETER);
    assert_int_equal(gpu_create_2d(f, 6, 0, WIDTH, HEIGHT), BAD_PARAMETER);
    assert_int_equal(gpu_create_2d(f, 6, BGRX, 0, HEIGHT), BAD_PARAMETER);
    assert_int_equal(gpu_create_2d(f, 6, BGRX, WIDTH, 0), BAD_PARAMETER);
    assert_int_equal(gpu_create_2d(f, 6, BGRX, UINT32_MAX, UINT32_MAX), BAD_PARAMETER);
    assert_int_equal(gpu_create_2d(f, 6, BGRX, 0x40000001, 4), BAD_PARAMETER);
    assert_int_equal(gpu_create_2d(f, 6, BGRX, PICTURE_MAX_SIDE, PICTURE_MAX_SIDE), NO_MEMORY);
    assert_int_equal(f->census.resources, 1);
    assert_int_equal(f->census.bytes, BYTES);
}

/* Four windows of 256 MiB are the limit: 64 pictures of 4096 x 4096 would be too many. */
static void pictures_count_as_the_guest_s_memory(void **state)
{
    struct gpu_fixture *f = *state;
    uint32_t id = 1;

    while (gpu_create_2d(f, id, BGRX, 4096, 4096) == NODATA)
        id++;
    assert_int_equal(id, 17);
    assert_int_equal(gpu_create_2d(f, id, BGRX, 1, 1), NO_MEMORY);
    assert_int_equal(gpu_unref(f, 1), NODATA);
    assert_int_equal(gpu_create_2d(f, id, BGRX, 1, 1), NODATA);
}

static void a_transfer_brings_the_guest_s_pixels(void **state)
{
    struct gpu_fixture *f = *state;
    uint64_t at = pages(f, BYTES);

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    assert_int_equal(gpu_back(f, ID, at, BYTES), NODATA);
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(0, 0, WIDTH, HEIGHT), 0), NODATA);
    for (uint32_t i = 0; i < BYTES; i++)
        assert_int_equal(picture(f, ID)->data[i], *gpu_page(f, at, BYTES, i));
    /* A part, as Linux gives it: the offset is that of its first pixel. */
    memset(ring_driver_at(&f->driver, at), 0xaa, BYTES);
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(10, 5, 3, 2), (5 * WIDTH + 10) * 4), NODATA);
    assert_int_equal(picture(f, ID)->data[(5 * WIDTH + 10) * 4], 0xaa);
    assert_int_equal(picture(f, ID)->data[(6 * WIDTH + 12) * 4 + 3], 0xaa);
    assert_int_not_equal(picture(f, ID)->data[(5 * WIDTH + 13) * 4], 0xaa);
    assert_int_not_equal(picture(f, ID)->data[(7 * WIDTH + 10) * 4], 0xaa);
}

static void a_wrong_transfer_is_refused(void **state)
{
    struct gpu_fixture *f = *state;
    uint64_t at = pages(f, BYTES);

    assert_int_equal(gpu_transfer(f, ID, gpu_rect(0, 0, 1, 1), 0), BAD_RESOURCE);
    assert_int_equal(gpu_transfer(f, 0, gpu_rect(0, 0, 1, 1), 0), BAD_RESOURCE);
    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(0, 0, 1, 1), 0), BAD_PARAMETER); /* no pages */
    gpu_back(f, ID, at, BYTES);
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(0, 0, WIDTH + 1, 1), 0), BAD_PARAMETER);
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(1, 0, UINT32_MAX, 1), 0), BAD_PARAMETER);
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(0, HEIGHT, 1, 1), 0), BAD_PARAMETER);
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(0, 0, WIDTH, HEIGHT), 1), BAD_PARAMETER);
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(0, 0, 1, 1), UINT64_MAX), BAD_PARAMETER);
    for (uint32_t i = 0; i < BYTES; i++)
        assert_int_equal(picture(f, ID)->data[i], 0);
    assert_int_equal(gpu_context(f, 1, 0), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 6, 4096), NODATA);
    assert_int_equal(gpu_transfer(f, 6, gpu_rect(0, 0, 1, 1), 0), BAD_PARAMETER);
}

static void without_backing_a_picture_stays(void **state)
{
    struct gpu_fixture *f = *state;
    uint64_t at = pages(f, BYTES);

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_back(f, ID, at, BYTES);
    gpu_transfer(f, ID, gpu_rect(0, 0, WIDTH, HEIGHT), 0);
    assert_int_equal(gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, ID), NODATA);
    memset(ring_driver_at(&f->driver, at), 0, BYTES);
    assert_int_equal(picture(f, ID)->data[BYTES - 1],
                     (uint8_t)((BYTES / 2 - 1) * 31 + (BYTES / 2 - 1) / 256));
}

static void a_reset_frees_all(void **state)
{
    struct gpu_fixture *f = *state;

    for (uint32_t i = 1; i < 20; i++)
        gpu_create_2d(f, i, BGRX, WIDTH, HEIGHT);
    f->device->impl->reset(f->device);
    assert_int_equal(f->census.resources, 0);
    assert_int_equal(f->census.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(every_format_is_a_resource),
        GPU_TEST(what_is_no_picture_is_refused),
        GPU_TEST(pictures_count_as_the_guest_s_memory),
        GPU_TEST(a_transfer_brings_the_guest_s_pixels),
        GPU_TEST(a_wrong_transfer_is_refused),
        GPU_TEST(without_backing_a_picture_stays),
        GPU_TEST(a_reset_frees_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
