/* SPDX-License-Identifier: MIT */
#include "fake_renderer.h"
#include "gpu_2d.h"
#include "window_peer.h"

#include "gpu/picture.h"
#include "gpu/screenshot.h"

/*
 * A device that draws the guest's pointer into what a front-end's window is given (the option
 * --pointer=drawn): whatever the picture lies in, the window shows what our screenshot with the
 * pointer does.
 */
#define ID 5u
#define POINTER 9u
#define WIDTH 100u
#define HEIGHT 80u
#define STRIDE 512u
#define BYTES (STRIDE * HEIGHT)
#define ALL gpu_rect(0, 0, WIDTH, HEIGHT)

static struct window_peer peer;

/* QEMU gives a socket each time that it starts the rings. */
static void open_window(struct gpu_fixture *f)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    window_peer_init(&peer, fds[0]);
    f->device->impl->take_display(f->device, fds[1]);
}

static int pointer_setup(void **state)
{
    static const struct gpu_options options = {.output_count = 2, .draw_pointer = true};

    fd_count_setup(state);
    *state = gpu_fixture_create(&options, EXPORTER_MEMFD);
    open_window(*state);
    return 0;
}

static int pointer_teardown(void **state)
{
    window_peer_finish(&peer);
    return gpu_teardown(state);
}

#define POINTER_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, pointer_setup, pointer_teardown)

static struct display *display_of(struct gpu_fixture *f)
{
    return &((struct gpu *)(void *)f->device)->display;
}

static void settle(struct gpu_fixture *f)
{
    while (gpu_loop(f) > 0 || window_peer_read(&peer, SIZE_MAX) > 0)
        ;
}

/* The guest shows a pointer, with every alpha there is, or none. */
static void point(struct gpu_fixture *f, uint32_t output, bool shown, uint32_t x, uint32_t y)
{
    struct virtio_gpu_update_cursor request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_UPDATE_CURSOR, 0),
        .pos = {.scanout_id = htole32(output), .x = htole32(x), .y = htole32(y)},
        .resource_id = htole32(shown ? POINTER : 0),
    };
    struct resource *resource = resource_find((struct gpu *)(void *)f->device, POINTER);

    if (resource == NULL) {
        assert_int_equal(gpu_create_2d(f, POINTER, BGRA, 64, 64), NODATA);
        resource = resource_find((struct gpu *)(void *)f->device, POINTER);
        for (uint32_t i = 0; i < 64 * 64 * 4; i++)
            resource_picture(resource)->data[i] =
                (uint8_t)(i % 4 == 3 ? i / 4 : i / 4 % 256 / (1 + i % 4));
    }
    assert_true(gpu_cursor(f, &request));
}

static void move(struct gpu_fixture *f, uint32_t output, uint32_t x, uint32_t y)
{
    struct virtio_gpu_update_cursor request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_MOVE_CURSOR, 0),
        .pos = {.scanout_id = htole32(output), .x = htole32(x), .y = htole32(y)},
    };

    assert_true(gpu_cursor(f, &request));
}

/* How many pixels of the window's differ from the picture with the pointer, or without it. */
static unsigned differ(struct gpu_fixture *f, unsigned output, bool pointed)
{
    const struct window_surface *shown = &peer.outputs[output].shown;
    struct sink_frame frame;
    struct cursor cursor = display_of(f)->cursors[output];
    struct picture *picture;
    unsigned bad = 0;

    assert_true(display_frame(display_of(f), output, &frame));
    assert_int_equal(shown->width, frame.width);
    assert_int_equal(shown->height, frame.height);
    assert_non_null(picture = screenshot_copy(&frame));
    cursor.visible = cursor.visible && pointed;
    cursor_draw(&cursor, picture);
    for (uint32_t y = 0; y < frame.height; y++)
        for (uint32_t x = 0; x < frame.width; x++) {
            uint32_t wanted;

            memcpy(&wanted, picture->data + (size_t)y * picture->stride + x * 4u, 4);
            bad += (wanted & 0xffffff) != (shown->pixels[y * shown->width + x] & 0xffffff);
        }
    picture_destroy(picture);
    return bad;
}

static void assert_like_a_screenshot(struct gpu_fixture *f, unsigned output)
{
    settle(f);
    assert_int_equal(differ(f, output, true), 0);
    if (display_of(f)->cursors[output].visible)
        assert_true(differ(f, output, false) > 100);
}

/* The pointer comes, moves without a word of the picture, changes place with a flush, and goes. */
static void point_about(struct gpu_fixture *f, unsigned output)
{
    point(f, output, true, 10, 5);
    assert_like_a_screenshot(f, output);
    move(f, output, (uint32_t)-30, (uint32_t)-20);
    assert_like_a_screenshot(f, output);
    move(f, output, WIDTH - 30, HEIGHT - 20);
    assert_like_a_screenshot(f, output);
    assert_int_equal(gpu_flush(f, ID, gpu_rect(0, 0, 20, 20)), NODATA);
    assert_like_a_screenshot(f, output);
    point(f, output, false, 0, 0);
    assert_like_a_screenshot(f, output);
}

static void scribble(uint8_t *data, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 31 + i / 255);
}

static void it_is_over_a_picture(void **state)
{
    struct gpu_fixture *f = *state;
    static const uint32_t formats[] = {BGRX, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM,
                                       VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM};

    for (unsigned i = 0; i < 3; i++) {
        struct resource *resource;
        struct picture *picture;
        uint8_t before[4];

        assert_int_equal(gpu_create_2d(f, ID, formats[i], WIDTH + 20, HEIGHT + 10), NODATA);
        resource = resource_find((struct gpu *)(void *)f->device, ID);
        picture = resource_picture(resource);
        scribble(picture->data, (uint32_t)picture->size);
        memcpy(before, picture->data + 30 * picture->stride + 30 * 4, 4);
        assert_int_equal(gpu_scanout(f, i % 2, ID, gpu_rect(20, 10, WIDTH, HEIGHT)), NODATA);
        assert_int_equal(gpu_flush(f, ID, gpu_rect(0, 0, WIDTH + 20, HEIGHT + 10)), NODATA);
        point_about(f, i % 2);
        assert_memory_equal(picture->data + 30 * picture->stride + 30 * 4, before, 4);
        assert_int_equal(gpu_unref(f, ID), NODATA);
    }
    assert_int_equal(peer.count[VHOST_USER_GPU_CURSOR_UPDATE], 0);
    assert_int_equal(peer.count[VHOST_USER_GPU_CURSOR_POS], 0);
}

static void show_blob(struct gpu_fixture *f)
{
    struct virtio_gpu_set_scanout_blob request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, 0),
        .r = ALL,
        .resource_id = htole32(ID),
        .width = htole32(WIDTH),
        .height = htole32(HEIGHT),
        .format = htole32(BGRX),
        .strides = {htole32(STRIDE)},
    };

    assert_int_equal(GPU_DO(f, request), NODATA);
    assert_int_equal(gpu_flush(f, ID, ALL), NODATA);
}

static void it_is_over_a_host_s_blob(void **state)
{
    struct gpu_fixture *f = *state;

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, ID, BYTES);
    scribble(buffer_data(resource_find((struct gpu *)(void *)f->device, ID)->buffer), BYTES);
    show_blob(f);
    point_about(f, 0);
}

/* In two pieces, so that they are copied; the guest's memory stays as it is. */
static void it_is_over_the_guest_s_pages(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_create_blob blob = gpu_blob(0, ID, BYTES);
    uint64_t at = ring_driver_alloc(&f->driver, BYTES);
    uint8_t *before = malloc(BYTES);

    blob.blob_mem = htole32(VIRTIO_GPU_BLOB_MEM_GUEST);
    blob.blob_flags = 0;
    assert_int_equal(GPU_DO(f, blob), NODATA);
    assert_int_equal(gpu_back(f, ID, at, BYTES), NODATA);
    scribble(ring_driver_at(&f->driver, at), BYTES);
    memcpy(before, ring_driver_at(&f->driver, at), BYTES);
    show_blob(f);
    point_about(f, 0);
    assert_memory_equal(ring_driver_at(&f->driver, at), before, BYTES);
    free(before);
}

/* Where only the renderer can read: it moves over what was copied last. */
static void it_is_over_what_a_renderer_brings(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake =
        fake_renderer_add_texture(f, fake_texture(ID, BGRA, WIDTH, HEIGHT));
    struct virtio_gpu_resource_flush flush = gpu_flush_request(ID, ALL);

    assert_int_equal(gpu_scanout(f, 0, ID, ALL), NODATA);
    point(f, 0, true, 3, 4); /* there is nothing yet that it is over */
    settle(f);
    assert_null(peer.outputs[0].shown.pixels);
    for (uint32_t turn = 0; turn < 3; turn++) {
        gpu_send(f, 0, &flush, sizeof(flush), 24);
        gpu_loop(f);
        if (turn > 0) {
            move(f, 0, 20 * turn, 10); /* while it reads */
            assert_like_a_screenshot(f, 0);
        }
        scribble(fake->to, fake->stride * HEIGHT - turn * 1000);
        fake_end(fake, "read", 0);
        settle(f);
        assert_int_equal(gpu_take(f, 0), NODATA);
        assert_like_a_screenshot(f, 0);
        move(f, 0, 7 * turn, 2);
        assert_like_a_screenshot(f, 0);
    }
}

/* Also where the picture beneath it comes only afterwards. */
static void a_window_that_opens_later_has_it_too(void **state)
{
    struct gpu_fixture *f = *state;

    assert_int_equal(gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT), NODATA);
    point(f, 0, true, 20, 20);
    for (unsigned turn = 0; turn < 3; turn++) {
        window_peer_finish(&peer);
        open_window(f);
        settle(f);
        if (turn == 0) {
            assert_int_equal(gpu_scanout(f, 0, ID, ALL), NODATA);
            assert_int_equal(gpu_flush(f, ID, ALL), NODATA);
        }
        assert_like_a_screenshot(f, 0);
    }
}

/* A reset takes the pointer; the next driver's is drawn again. */
static void a_reset_takes_it(void **state)
{
    struct gpu_fixture *f = *state;

    for (unsigned turn = 0; turn < 3; turn++) {
        assert_int_equal(gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT), NODATA);
        assert_int_equal(gpu_scanout(f, 0, ID, ALL), NODATA);
        assert_int_equal(gpu_flush(f, ID, ALL), NODATA);
        assert_like_a_screenshot(f, 0);
        assert_false(display_of(f)->cursors[0].visible);
        point(f, 0, true, 20, 20);
        assert_like_a_screenshot(f, 0);
        fake_port_reset(&f->port);
        f->device->impl->reset(f->device);
        settle(f);
        assert_null(peer.outputs[0].shown.pixels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POINTER_TEST(it_is_over_a_picture),
        POINTER_TEST(it_is_over_a_host_s_blob),
        POINTER_TEST(it_is_over_the_guest_s_pages),
        POINTER_TEST(it_is_over_what_a_renderer_brings),
        POINTER_TEST(a_window_that_opens_later_has_it_too),
        POINTER_TEST(a_reset_takes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
