/* SPDX-License-Identifier: MIT */
#include "fake_sink.h"
#include "gpu_2d.h"

#include <sys/resource.h>

#include "base/fd.h"
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
    return resource_picture(resource_find((struct gpu *)(void *)f->device, id));
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

/* Many are made and never drawn to. */
static void pixels_have_memory_when_they_are_needed(void **state)
{
    struct gpu_fixture *f = *state;
    struct resource *resource;
    int open;

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_back(f, ID, pages(f, BYTES), BYTES);
    resource = resource_find(gpu_of_fixture(f), ID);
    open = fd_count();
    assert_null(resource->picture);
    assert_int_equal(f->census.bytes, BYTES); /* it may have them */
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(0, 0, WIDTH, HEIGHT), 0), NODATA);
    assert_non_null(resource->picture);
    assert_int_equal(fd_count(), open + 1);
    assert_int_equal(gpu_unref(f, ID), NODATA);
    assert_int_equal(fd_count(), open);
    assert_int_equal(f->census.bytes, 0);
}

/* It is as it was, and the guest may try again. */
static void without_memory_no_pixel_is_there(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_update_cursor pointer = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_UPDATE_CURSOR, 0),
        .resource_id = htole32(6),
    };
    uint64_t at = pages(f, BYTES);
    struct rlimit old, tight;

    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    gpu_create_2d(f, 6, BGRX, 64, 64);
    gpu_back(f, ID, at, BYTES);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = (struct rlimit){.rlim_cur = FD_RESERVE, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(0, 0, WIDTH, HEIGHT), 0), NO_MEMORY);
    assert_int_equal(gpu_scanout(f, 0, ID, gpu_rect(0, 0, WIDTH, HEIGHT)), NO_MEMORY);
    assert_int_equal(gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, 0, ID), NO_MEMORY);
    gpu_cursor(f, &pointer);
    assert_false(gpu_of_fixture(f)->display.cursors[0].visible);
    assert_int_equal(gpu_of_fixture(f)->display.scanouts[0].source, SCANOUT_PICTURE);
    assert_null(gpu_of_fixture(f)->display.scanouts[0].resource);
    assert_int_equal(f->shared_count, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(gpu_transfer(f, ID, gpu_rect(0, 0, WIDTH, HEIGHT), 0), NODATA);
    assert_int_equal(gpu_scanout(f, 0, ID, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
    assert_int_equal(picture(f, ID)->data[1], *gpu_page(f, at, BYTES, 1));
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
        GPU_TEST(pixels_have_memory_when_they_are_needed),
        GPU_TEST(without_memory_no_pixel_is_there),
        GPU_TEST(a_reset_frees_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
