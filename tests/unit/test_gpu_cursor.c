/* SPDX-License-Identifier: MIT */
#include "fake_renderer.h"
#include "fake_sink.h"
#include "gpu_2d.h"

#include "gpu/cursor.h"
#include "gpu/picture.h"

#define ID 5u
#define BYTES (64u * 64u * 4u)

static struct virtio_gpu_update_cursor update(uint32_t output, uint32_t id)
{
    return (struct virtio_gpu_update_cursor){
        .hdr = gpu_header(VIRTIO_GPU_CMD_UPDATE_CURSOR, 0),
        .pos = {.scanout_id = htole32(output), .x = htole32(100), .y = htole32((uint32_t)-7)},
        .resource_id = htole32(id),
        .hot_x = htole32(3),
        .hot_y = htole32(4),
    };
}

static uint8_t *pixels(struct gpu_fixture *f, uint32_t id)
{
    return resource_picture(resource_find(gpu_of_fixture(f), id))->data;
}

static void a_picture_becomes_the_pointer(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_update_cursor request = update(1, ID);

    gpu_create_2d(f, ID, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 64, 64);
    memcpy(pixels(f, ID), "\1\2\3\4", 4);
    memcpy(pixels(f, ID) + BYTES - 4, "\5\6\7\10", 4);
    assert_true(gpu_cursor(f, &request));
    assert_int_equal(sink->cursors, 1);
    assert_int_equal(sink->output, 1);
    assert_true(sink->visible);
    assert_int_equal(sink->x, 100);
    assert_int_equal(sink->y, -7);
    assert_int_equal(sink->cursor.hot_x, 3);
    assert_int_equal(sink->cursor.hot_y, 4);
    assert_memory_equal(sink->cursor.pixels, "\3\2\1\4", 4);
    assert_memory_equal(sink->cursor.pixels + BYTES - 4, "\7\6\5\10", 4);
    /* It is a copy: the resource may end. */
    gpu_unref(f, ID);
    request.hdr = gpu_header(VIRTIO_GPU_CMD_MOVE_CURSOR, 0);
    request.pos.x = htole32(5);
    assert_true(gpu_cursor(f, &request));
    assert_int_equal(sink->moves, 1);
    assert_int_equal(sink->x, 5);
    request = update(1, 0);
    assert_true(gpu_cursor(f, &request));
    assert_int_equal(sink->cursors, 2);
    assert_false(sink->visible);
    request.hdr = gpu_header(VIRTIO_GPU_CMD_MOVE_CURSOR, 0);
    assert_true(gpu_cursor(f, &request));
    assert_int_equal(sink->moves, 1); /* nothing to be seen */
}

/* Linux makes a pointer of a dumb buffer, which it names a format without alpha. */
static void alpha_counts_in_any_format(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_update_cursor request = update(0, ID);

    gpu_create_2d(f, ID, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64);
    memcpy(pixels(f, ID), "\1\2\3\4", 4);
    assert_true(gpu_cursor(f, &request));
    assert_memory_equal(sink->cursor.pixels, "\1\2\3\4\0\0\0\0", 8);
    gpu_create_2d(f, 6, VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, 64, 64);
    memcpy(pixels(f, 6), "\4\3\2\1", 4);
    request = update(0, 6);
    assert_true(gpu_cursor(f, &request));
    assert_memory_equal(sink->cursor.pixels, "\1\2\3\4\0\0\0\0", 8);
}

static void a_wrong_pointer_is_refused(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_update_cursor request = update(2, 0);

    assert_int_equal(gpu_cursor_answer(f, &request), BAD_SCANOUT);
    request.hdr = gpu_header(VIRTIO_GPU_CMD_MOVE_CURSOR, 0);
    assert_int_equal(gpu_cursor_answer(f, &request), BAD_SCANOUT);
    request = update(0, ID);
    assert_int_equal(gpu_cursor_answer(f, &request), BAD_RESOURCE);
    gpu_create_2d(f, ID, BGRA, 64, 63);
    assert_int_equal(gpu_cursor_answer(f, &request), BAD_PARAMETER);
    gpu_create_2d(f, 6, BGRA, 128, 128);
    request = update(0, 6);
    assert_int_equal(gpu_cursor_answer(f, &request), BAD_PARAMETER);
    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, 4096);
    request = update(0, 7);
    assert_int_equal(gpu_cursor_answer(f, &request), BAD_PARAMETER);
    assert_false(gpu_of_fixture(f)->display.cursors[0].visible);
}

static void a_blob_becomes_the_pointer(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_update_cursor request = update(0, ID);
    uint8_t *data;

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, ID, BYTES);
    data = buffer_data(resource_find(gpu_of_fixture(f), ID)->buffer);
    memcpy(data + BYTES - 4, "\1\2\3\4", 4);
    assert_true(gpu_cursor(f, &request));
    assert_memory_equal(sink->cursor.pixels + BYTES - 4, "\1\2\3\4", 4);
}

static void guest_pages_become_the_pointer(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_update_cursor request = update(0, ID);
    uint64_t at = ring_driver_alloc(&f->driver, BYTES);
    struct virtio_gpu_resource_create_blob blob = gpu_blob(0, ID, BYTES);

    blob.blob_mem = htole32(VIRTIO_GPU_BLOB_MEM_GUEST);
    blob.blob_flags = 0;
    assert_int_equal(GPU_DO(f, blob), NODATA);
    assert_int_equal(gpu_cursor_answer(f, &request), BAD_PARAMETER); /* no pages yet */
    assert_int_equal(gpu_back(f, ID, at, BYTES), NODATA);
    memcpy(gpu_page(f, at, BYTES, 4), "\1\2\3\4", 4);
    memcpy(gpu_page(f, at, BYTES, BYTES - 4), "\5\6\7\10", 4);
    assert_true(gpu_cursor(f, &request));
    assert_memory_equal(sink->cursor.pixels + 4, "\1\2\3\4", 4);
    assert_memory_equal(sink->cursor.pixels + BYTES - 4, "\5\6\7\10", 4);
}

static struct fake_renderer *create_3d(struct gpu_fixture *f)
{
    return fake_renderer_add_texture(f, fake_texture(ID, BGRA, 64, 64));
}

static void a_renderer_brings_the_pointer(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = create_3d(f);
    struct fake_sink *sink = fake_sink_add(f);
    struct virtio_gpu_update_cursor request = update(0, ID);

    assert_false(gpu_cursor(f, &request));
    assert_int_equal(fake->stride, 256);
    assert_int_equal(fake->size, BYTES);
    memcpy(fake->to + 63 * 256, "\1\2\3\4", 4);
    fake_end(fake, "read", 0);
    gpu_loop(f);
    assert_true(gpu_answered(f, 1));
    gpu_take(f, 1);
    assert_memory_equal(sink->cursor.pixels + 63 * 256, "\1\2\3\4", 4);
    /* One that is overtaken does not count. */
    assert_false(gpu_cursor(f, &request));
    request = update(0, 0);
    assert_true(gpu_cursor(f, &request));
    assert_false(sink->visible);
    fake_end(fake, "read", 0);
    gpu_loop(f);
    gpu_take(f, 1);
    assert_false(sink->visible);
    /* And one that fails is no pointer. */
    request = update(0, ID);
    gpu_send(f, 1, &request, sizeof(request), 24);
    gpu_loop(f);
    fake_end(fake, "read", -EIO);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 1), UNSPEC);
    /* A reset forgets it. */
    gpu_send(f, 1, &request, sizeof(request), 24);
    gpu_loop(f);
    f->device->impl->reset(f->device);
}

/* Half of a colour, over black and white; and what lies outside is left out. */
static void the_pointer_is_drawn(void **state)
{
    struct cursor cursor = {.visible = true, .x = -60, .y = 8};
    struct picture *picture = picture_create(VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, 10, 10);

    memset(picture->data, 255, picture->size);
    memset(picture->data + 8 * picture->stride, 0, 4);
    for (unsigned i = 0; i < 64; i++)
        memcpy(cursor.picture.pixels + i * 256 + 60 * 4, "\x40\x20\x10\x80", 4);
    cursor_draw(&cursor, picture);
    assert_int_equal(picture->format, BGRX);
    assert_memory_equal(picture->data + 8 * picture->stride, "\x40\x20\x10", 3);
    assert_memory_equal(picture->data + 9 * picture->stride, "\xbf\x9f\x8f", 3);
    assert_memory_equal(picture->data + 7 * picture->stride, "\xff\xff\xff", 3);
    assert_memory_equal(picture->data + 8 * picture->stride + 4, "\xff\xff\xff", 3);
    cursor.visible = false;
    cursor.x = 0;
    cursor_draw(&cursor, picture);
    assert_memory_equal(picture->data + 9 * picture->stride + 4, "\xff\xff\xff", 3);
    cursor.visible = true;
    cursor.x = INT32_MAX;
    cursor.y = INT32_MIN;
    cursor_draw(&cursor, picture);
    picture_destroy(picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(a_picture_becomes_the_pointer),
        GPU_TEST(alpha_counts_in_any_format),
        GPU_TEST(a_wrong_pointer_is_refused),
        GPU_TEST(a_blob_becomes_the_pointer),
        GPU_TEST(guest_pages_become_the_pointer),
        GPU_TEST(a_renderer_brings_the_pointer),
        FD_TEST(the_pointer_is_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
