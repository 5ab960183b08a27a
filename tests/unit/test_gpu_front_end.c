/* SPDX-License-Identifier: MIT */
#include "gpu_2d.h"
#include "window_peer.h"

/* The device with a driver at one end and a front-end's window at the other. */

#define WIDTH 64u
#define HEIGHT 48u
#define SIZE (WIDTH * HEIGHT * 4)

static struct window_peer peer;

/* Gives the device a display socket, whose other end the window has. */
static void open_window(struct gpu_fixture *f)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    window_peer_init(&peer, fds[0]);
    f->device->impl->take_display(f->device, fds[1]);
}

static void settle(struct gpu_fixture *f)
{
    while (gpu_loop(f) > 0 || window_peer_read(&peer, SIZE_MAX) > 0)
        ;
}

static uint32_t pixel(uint32_t seed, uint32_t i)
{
    return ((seed + i) * 2654435761u) | 0xff000000u;
}

/* Has the resource 1 hold the picture 'seed'. */
static void draw(struct gpu_fixture *f, uint64_t at, uint32_t seed)
{
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++)
        *(uint32_t *)(void *)gpu_page(f, at, SIZE, i * 4) = pixel(seed, i);
    assert_int_equal(gpu_transfer(f, 1, gpu_rect(0, 0, WIDTH, HEIGHT), 0), NODATA);
}

static uint64_t make_picture(struct gpu_fixture *f)
{
    uint64_t at = ring_driver_alloc(&f->driver, SIZE);

    assert_int_equal(gpu_create_2d(f, 1, BGRX, WIDTH, HEIGHT), NODATA);
    assert_int_equal(gpu_back(f, 1, at, SIZE), NODATA);
    draw(f, at, 1);
    return at;
}

static void assert_window_shows(uint32_t output, uint32_t seed)
{
    const struct window_surface *shown = &peer.outputs[output].shown;

    assert_non_null(shown->pixels);
    assert_int_equal(shown->width, WIDTH);
    assert_int_equal(shown->height, HEIGHT);
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++)
        assert_int_equal(shown->pixels[i] | 0xff000000u, pixel(seed, i));
}

static void what_the_guest_draws_is_in_the_window(void **state)
{
    struct gpu_fixture *f = *state;
    uint64_t at;

    open_window(f);
    at = make_picture(f);
    assert_int_equal(gpu_scanout(f, 1, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
    assert_int_equal(gpu_flush(f, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
    settle(f);
    assert_window_shows(1, 1);
    draw(f, at, 2);
    settle(f);
    assert_window_shows(1, 1); /* it was not flushed */
    assert_int_equal(gpu_flush(f, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
    settle(f);
    assert_window_shows(1, 2);
    assert_int_equal(gpu_unref(f, 1), NODATA);
    settle(f);
    assert_null(peer.outputs[1].shown.pixels);
    window_peer_finish(&peer);
}

/* QEMU gives another socket after each pause; nothing is drawn anew for it. */
static void a_window_that_opens_later_shows_it_too(void **state)
{
    struct gpu_fixture *f = *state;

    make_picture(f);
    assert_int_equal(gpu_scanout(f, 0, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
    assert_int_equal(gpu_flush(f, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
    open_window(f);
    settle(f);
    assert_window_shows(0, 1);
    for (unsigned turn = 0; turn < 10; turn++) {
        if (turn % 2 == 0)
            window_peer_finish(&peer); /* else the new socket comes before the old one's end */
        if (turn % 4 == 0)
            settle(f);
        if (turn % 2 != 0)
            window_peer_finish(&peer);
        open_window(f);
        settle(f);
        assert_window_shows(0, 1);
    }
    window_peer_finish(&peer);
    settle(f);
    assert_int_equal(gpu_flush(f, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
}

static void ask_info(struct gpu_fixture *f)
{
    struct virtio_gpu_ctrl_hdr request = gpu_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);

    gpu_send(f, 0, &request, sizeof(request), 2048);
}

static struct virtio_gpu_resp_display_info take_info(struct gpu_fixture *f)
{
    struct virtio_gpu_resp_display_info info;

    assert_int_equal(gpu_take(f, 0), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    memcpy(&info, f->answer, sizeof(info));
    return info;
}

static void the_guest_is_told_the_window_s_sizes(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resp_display_info info;

    open_window(f);
    peer.width[3] = 300;
    peer.height[3] = 200;
    ask_info(f);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0)); /* the window has not said yet */
    settle(f);
    info = take_info(f);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(info.pmodes[i].enabled, i == 0 || i == 3);
    assert_int_equal(info.pmodes[0].r.width, 1024);
    assert_int_equal(info.pmodes[3].r.width, 300);
    /* The window is resized: the guest hears of it from the front-end, and asks. */
    peer.width[0] = 1111;
    ask_info(f);
    settle(f);
    info = take_info(f);
    assert_int_equal(info.pmodes[0].r.width, 1111);
    assert_int_equal(info.pmodes[0].r.height, 768);
    assert_int_equal(f->config_changes, 0); /* QEMU calls that an error */
    window_peer_finish(&peer);
    settle(f);
    ask_info(f); /* nobody has to be asked any more */
    gpu_loop(f);
    info = take_info(f);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(info.pmodes[i].enabled, i < 2);
    assert_int_equal(info.pmodes[0].r.width, 1280); /* our own again */
    assert_int_equal(f->config_changes, 0);
}

static void answered(void *data, int result, const char *text)
{
    *(int *)data = result;
}

static void a_person_does_not_outdo_the_window(void **state)
{
    struct gpu_fixture *f = *state;
    int result = 1;

    f->device->impl->command(f->device, "output 0 800x600", -1, answered, &result);
    assert_int_equal(result, 0);
    open_window(f);
    settle(f);
    f->device->impl->command(f->device, "output 0 640x480", -1, answered, &result);
    assert_int_equal(result, -EBUSY);
    window_peer_finish(&peer);
    settle(f);
    f->device->impl->command(f->device, "output 0 640x480", -1, answered, &result);
    assert_int_equal(result, 0);
}

/* The guest knows from the front-end how many outputs there are, and may be faster than its answer
 * to us. */
static void every_output_can_be_used_at_once(void **state)
{
    struct gpu_fixture *f = *state;

    make_picture(f);
    assert_int_equal(gpu_scanout(f, 15, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), BAD_SCANOUT);
    open_window(f);
    assert_int_equal(gpu_scanout(f, 15, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
    assert_int_equal(gpu_flush(f, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
    settle(f);
    assert_window_shows(15, 1);
    window_peer_finish(&peer);
}

static uint32_t ask_edid(struct gpu_fixture *f, uint32_t output)
{
    struct virtio_gpu_cmd_get_edid request = {gpu_header(VIRTIO_GPU_CMD_GET_EDID, 0),
                                              htole32(output), 0};

    gpu_send(f, 0, &request, sizeof(request), 2048);
    settle(f);
    return gpu_take(f, 0);
}

static void the_guest_is_told_the_window_s_edids(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resp_edid edid;

    open_window(f);
    peer.edids = 12;
    /* The guest knows from the front-end that there are twelve; we were told of two. */
    for (uint32_t i = 12; i-- > 0;) {
        assert_int_equal(ask_edid(f, i), VIRTIO_GPU_RESP_OK_EDID);
        memcpy(&edid, f->answer, sizeof(edid));
        assert_int_equal(edid.size, 1024);
        assert_int_equal(edid.edid[77], 0xa0 + i);
    }
    assert_int_equal(ask_edid(f, 13), VIRTIO_GPU_RESP_OK_EDID); /* our own */
    memcpy(&edid, f->answer, sizeof(edid));
    assert_int_equal(edid.edid[1], 0xff);
    assert_int_equal(ask_edid(f, 16), BAD_SCANOUT);
    assert_int_equal(ask_edid(f, UINT32_MAX), BAD_SCANOUT);
    assert_int_equal(f->config_changes, 0);
    window_peer_finish(&peer);
}

static void questions_end_with_the_window(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resp_display_info info;

    open_window(f);
    peer.silent = true;
    ask_info(f);
    settle(f);
    assert_false(gpu_answered(f, 0));
    window_peer_finish(&peer);
    gpu_loop(f);
    info = take_info(f);
    assert_int_equal(info.pmodes[0].r.width, 1280); /* ours */
}

static void a_reset_leaves_the_window(void **state)
{
    struct gpu_fixture *f = *state;

    open_window(f);
    peer.silent = true;
    ask_info(f); /* never answered: the driver is gone */
    settle(f);
    fake_port_reset(&f->port);
    f->device->impl->reset(f->device);
    peer.silent = false;
    window_peer_send(&peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, &peer.offers, 8);
    settle(f);
    assert_false(gpu_answered(f, 0));
    make_picture(f);
    assert_int_equal(gpu_scanout(f, 0, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
    assert_int_equal(gpu_flush(f, 1, gpu_rect(0, 0, WIDTH, HEIGHT)), NODATA);
    settle(f);
    assert_window_shows(0, 1);
    fake_port_reset(&f->port);
    f->device->impl->reset(f->device);
    settle(f);
    assert_null(peer.outputs[0].shown.pixels);
    window_peer_finish(&peer);
}

static void the_pointer_is_in_the_window(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_update_cursor request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_UPDATE_CURSOR, 0),
        .pos = {.scanout_id = htole32(1), .x = htole32(11), .y = htole32(22)},
        .resource_id = htole32(9),
        .hot_x = htole32(3),
        .hot_y = htole32(4),
    };

    open_window(f);
    settle(f);
    assert_int_equal(gpu_create_2d(f, 9, BGRA, 64, 64), NODATA);
    assert_true(gpu_cursor(f, &request));
    settle(f);
    assert_true(peer.outputs[1].cursor_shown);
    assert_int_equal(peer.outputs[1].cursor.pos.x, 11);
    assert_int_equal(peer.outputs[1].cursor.hot_y, 4);
    request.resource_id = 0;
    assert_true(gpu_cursor(f, &request));
    settle(f);
    assert_false(peer.outputs[1].cursor_shown);
    window_peer_finish(&peer);
}

/* As QEMU's vhost-user-gpu passes on a driver's write of events_clear. */
static void the_whole_config_space_may_be_written(void **state)
{
    struct gpu_fixture *f = *state;
    struct gpu *gpu = (struct gpu *)(void *)f->device;
    uint32_t config[5] = {UINT32_MAX, htole32(1), UINT32_MAX, UINT32_MAX, UINT32_MAX};
    struct virtio_gpu_config_space before = gpu->config;

    gpu->config.events_read = before.events_read = 1;
    f->device->impl->write_config(f->device, 8, config, 12); /* behind it */
    f->device->impl->write_config(f->device, 0, config, 7);  /* not all of it */
    assert_memory_equal(&gpu->config, &before, sizeof(before));
    f->device->impl->write_config(f->device, 0, config, sizeof(config));
    before.events_read = 0;
    assert_memory_equal(&gpu->config, &before, sizeof(before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(what_the_guest_draws_is_in_the_window),
        GPU_TEST(a_window_that_opens_later_shows_it_too),
        GPU_TEST(the_guest_is_told_the_window_s_sizes),
        GPU_TEST(a_person_does_not_outdo_the_window),
        GPU_TEST(every_output_can_be_used_at_once),
        GPU_TEST(the_guest_is_told_the_window_s_edids),
        GPU_TEST(questions_end_with_the_window),
        GPU_TEST(a_reset_leaves_the_window),
        GPU_TEST(the_pointer_is_in_the_window),
        GPU_TEST(the_whole_config_space_may_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
