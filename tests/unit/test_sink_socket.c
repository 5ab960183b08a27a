/* SPDX-License-Identifier: MIT */
#include "sink_fixture.h"

#include <fcntl.h>

/* ---- pictures ---- */

static void a_picture_arrives_pixel_for_pixel(void **state)
{
    static const uint32_t sizes[][2] = {{1280, 800}, {1, 1},    {3, 5},
                                        {1366, 768}, {1, 4000}, {640, 481}};
    struct sink_fixture *f = *state;

    sink_settle(f);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        sink_show(f, 0, sizes[i][0], sizes[i][1], i + 1);
        sink_settle(f);
        sink_assert_whole(f, 0, i + 1, sizes[i][0], sizes[i][1]);
        assert_int_equal(f->peer.outputs[0].scanouts, i + 1);
    }
}

static void a_picture_wider_than_a_message_arrives(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    sink_show(f, 0, 16384, 7, 9);
    sink_settle(f);
    sink_assert_whole(f, 0, 9, 16384, 7);
}

static void only_what_is_new_is_sent(void **state)
{
    struct sink_fixture *f = *state;
    uint64_t before;

    sink_settle(f);
    sink_show(f, 0, 1280, 800, 1);
    sink_settle(f);
    before = f->peer.bytes;
    sink_paint(f, 0, 1280, 800, 64, 2);
    assert_true(sink_update(f, 0, 100, 200, 33, 7));
    sink_settle(f);
    assert_int_equal(f->peer.bytes - before, 12 + 20 + 33 * 7 * 4);
    sink_assert_shows(f, 0, 2, 100, 200, 33, 7);
    sink_assert_shows(f, 0, 1, 0, 0, 1280, 200);
    sink_assert_shows(f, 0, 1, 133, 200, 100, 7);
    sink_assert_shows(f, 0, 1, 0, 207, 1280, 593);
}

static void every_format_is_made_the_front_end_s(void **state)
{
    /* Where blue, green and red lie in the four bytes. */
    static const struct {
        uint32_t format;
        unsigned blue, green, red;
    } formats[] = {
        {VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 0, 1, 2}, {VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 0, 1, 2},
        {VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, 3, 2, 1}, {VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, 3, 2, 1},
        {VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 2, 1, 0}, {VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, 1, 2, 3},
        {VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, 1, 2, 3}, {VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 2, 1, 0},
    };
    struct sink_fixture *f = *state;

    sink_settle(f);
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        const uint8_t *from;

        sink_paint(f, 0, 97, 130, 12, i);
        f->display.outputs[0].frame.format = formats[i].format;
        sink_scanout(f, 0, 97, 130);
        assert_true(sink_update(f, 0, 0, 0, 97, 130));
        sink_settle(f);
        for (uint32_t y = 0; y < 130; y++)
            for (uint32_t x = 0; x < 97; x++) {
                from = f->display.outputs[0].pixels + y * (97 * 4 + 12) + x * 4;
                assert_int_equal(f->peer.outputs[0].shown.pixels[y * 97 + x] & 0xffffff,
                                 from[formats[i].blue] | from[formats[i].green] << 8 |
                                     from[formats[i].red] << 16);
            }
    }
}

static void outputs_do_not_mix(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        sink_show(f, i, 300 + i, 200, 50 + i);
    sink_settle(f);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        sink_assert_whole(f, i, 50 + i, 300 + i, 200);
}

static void an_output_goes_off_and_on(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    sink_show(f, 0, 640, 480, 1);
    sink_settle(f);
    sink_scanout(f, 0, 0, 0);
    f->display.outputs[0].drawn = false;
    sink_settle(f);
    assert_null(f->peer.outputs[0].shown.pixels);
    assert_int_equal(f->peer.outputs[0].scanouts, 2);
    /* The size that it had must be said again. */
    sink_show(f, 0, 640, 480, 2);
    sink_settle(f);
    sink_assert_whole(f, 0, 2, 640, 480);
}

static void a_front_end_that_is_behind_gets_the_latest(void **state)
{
    struct sink_fixture *f = *state;
    struct sink_socket *s;
    uint64_t before;

    sink_settle(f);
    s = sink_of(f);
    before = f->peer.bytes;
    for (uint32_t seed = 1; seed <= 100; seed++) {
        sink_show(f, 0, 800, 600, seed);
        sink_loop(f);
    }
    assert_true(s->blocked);
    sink_settle(f);
    assert_false(s->blocked);
    sink_assert_whole(f, 0, 100, 800, 600);
    /* What was in the socket, and one picture: not a hundred. */
    assert_true(f->peer.bytes - before < 2 * 800 * 600 * 4 + 500000);
}

/* The window asserts that no SCANOUT comes without pixels, and none before a picture of its size.
 */
static void sizes_that_change_while_it_is_behind_are_safe(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    for (uint32_t i = 1; i <= 300; i++) {
        if (i % 7 == 0) {
            sink_scanout(f, 0, 0, 0);
            f->display.outputs[0].drawn = false;
        } else {
            sink_show(f, 0, 300 + i % 11 * 40, 400, i);
        }
        sink_loop(f);
        window_peer_read(&f->peer, i * 977 % 60000);
    }
    sink_show(f, 0, 321, 123, 4711);
    sink_settle(f);
    sink_assert_whole(f, 0, 4711, 321, 123);
}

static void nothing_drawn_sends_nothing(void **state)
{
    struct sink_fixture *f = *state;
    uint64_t before;

    sink_settle(f);
    before = f->peer.bytes;
    sink_paint(f, 0, 100, 100, 0, 1);
    f->display.outputs[0].drawn = false;
    sink_scanout(f, 0, 100, 100);
    assert_true(sink_update(f, 0, 0, 0, 100, 100));
    f->display.outputs[0].drawn = true;
    f->display.outputs[0].frame.width = f->display.outputs[0].frame.height = 20000;
    assert_true(
        sink_update(f, 0, 0, 0, 100, 100)); /* no front-end is asked for so large a window */
    sink_settle(f);
    assert_int_equal(f->peer.bytes, before);
}

/* ---- the stream outlives whoever writes it ---- */

static void a_message_is_sent_whole_or_not_at_all(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    f->spare = fd_duplicate(sink_of(f)->wire.fd);
    for (uint32_t seed = 1; seed <= 40; seed++) {
        int fd = fd_duplicate(f->spare);

        sink_show(f, 0, 700 + seed, 500, seed);
        if (seed % 2 == 0)
            sink_show(f, 1, 200, 300, seed);
        sink_loop(f);
        window_peer_read(&f->peer, seed * 13421 % 70000);
        assert_int_equal(sink_of(f)->wire.rest_at, sink_of(f)->wire.rest_size);
        /* As if its process had died: the next one begins anew on the same stream. */
        f->display.sink->impl->destroy(f->display.sink);
        f->display.held = 0;
        sink_start(f, fd);
        sink_loop(f);
    }
    sink_show(f, 0, 640, 480, 1000);
    sink_settle(f);
    sink_assert_whole(f, 0, 1000, 640, 480);
    assert_true(sink_of(f)->ask.ready);
    assert_int_equal(f->closed, 0);
}

static void a_socket_that_takes_half_a_message_gets_the_rest(void **state)
{
    struct sink_fixture *f = *state;
    int small = 0; /* as small as the kernel lets it be */

    sink_settle(f);
    assert_int_equal(setsockopt(sink_of(f)->wire.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
                     0);
    for (uint32_t seed = 1; seed <= 20; seed++) {
        sink_show(f, 0, 400, 300, seed);
        sink_loop(f);
        window_peer_read(&f->peer, 1000);
    }
    sink_settle(f);
    sink_assert_whole(f, 0, 20, 400, 300);
}

/* ---- the pointer ---- */

static void move(struct sink_fixture *f, unsigned output, int32_t x, int32_t y)
{
    f->display.inside = true;
    f->display.sink->impl->cursor_move(f->display.sink, output, x, y);
    f->display.inside = false;
}

static void point(struct sink_fixture *f, unsigned output, const struct sink_cursor *cursor,
                  int32_t x, int32_t y)
{
    f->display.inside = true;
    f->display.sink->impl->cursor(f->display.sink, output, cursor, x, y);
    f->display.inside = false;
}

static void the_pointer_has_a_picture_and_a_place(void **state)
{
    struct sink_fixture *f = *state;
    struct window_output *o = &f->peer.outputs[1];
    struct sink_cursor cursor = {.hot_x = 3, .hot_y = 4};

    sink_settle(f);
    for (unsigned i = 0; i < sizeof(cursor.pixels); i++)
        cursor.pixels[i] = (uint8_t)(i * 7 + i / 256);
    point(f, 1, &cursor, 100, 200);
    sink_settle(f);
    assert_true(o->cursor_shown);
    assert_int_equal(o->cursor.pos.x, 100);
    assert_int_equal(o->cursor.pos.y, 200);
    assert_int_equal(o->cursor.hot_x, 3);
    assert_int_equal(o->cursor.hot_y, 4);
    assert_memory_equal(o->cursor.pixels, cursor.pixels, sizeof(cursor.pixels));
    assert_int_equal(f->peer.count[VHOST_USER_GPU_CURSOR_UPDATE], 1);

    move(f, 1, -5, 20);
    sink_settle(f);
    assert_int_equal((int32_t)o->cursor.pos.x, -5);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_CURSOR_POS], 1);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_CURSOR_UPDATE], 1);

    point(f, 1, NULL, 7, 8);
    sink_settle(f);
    assert_false(o->cursor_shown);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_CURSOR_POS_HIDE], 1);
    move(f, 1, 9, 10); /* it stays hidden */
    sink_settle(f);
    assert_false(o->cursor_shown);
    assert_int_equal(o->cursor.pos.x, 9);
}

static void a_pointer_that_runs_ahead_is_told_of_once(void **state)
{
    struct sink_fixture *f = *state;
    struct sink_cursor cursor = {0};

    sink_settle(f);
    while (!sink_of(f)->blocked) {
        cursor.pixels[0]++;
        point(f, 0, &cursor, 0, 0);
    }
    f->peer.count[VHOST_USER_GPU_CURSOR_UPDATE] = 0;
    cursor.pixels[0] = 77;
    for (int i = 0; i < 1000; i++) {
        point(f, 0, &cursor, i, i);
        move(f, 0, i, 2 * i);
    }
    sink_settle(f);
    /* The socket was full of them. */
    assert_true(f->peer.count[VHOST_USER_GPU_CURSOR_UPDATE] <
                sink_room(f) / sizeof(cursor.pixels) + 10);
    assert_int_equal(f->peer.count[VHOST_USER_GPU_CURSOR_POS], 0);
    assert_int_equal(f->peer.outputs[0].cursor.pos.y, 1998);
    assert_int_equal(f->peer.outputs[0].cursor.pixels[0] & 0xff, 77);
}

/* ---- the end ---- */

static void a_front_end_that_hangs_up_ends_the_sink(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    sink_show(f, 0, 640, 480, 1);
    fd_close(&f->peer.fd);
    sink_loop(f);
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->display.held, 0);
}

static void a_front_end_that_hangs_up_early_ends_the_sink(void **state)
{
    struct sink_fixture *f = *state;

    fd_close(&f->peer.fd);
    sink_loop(f);
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->display.held, 0);
}

static void a_front_end_gone_while_drawing_ends_the_sink_later(void **state)
{
    struct sink_fixture *f = *state;

    sink_settle(f);
    fd_close(&f->peer.fd);
    sink_show(f, 0, 640, 480, 1); /* finds out, and must not be destroyed in it */
    assert_int_equal(f->closed, 0);
    sink_show(f, 0, 640, 480, 2);
    sink_loop(f);
    assert_int_equal(f->closed, 1);
}

static void a_hostile_answer_ends_the_sink(void **state)
{
    static const struct {
        struct vhost_user_gpu_header header;
        uint32_t send; /* bytes of payload that really come */
    } bad[] = {
        {{VHOST_USER_GPU_GET_DISPLAY_INFO, 4, 407}, 0},
        {{VHOST_USER_GPU_GET_DISPLAY_INFO, 4, UINT32_MAX}, 1000},
        {{VHOST_USER_GPU_GET_DISPLAY_INFO, 0, 408}, 408},
        {{VHOST_USER_GPU_GET_EDID, 4, 0}, 0},
        {{VHOST_USER_GPU_SCANOUT, 4, 0}, 0},
        {{VHOST_USER_GPU_UPDATE, 4, 20}, 20},
        {{0, 4, 0}, 0},
        {{13, 4, 0}, 0},
        {{UINT32_MAX, UINT32_MAX, UINT32_MAX}, 100},
    };
    struct sink_fixture *f = *state;
    uint8_t bytes[2048] = {0};
    int fds[2];

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (i > 0) {
            window_peer_finish(&f->peer);
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
            window_peer_init(&f->peer, fds[0]);
            sink_start(f, fds[1]);
        }
        if (i % 2 == 0)
            sink_settle(f);
        memcpy(bytes, &bad[i].header, sizeof(bad[i].header));
        assert_true(write(f->peer.fd, bytes, sizeof(bad[i].header) + bad[i].send) > 0);
        sink_loop(f);
        assert_int_equal(f->closed, i + 1);
        assert_int_equal(f->display.held, 0);
    }
}

static void random_answers_do_no_harm(void **state)
{
    struct sink_fixture *f = *state;
    uint64_t seed = 88172645463325252ull;
    uint8_t bytes[4096];
    int fds[2];

    for (unsigned i = 0; i < 300; i++) {
        if (f->display.sink == NULL) {
            window_peer_finish(&f->peer);
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
            window_peer_init(&f->peer, fds[0]);
            sink_start(f, fds[1]);
        }
        for (unsigned k = 0; k < sizeof(bytes); k++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes[k] = (uint8_t)seed;
        }
        /* Often a header that holds, with a payload that does not. */
        if (i % 4 != 0) {
            static const struct vhost_user_gpu_header good[] = {
                {VHOST_USER_GPU_GET_DISPLAY_INFO, 4, 408},
                {VHOST_USER_GPU_GET_EDID, 4, 1056},
                {VHOST_USER_GPU_DMABUF_UPDATE, 4, 0},
                {VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, 8},
            };
            memcpy(bytes, &good[i % 4], sizeof(good[0]));
            assert_true(write(f->peer.fd, bytes, 12 + good[i % 4].size) > 0);
        } else {
            assert_true(write(f->peer.fd, bytes, i % 97 + 1) > 0);
        }
        sink_loop(f);
        if (f->display.sink != NULL)
            sink_show(f, 0, 100, 100, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SINK_TEST(a_picture_arrives_pixel_for_pixel),
        SINK_TEST(a_picture_wider_than_a_message_arrives),
        SINK_TEST(only_what_is_new_is_sent),
        SINK_TEST(every_format_is_made_the_front_end_s),
        SINK_TEST(outputs_do_not_mix),
        SINK_TEST(an_output_goes_off_and_on),
        SINK_TEST(a_front_end_that_is_behind_gets_the_latest),
        SINK_TEST(sizes_that_change_while_it_is_behind_are_safe),
        SINK_TEST(nothing_drawn_sends_nothing),
        SINK_TEST(a_message_is_sent_whole_or_not_at_all),
        SINK_TEST(a_socket_that_takes_half_a_message_gets_the_rest),
        SINK_TEST(the_pointer_has_a_picture_and_a_place),
        SINK_TEST(a_pointer_that_runs_ahead_is_told_of_once),
        SINK_TEST(a_front_end_that_hangs_up_ends_the_sink),
        SINK_TEST(a_front_end_that_hangs_up_early_ends_the_sink),
        SINK_TEST(a_front_end_gone_while_drawing_ends_the_sink_later),
        SINK_TEST(a_hostile_answer_ends_the_sink),
        SINK_TEST(random_answers_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
