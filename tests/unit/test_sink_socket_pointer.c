/* SPDX-License-Identifier: MIT */
#include "sink_fixture.h"

#include "gpu/picture.h"

/* The pointer drawn into the pictures that a front-end is given. */
#define SIDE SINK_CURSOR_SIDE
#define WIDTH 400u
#define HEIGHT 300u
/* What a square of the pointer's size costs on the wire. */
#define SQUARE (12u + 20u + SIDE * SIDE * 4u)

static struct sink_cursor images[2];

/* Every alpha there is, with colours that are multiplied by it, and one that only claims to be. */
static void make_images(void)
{
    for (uint32_t n = 0; n < 2; n++)
        for (uint32_t i = 0; i < SIDE * SIDE; i++) {
            uint8_t *p = images[n].pixels + i * 4u;

            p[3] = (uint8_t)(i + n * 77);
            for (uint32_t c = 0; c < 3; c++)
                p[c] = (uint8_t)((i * 7 + c * 50 + n) % (p[3] + 1u));
        }
    memset(images[0].pixels, 255, 3);
    images[0].hot_x = 9;
}

static void begin(struct sink_fixture *f)
{
    make_images();
    sink_socket_draw_pointer(f->display.sink);
    sink_settle(f);
}

static void point(struct sink_fixture *f, unsigned output, const struct sink_cursor *image,
                  int32_t x, int32_t y)
{
    f->display.inside = true;
    f->display.sink->impl->cursor(f->display.sink, output, image, x, y);
    f->display.inside = false;
}

static void move(struct sink_fixture *f, unsigned output, int32_t x, int32_t y)
{
    f->display.inside = true;
    f->display.sink->impl->cursor_move(f->display.sink, output, x, y);
    f->display.inside = false;
}

/* A pixel of the picture, B8G8R8X8, with that of the pointer over it. */
static uint32_t blended(uint32_t under, const struct sink_cursor *image, int64_t x, int64_t y)
{
    const uint8_t *over;
    uint32_t sum = 0;

    if (image == NULL || x < 0 || y < 0 || x >= SIDE || y >= SIDE)
        return under & 0xffffff;
    over = image->pixels + (y * SIDE + x) * 4;
    for (unsigned c = 0; c < 3; c++) {
        uint32_t one = over[c] + ((under >> 8 * c & 255) * (255u - over[3]) + 127) / 255;

        sum |= (one < 255 ? one : 255) << 8 * c;
    }
    return sum;
}

/* The window shows the picture 'seed', whole, and that pointer over it; and nothing is in the
 * memory of the picture but the picture. */
static void assert_seen(struct sink_fixture *f, unsigned output, uint32_t seed,
                        const struct sink_cursor *image, int32_t at_x, int32_t at_y)
{
    const struct window_surface *shown = &f->peer.outputs[output].shown;
    const struct fake_output *o = &f->display.outputs[output];

    assert_non_null(shown->pixels);
    assert_int_equal(shown->width, o->frame.width);
    assert_int_equal(shown->height, o->frame.height);
    for (uint32_t y = 0; y < shown->height; y++)
        for (uint32_t x = 0; x < shown->width; x++) {
            uint32_t found = shown->pixels[(size_t)y * shown->width + x] & 0xffffff;
            uint32_t wanted =
                blended(sink_pixel(seed, x, y), image, (int64_t)x - at_x, (int64_t)y - at_y);
            uint32_t memory;

            memcpy(&memory, o->pixels + (size_t)y * o->frame.stride + x * 4u, 4);
            if (found != wanted || memory != sink_pixel(seed, x, y))
                fail_msg("pixel %u, %u is %06x, not %06x, for a pointer at %d, %d", x, y, found,
                         wanted, at_x, at_y);
        }
}

/* ---- where it is ---- */

static void it_is_cut_at_every_edge(void **state)
{
    static const int32_t places[][2] = {
        {100, 50},
        {0, 0},
        {-1, -1},
        {-63, -63},
        {-63, 20},
        {20, -40},
        {WIDTH - 64, HEIGHT - 64},
        {WIDTH - 63, 8},
        {WIDTH - 1, HEIGHT - 1},
        {8, HEIGHT - 5},
        {-64, 20},
        {20, -64},
        {WIDTH, 8},
        {8, HEIGHT},
        {INT32_MAX, INT32_MAX},
        {INT32_MIN, INT32_MIN},
        {INT32_MIN, 3},
        {3, INT32_MAX},
        {200, 100},
    };
    struct sink_fixture *f = *state;

    begin(f);
    sink_show(f, 0, WIDTH, HEIGHT, 1);
    point(f, 0, &images[0], 7, 9);
    sink_settle(f);
    assert_seen(f, 0, 1, &images[0], 7, 9);
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        move(f, 0, places[i][0], places[i][1]);
        sink_settle(f);
        assert_seen(f, 0, 1, &images[0], places[i][0], places[i][1]);
    }
}

static void only_its_old_and_new_place_are_sent(void **state)
{
    struct sink_fixture *f = *state;
    uint64_t before;

    begin(f);
    sink_show(f, 0, WIDTH, HEIGHT, 1);
    point(f, 0, &images[0], 10, 10);
    sink_settle(f);
    before = f->peer.bytes;
    move(f, 0, 300, 200);
    sink_settle(f);
    assert_int_equal(f->peer.bytes - before, 2 * SQUARE);
    assert_seen(f, 0, 1, &images[0], 300, 200);
    before = f->peer.bytes;
    move(f, 0, 300, 200); /* where it is */
    sink_settle(f);
    assert_int_equal(f->peer.bytes, before);
    point(f, 0, &images[1], 300, 200);
    sink_settle(f);
    assert_int_equal(f->peer.bytes - before, SQUARE);
    assert_seen(f, 0, 1, &images[1], 300, 200);
    before = f->peer.bytes;
    point(f, 0, NULL, 300, 200);
    sink_settle(f);
    assert_int_equal(f->peer.bytes - before, SQUARE);
    assert_seen(f, 0, 1, NULL, 0, 0);
    before = f->peer.bytes;
    move(f, 0, 5, 5); /* nothing is seen there */
    sink_settle(f);
    assert_int_equal(f->peer.bytes, before);
    point(f, 0, &images[1], 6, 6);
    sink_settle(f);
    assert_seen(f, 0, 1, &images[1], 6, 6);
}

/* What the guest does in one go is drawn once, and what it does while the window is behind too. */
static void many_moves_cost_one_drawing(void **state)
{
    struct sink_fixture *f = *state;
    uint64_t before;

    begin(f);
    sink_show(f, 0, WIDTH, HEIGHT, 1);
    point(f, 0, &images[0], 10, 10);
    sink_settle(f);
    before = f->peer.bytes;
    for (int32_t i = 0; i <= 1000; i++)
        move(f, 0, i * 17 % 300, i * 5 % 200);
    sink_settle(f);
    assert_true(f->peer.bytes - before <= 2 * SQUARE);
    assert_seen(f, 0, 1, &images[0], 1000 * 17 % 300, 1000 * 5 % 200);
    before = f->peer.bytes;
    for (int32_t i = 0; i <= 3000; i++) {
        move(f, 0, i * 17 % 300, i * 5 % 200);
        sink_loop(f);
    }
    assert_true(sink_of(f)->blocked);
    sink_settle(f);
    assert_true(f->peer.bytes - before < 3 * sink_room(f)); /* what a socket holds */
    assert_seen(f, 0, 1, &images[0], 3000 * 17 % 300, 3000 * 5 % 200);
}

/* ---- what is beneath it ---- */

static void what_is_drawn_beneath_it_is_seen_through_it(void **state)
{
    struct sink_fixture *f = *state;

    begin(f);
    sink_show(f, 0, WIDTH, HEIGHT, 1);
    point(f, 0, &images[0], 100, 100);
    sink_settle(f);
    for (uint32_t seed = 2; seed < 12; seed++) {
        sink_paint(f, 0, WIDTH, HEIGHT, seed % 3 * 16, seed);
        assert_true(sink_update(f, 0, 0, 0, WIDTH, HEIGHT));
        move(f, 0, 100 - (int32_t)seed * 30, 100);
        sink_settle(f);
        assert_seen(f, 0, seed, &images[0], 100 - (int32_t)seed * 30, 100);
    }
    move(f, 0, 100, 100);
    sink_settle(f);
    /* A part of it. */
    sink_paint(f, 0, WIDTH, HEIGHT, 0, 20);
    for (uint32_t y = 0; y < HEIGHT; y += 7)
        assert_true(sink_update(f, 0, 0, y, 131, 7));
    assert_true(sink_update(f, 0, 131, 0, WIDTH - 131, HEIGHT));
    sink_settle(f);
    assert_seen(f, 0, 20, &images[0], 100, 100);
}

static void it_is_over_every_format(void **state)
{
    static const uint32_t formats[] = {
        VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM,
        VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM,
        VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM,
        VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM,
    };
    struct sink_fixture *f = *state;

    begin(f);
    point(f, 0, &images[0], -5, 20);
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        const struct window_surface *shown = &f->peer.outputs[0].shown;

        sink_paint(f, 0, 90, 70, 12, i);
        f->display.outputs[0].frame.format = formats[i];
        sink_scanout(f, 0, 90, 70);
        assert_true(sink_update(f, 0, 0, 0, 90, 70));
        sink_settle(f);
        for (uint32_t y = 0; y < 70; y++)
            for (uint32_t x = 0; x < 90; x++) {
                uint8_t under[4];

                picture_convert(under, f->display.outputs[0].pixels + y * (90 * 4 + 12) + x * 4, 1,
                                formats[i]);
                assert_int_equal(shown->pixels[y * 90 + x] & 0xffffff,
                                 blended(under[0] | under[1] << 8 | (uint32_t)under[2] << 16,
                                         &images[0], (int64_t)x + 5, (int64_t)y - 20));
            }
    }
}

static void each_output_has_its_own(void **state)
{
    struct sink_fixture *f = *state;

    begin(f);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        sink_show(f, i, 200 + i, 100, i);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i += 2)
        point(f, i, &images[i / 2 % 2], (int32_t)i * 9, 60 - (int32_t)i * 9);
    sink_settle(f);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        assert_seen(f, i, i, i % 2 == 0 ? &images[i / 2 % 2] : NULL, (int32_t)i * 9,
                    60 - (int32_t)i * 9);
    /* From one to the next, as a guest's desktop moves it. */
    point(f, 2, NULL, 18, 40);
    point(f, 3, &images[0], -20, 40);
    sink_settle(f);
    assert_seen(f, 2, 2, NULL, 0, 0);
    assert_seen(f, 3, 3, &images[0], -20, 40);
}

/* ---- what comes to an end ---- */

static void it_is_in_every_mode(void **state)
{
    static const uint32_t sizes[][2] = {{WIDTH, HEIGHT}, {120, 90}, {64, 64}, {500, 130}};
    struct sink_fixture *f = *state;

    begin(f);
    point(f, 0, &images[1], 80, 70);
    for (unsigned i = 0; i < 8; i++) {
        sink_show(f, 0, sizes[i % 4][0], sizes[i % 4][1], i);
        if (i % 2 == 0)
            sink_settle(f);
        move(f, 0, 80 + (int32_t)i, 70);
        sink_settle(f);
        assert_seen(f, 0, i, &images[1], 80 + (int32_t)i, 70);
    }
    /* A size that was told, and no picture of it yet: the window keeps what it has. */
    sink_paint(f, 0, 200, 200, 0, 50);
    sink_scanout(f, 0, 200, 200);
    move(f, 0, 3, 3);
    sink_settle(f);
    assert_int_equal(f->peer.outputs[0].shown.width, 500);
    assert_true(sink_update(f, 0, 0, 0, 200, 200));
    sink_settle(f);
    assert_seen(f, 0, 50, &images[1], 3, 3);
    /* Off, moved, and on again. */
    sink_scanout(f, 0, 0, 0);
    f->display.outputs[0].drawn = false;
    move(f, 0, 40, 40);
    sink_settle(f);
    assert_null(f->peer.outputs[0].shown.pixels);
    move(f, 0, 41, 40);
    sink_settle(f);
    sink_show(f, 0, 200, 200, 51);
    sink_settle(f);
    assert_seen(f, 0, 51, &images[1], 41, 40);
}

/* The window is behind, everything changes, and half-sent pictures are overtaken by the pointer. */
static void it_is_right_when_the_window_is_behind(void **state)
{
    struct sink_fixture *f = *state;
    const struct sink_cursor *image = &images[0];
    uint32_t seed = 1;
    int32_t x = 0, y = 0;

    begin(f);
    sink_show(f, 0, 1000, 500, seed);
    for (uint32_t i = 1; i <= 400; i++) {
        x = (int32_t)(i * 7919 % 1100) - 60;
        y = (int32_t)(i * 104729 % 600) - 60;
        if (i % 11 == 0) {
            image = i % 33 == 0 ? NULL : &images[i / 11 % 2];
            point(f, 0, image, x, y);
        } else {
            move(f, 0, x, y);
        }
        if (i % 29 == 0) {
            sink_paint(f, 0, 1000, 500, 0, ++seed);
            assert_true(sink_update(f, 0, 0, 0, 1000, 500));
        }
        sink_loop(f);
        window_peer_read(&f->peer, i * 977 % 90000);
    }
    sink_settle(f);
    assert_seen(f, 0, seed, image, x, y);
}

/* The next worker knows the pointer from the journal, and nothing of what the window shows. */
static void it_comes_back_with_the_next_worker(void **state)
{
    struct sink_fixture *f = *state;

    begin(f);
    f->spare = fd_duplicate(sink_of(f)->wire.fd);
    for (uint32_t turn = 1; turn <= 20; turn++) {
        int fd = fd_duplicate(f->spare);

        sink_show(f, 0, 700, 500, turn);
        point(f, 0, &images[0], 100, 100);
        sink_loop(f);
        window_peer_read(&f->peer, turn * 13421 % 70000);
        f->display.sink->impl->destroy(f->display.sink);
        f->display.held = 0;
        sink_start(f, fd);
        sink_socket_draw_pointer(f->display.sink);
        sink_scanout(f, 0, 700, 500);
        point(f, 0, &images[1], 110, (int32_t)turn * 10);
        assert_true(sink_update(f, 0, 0, 0, 700, 500));
        sink_settle(f);
        assert_seen(f, 0, turn, &images[1], 110, (int32_t)turn * 10);
    }
}

/* ---- what the front-end is told ---- */

static void the_front_end_has_no_pointer_of_its_own(void **state)
{
    struct sink_fixture *f = *state;

    begin(f);
    sink_show(f, 0, WIDTH, HEIGHT, 1);
    sink_settle(f);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_CURSOR_POS_HIDE], 0);
    for (int32_t i = 0; i < 10; i++) {
        point(f, 0, &images[i % 2], i, i);
        sink_settle(f);
        move(f, 0, i, i + 1);
        sink_settle(f);
        point(f, 0, NULL, i, i);
        sink_settle(f);
    }
    assert_int_equal(f->peer.count[VHOST_USER_GPU_CURSOR_UPDATE], 0);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_CURSOR_POS], 0);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_CURSOR_POS_HIDE], 1);
}

static void a_dmabuf_goes_as_pixels(void **state)
{
    struct sink_fixture *f = *state;

    assert_true((f->display.sink->flags & SINK_TAKES_DMABUF) != 0);
    begin(f);
    assert_false((f->display.sink->flags & SINK_TAKES_DMABUF) != 0);
    sink_paint(f, 0, WIDTH, HEIGHT, 0, 1);
    f->display.outputs[0].frame.dmabuf = f->peer.fd;
    f->display.outputs[0].frame.serial = 1;
    sink_scanout(f, 0, WIDTH, HEIGHT);
    point(f, 0, &images[0], 30, 30);
    assert_true(sink_update(f, 0, 0, 0, WIDTH, HEIGHT)); /* the guest waits for nobody */
    sink_settle(f);
    assert_seen(f, 0, 1, &images[0], 30, 30);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_SCANOUT], 0);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_SCANOUT2], 0);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_DMABUF_UPDATE], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SINK_TEST(it_is_cut_at_every_edge),
        SINK_TEST(only_its_old_and_new_place_are_sent),
        SINK_TEST(many_moves_cost_one_drawing),
        SINK_TEST(what_is_drawn_beneath_it_is_seen_through_it),
        SINK_TEST(it_is_over_every_format),
        SINK_TEST(each_output_has_its_own),
        SINK_TEST(it_is_in_every_mode),
        SINK_TEST(it_is_right_when_the_window_is_behind),
        SINK_TEST(it_comes_back_with_the_next_worker),
        SINK_TEST(the_front_end_has_no_pointer_of_its_own),
        SINK_TEST(a_dmabuf_goes_as_pixels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
