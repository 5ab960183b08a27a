/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "tests/frontend/gpu_guest_3d.h"
#include "tests/unit/window_peer.h"

/*
 * A front-end with the habits of QEMU's vhost-user-gpu-pci: it shows the outputs in a window, has
 * no window for buffers, takes EVENT_IDX and RING_RESET unasked, and gives another display socket
 * each time that it starts the rings.
 */
#define WIDTH 640u
#define HEIGHT 480u

/* The window, which a thread of its own serves, as QEMU's main loop does beside the guest. */
static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    bool open, stalled, leave;
    struct window_peer peer;
} window = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *serve_window(void *data)
{
    for (;;) {
        struct pollfd wait = {.fd = -1, .events = POLLIN};
        bool leave;

        pthread_mutex_lock(&window.lock);
        leave = window.leave;
        if (window.open && !window.stalled) {
            window_peer_read(&window.peer, SIZE_MAX);
            wait.fd = window.peer.fd;
        }
        pthread_mutex_unlock(&window.lock);
        if (leave)
            return NULL;
        poll(&wait, 1, 5);
    }
}

/* Opens the window, or another one, and gives the back-end its end of the display socket. */
static void open_window(struct story *s)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    pthread_mutex_lock(&window.lock);
    if (window.open)
        window_peer_finish(&window.peer);
    window_peer_init(&window.peer, fds[0]);
    window.open = true;
    pthread_mutex_unlock(&window.lock);
    assert_int_equal(
        frontend_tell(&s->frontend, VHOST_USER_GPU_SET_SOCKET, NULL, 0, &fds[1], 1, false), 0);
    close(fds[1]);
}

static void stall_window(bool stalled)
{
    pthread_mutex_lock(&window.lock);
    window.stalled = stalled;
    pthread_mutex_unlock(&window.lock);
}

/* The program starts, the front-end joins with its window, and the rings run. */
static void begin_with(struct story *s, const char *const *arguments)
{
    struct frontend_plan plan;

    window.leave = window.stalled = false;
    assert_int_equal(pthread_create(&window.thread, NULL, serve_window, NULL), 0);
    story_start(s, arguments);
    frontend_plan_init(&plan, s->cast.habit);
    plan.no_window = true;
    story_connect(s, &plan);
    assert_int_equal(frontend_negotiate(&s->frontend), 0);
    s->frontend.features |= VHOST_USER_BIT(VIRTIO_RING_F_EVENT_IDX) | VHOST_USER_BIT(40);
    open_window(s);
    assert_int_equal(frontend_start(&s->frontend), 0);
}

static void begin(struct story *s)
{
    begin_with(s, NULL);
}

static void end(struct story *s)
{
    pthread_mutex_lock(&window.lock);
    window.leave = true;
    pthread_mutex_unlock(&window.lock);
    pthread_join(window.thread, NULL);
    if (window.open)
        window_peer_finish(&window.peer);
    window.open = false;
    story_end(s);
}

/* ---- the guest ---- */

static uint32_t pixel(uint32_t seed, uint32_t i)
{
    return (seed + i) * 2654435761u;
}

static int command(struct story *s, void *request, size_t size)
{
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_command(&s->frontend, request, size, &answer, sizeof(answer));
}

/* Makes a resource and gives it pages, whose address is returned. */
static uint64_t make_resource(struct story *s, uint32_t id, uint32_t width, uint32_t height)
{
    uint32_t size = width * height * 4;
    uint64_t at = guest_ram_take(&s->frontend.ram, GUEST_RAM_UPPER, size, 4096);

    assert_true(at != UINT64_MAX);
    assert_int_equal(gpu_guest_picture(&s->frontend, id, width, height), OK);
    assert_int_equal(gpu_guest_attach_pages(&s->frontend, id, at, at + size / 2, size), OK);
    return at;
}

static uint64_t make_picture(struct story *s)
{
    return make_resource(s, 1, WIDTH, HEIGHT);
}

static int set_scanout(struct story *s, uint32_t output)
{
    struct virtio_gpu_set_scanout show = {
        .hdr = {.type = VIRTIO_GPU_CMD_SET_SCANOUT},
        .r = {0, 0, WIDTH, HEIGHT},
        .scanout_id = output,
        .resource_id = 1,
    };

    return command(s, &show, sizeof(show));
}

/* Draws the picture 'seed' and has it shown. Returns the answer to the flush. */
static int draw(struct story *s, uint64_t at, uint32_t seed)
{
    struct virtio_gpu_resource_flush flush = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH},
        .r = {0, 0, WIDTH, HEIGHT},
        .resource_id = 1,
    };
    uint32_t *pixels = guest_ram_at(&s->frontend.ram, at);

    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++)
        pixels[i] = pixel(seed, i);
    assert_int_equal(gpu_guest_transfer_2d(&s->frontend, 1, WIDTH, HEIGHT), OK);
    return command(s, &flush, sizeof(flush));
}

/* Whether the window shows the picture 'seed' on that output. */
static bool shows(uint32_t output, uint32_t seed)
{
    const struct window_surface *shown = &window.peer.outputs[output].shown;
    bool same;

    pthread_mutex_lock(&window.lock);
    same = shown->pixels != NULL && shown->width == WIDTH && shown->height == HEIGHT;
    for (uint32_t i = 0; same && i < WIDTH * HEIGHT; i++)
        same = shown->pixels[i] == pixel(seed, i);
    pthread_mutex_unlock(&window.lock);
    return same;
}

static void await_shown(struct story *s, uint32_t output, uint32_t seed)
{
    for (unsigned waited = 0; !shows(output, seed); waited += 10) {
        assert_true(waited < 10000);
        assert_int_equal(frontend_pump(&s->frontend, -1, 10), 0);
    }
}

static struct virtio_gpu_resp_display_info ask_info(struct story *s)
{
    struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
    struct virtio_gpu_resp_display_info info;

    assert_int_equal(
        gpu_guest_command(&s->frontend, &request, sizeof(request), &info, sizeof(info)),
        VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    return info;
}

/* ---- the stories ---- */

static void the_guest_s_console_is_in_the_window(void **state)
{
    struct story *s = story(state);
    struct virtio_gpu_resp_display_info info;
    uint64_t at;

    begin(s);
    info = ask_info(s);
    assert_int_equal(info.pmodes[0].r.width, 1024);
    assert_int_equal(info.pmodes[0].r.height, 768);
    assert_int_equal(info.pmodes[1].enabled, 0);
    at = make_picture(s);
    assert_int_equal(set_scanout(s, 1), OK); /* one more than --output says: the window has two */
    for (uint32_t seed = 1; seed <= 5; seed++) {
        assert_int_equal(draw(s, at, seed), OK);
        await_shown(s, 1, seed);
    }
    assert_int_equal(story_shmem_requests(s), 0);
    assert_int_equal(s->frontend.counts.config_changes, 0);
    end(s);
}

/* The guest goes on while the window's owner is stuck, and then it has the latest. */
static void a_window_that_is_stuck_holds_up_nobody(void **state)
{
    struct story *s = story(state);
    uint64_t at;

    begin(s);
    at = make_picture(s);
    assert_int_equal(set_scanout(s, 0), OK);
    assert_int_equal(draw(s, at, 1), OK);
    await_shown(s, 0, 1);
    stall_window(true);
    for (uint32_t seed = 2; seed <= 60; seed++)
        assert_int_equal(draw(s, at, seed), OK);
    stall_window(false);
    await_shown(s, 0, 60);
    end(s);
}

static void a_pause_brings_another_socket(void **state)
{
    struct story *s = story(state);
    uint64_t at;

    begin(s);
    at = make_picture(s);
    assert_int_equal(set_scanout(s, 0), OK);
    assert_int_equal(draw(s, at, 7), OK);
    for (unsigned turn = 0; turn < 5; turn++) {
        await_shown(s, 0, 7);
        assert_int_equal(frontend_stop(&s->frontend), 0);
        open_window(s);
        assert_int_equal(frontend_start(&s->frontend), 0);
    }
    await_shown(s, 0, 7);
    assert_int_equal(draw(s, at, 8), OK);
    await_shown(s, 0, 8);
    end(s);
}

/* The socket is full of a picture when the worker is killed. The window checks each byte: it must
 * never see half a message, and the next worker goes on where the stream stands. */
static void the_stream_outlives_the_worker(void **state)
{
    struct story *s = story(state);
    uint64_t at = 0;

    begin(s);
    for (uint32_t turn = 0; turn < 4; turn++) {
        pid_t worker = story_worker(s);

        if (turn == 0) {
            at = make_picture(s);
            assert_int_equal(set_scanout(s, 0), OK);
        }
        assert_int_equal(draw(s, at, 100 + turn), OK);
        await_shown(s, 0, 100 + turn);
        stall_window(true);
        for (uint32_t seed = 0; seed < 3; seed++)
            assert_int_equal(draw(s, at, 200 + seed), OK);
        kill(worker, SIGKILL);
        stall_window(turn % 2 == 0);
        story_await_another(s, worker);
        stall_window(false);
        assert_int_equal(ask_info(s).pmodes[0].r.width, 1024);
        await_shown(s, 0, 202); /* without a word of the guest */
    }
    assert_int_equal(draw(s, at, 1000), OK);
    await_shown(s, 0, 1000);
    assert_int_equal(window.peer.fds.count, 0);
    assert_int_equal(window.peer.have, 0);
    end(s);
}

/* What a front-end does on that socket costs it the window and nothing else. */
static void a_hostile_window_costs_only_itself(void **state)
{
    static const struct vhost_user_gpu_header bad = {VHOST_USER_GPU_SCANOUT, 4, 0xffffffff};
    struct story *s = story(state);
    pid_t worker;
    uint64_t at;

    begin(s);
    worker = story_worker(s);
    assert_int_equal(ask_info(s).pmodes[0].r.width, 1024);
    at = make_picture(s);
    assert_int_equal(set_scanout(s, 0), OK);
    for (unsigned turn = 0; turn < 20; turn++) {
        pthread_mutex_lock(&window.lock);
        assert_true(write(window.peer.fd, &bad, sizeof(bad)) > 0);
        pthread_mutex_unlock(&window.lock);
        assert_int_equal(draw(s, at, turn), OK);
        open_window(s);
    }
    assert_int_equal(draw(s, at, 99), OK);
    await_shown(s, 0, 99);
    assert_int_equal(story_worker(s), worker);
    end(s);
}

/* ---- the pointer in the pictures ---- */

#define SIDE 64u
#define POINTER 0xfe1234u

/* The guest's pointer: one colour, half of it a hole. */
static void make_pointer(struct story *s)
{
    uint32_t *pixels = guest_ram_at(&s->frontend.ram, make_resource(s, 2, SIDE, SIDE));

    for (uint32_t i = 0; i < SIDE * SIDE; i++)
        pixels[i] = i % SIDE < SIDE / 2 ? POINTER | 0xff000000u : 0;
    assert_int_equal(gpu_guest_transfer_2d(&s->frontend, 2, SIDE, SIDE), OK);
}

/* On the cursor queue, without room for an answer. 'id' 0: it is hidden. */
static void point(struct story *s, uint32_t type, uint32_t id, int32_t x, int32_t y)
{
    struct virtio_gpu_update_cursor request = {
        .hdr = {.type = type},
        .pos = {.scanout_id = 0, .x = (uint32_t)x, .y = (uint32_t)y},
        .resource_id = id,
    };
    int slot = frontend_submit(&s->frontend, GPU_GUEST_CURSORQ, &request, sizeof(request), 0);

    assert_true(slot >= 0);
    assert_true(frontend_await(&s->frontend, GPU_GUEST_CURSORQ, (unsigned)slot, NULL, 0,
                               FRONTEND_PATIENCE) >= 0);
}

/* Whether the window shows the picture 'seed' with the pointer over it, if 'pointed'. */
static bool shows_pointed(uint32_t seed, bool pointed, int32_t x, int32_t y)
{
    const struct window_surface *shown = &window.peer.outputs[0].shown;
    bool same;

    pthread_mutex_lock(&window.lock);
    same = shown->pixels != NULL && shown->width == WIDTH && shown->height == HEIGHT;
    for (uint32_t i = 0; same && i < WIDTH * HEIGHT; i++) {
        int32_t dx = (int32_t)(i % WIDTH) - x, dy = (int32_t)(i / WIDTH) - y;
        bool over = pointed && dx >= 0 && dx < (int32_t)SIDE / 2 && dy >= 0 && dy < (int32_t)SIDE;

        same = ((shown->pixels[i] ^ (over ? POINTER : pixel(seed, i))) & 0xffffff) == 0;
    }
    pthread_mutex_unlock(&window.lock);
    return same;
}

static void await_pointed(struct story *s, uint32_t seed, bool pointed, int32_t x, int32_t y)
{
    for (unsigned waited = 0; !shows_pointed(seed, pointed, x, y); waited += 10) {
        assert_true(waited < 10000);
        assert_int_equal(frontend_pump(&s->frontend, -1, 10), 0);
    }
}

/* With --pointer=drawn the pixels that the window is given have the pointer in them, also those of
 * the next worker, and the window has no pointer of its own. */
static void a_drawn_pointer_is_in_the_picture(void **state)
{
    static const char *const arguments[] = {"--pointer=drawn", NULL};
    struct story *s = story(state);
    pid_t worker;
    uint64_t at;

    begin_with(s, arguments);
    at = make_picture(s);
    make_pointer(s);
    assert_int_equal(set_scanout(s, 0), OK);
    assert_int_equal(draw(s, at, 1), OK);
    point(s, VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 100, 50);
    await_pointed(s, 1, true, 100, 50);
    point(s, VIRTIO_GPU_CMD_MOVE_CURSOR, 0, -10, -20);
    await_pointed(s, 1, true, -10, -20);
    stall_window(true);
    for (int32_t i = 0; i < 200; i++)
        point(s, VIRTIO_GPU_CMD_MOVE_CURSOR, 0, i * 37 % 600, i * 11 % 400);
    assert_int_equal(draw(s, at, 2), OK);
    stall_window(false);
    await_pointed(s, 2, true, 199 * 37 % 600, 199 * 11 % 400);
    worker = story_worker(s);
    kill(worker, SIGKILL);
    story_await_another(s, worker);
    await_pointed(s, 2, true, 199 * 37 % 600, 199 * 11 % 400); /* without a word of the guest */
    point(s, VIRTIO_GPU_CMD_MOVE_CURSOR, 0, 620, 470);
    await_pointed(s, 2, true, 620, 470);
    point(s, VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 620, 470);
    await_pointed(s, 2, false, 0, 0);
    assert_int_equal(window.peer.count[VHOST_USER_GPU_CURSOR_UPDATE], 0);
    assert_int_equal(window.peer.count[VHOST_USER_GPU_CURSOR_POS], 0);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_guest_s_console_is_in_the_window, gpu_qemu_arena),
        STORY(a_window_that_is_stuck_holds_up_nobody, gpu_qemu_arena),
        STORY(a_pause_brings_another_socket, gpu_qemu_arena),
        STORY(the_stream_outlives_the_worker, gpu_qemu_arena),
        STORY(a_hostile_window_costs_only_itself, gpu_qemu_single),
        STORY(a_drawn_pointer_is_in_the_picture, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
