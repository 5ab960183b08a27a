/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SINK_FIXTURE_H
#define TESTS_UNIT_SINK_FIXTURE_H

/* A sink on a display socket, between a display that the test plays and a front-end's window. */
#include "fd_count.h"
#include "window_peer.h"

#include "gpu/sink_socket.h"

#define SINK_TEST(function) cmocka_unit_test_setup_teardown(function, sink_setup, sink_teardown)

struct fake_output {
    bool drawn;
    struct sink_frame frame;
    uint8_t *pixels;        /* of the frame; owned */
    unsigned updated;       /* display_updated */
    unsigned sets, edids;   /* display_set_output, display_set_edid */
    uint32_t width, height; /* of the last */
    uint8_t edid[1024];
    uint32_t edid_size;
};

/* What gpu/display.h promises a sink. */
struct display {
    struct sink *sink;
    bool inside; /* an operation of the sink's runs */
    int held;
    unsigned holds;
    struct fake_output outputs[VIRTIO_GPU_MAX_SCANOUTS];
};

struct sink_fixture {
    sd_event *loop;
    struct display display;
    struct window_peer peer;
    int spare; /* a duplicate of the sink's end, as the door has one; -1 */
    unsigned closed;
};

bool display_frame(struct display *display, unsigned output, struct sink_frame *frame)
{
    if (!display->outputs[output].drawn)
        return false;
    *frame = display->outputs[output].frame;
    return true;
}

void display_updated(struct sink *sink, unsigned output)
{
    assert_false(sink->display->inside);
    sink->display->outputs[output].updated++;
}

int display_set_output(struct display *display, unsigned output, uint32_t width, uint32_t height,
                       uint32_t hz)
{
    struct fake_output *o = &display->outputs[output];

    assert_false(display->inside);
    assert_int_equal(hz, 0);
    o->sets++;
    if (width > 8192)
        return -EINVAL;
    o->width = width;
    o->height = height;
    return 0;
}

int display_set_edid(struct display *display, unsigned output, const void *edid, uint32_t size)
{
    struct fake_output *o = &display->outputs[output];

    assert_false(display->inside);
    o->edids++;
    if (size > sizeof(o->edid) || size % 128 != 0)
        return -EINVAL;
    memcpy(o->edid, edid, size);
    o->edid_size = size;
    return 0;
}

void display_hold(struct display *display)
{
    display->held++;
    display->holds++;
}

void display_release(struct display *display)
{
    assert_true(display->held > 0);
    display->held--;
}

static void on_closed(void *data, struct sink *sink)
{
    struct sink_fixture *f = data;

    assert_ptr_equal(sink, f->display.sink);
    f->closed++;
    sink->impl->destroy(sink);
    f->display.sink = NULL;
}

static inline void sink_start(struct sink_fixture *f, int fd)
{
    f->display.sink = sink_socket_create(f->loop, fd, on_closed, f);
    assert_non_null(f->display.sink);
    f->display.sink->display = &f->display;
    sink_socket_begin(f->display.sink);
}

static inline struct sink_socket *sink_of(struct sink_fixture *f)
{
    return (struct sink_socket *)(void *)f->display.sink;
}

/* How many bytes its socket takes, by and large. */
static inline unsigned sink_room(struct sink_fixture *f)
{
    int size = 0;
    socklen_t length = sizeof(size);

    assert_int_equal(getsockopt(sink_of(f)->wire.fd, SOL_SOCKET, SO_SNDBUF, &size, &length), 0);
    return (unsigned)size;
}

static inline int sink_setup(void **state)
{
    struct sink_fixture *f = calloc(1, sizeof(*f));
    int fds[2];

    fd_count_setup(state);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(sd_event_new(&f->loop) >= 0);
    window_peer_init(&f->peer, fds[0]);
    f->spare = -1;
    sink_start(f, fds[1]);
    *state = f;
    return 0;
}

static inline int sink_teardown(void **state)
{
    struct sink_fixture *f = *state;

    if (f->display.sink != NULL)
        f->display.sink->impl->destroy(f->display.sink);
    assert_int_equal(f->display.held, 0);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        free(f->display.outputs[i].pixels);
    window_peer_finish(&f->peer);
    fd_close(&f->spare);
    sd_event_unref(f->loop);
    free(f);
    return fd_count_teardown(state);
}

/* Runs the sink's loop until it has nothing to do. */
static inline unsigned sink_loop(struct sink_fixture *f)
{
    unsigned rounds = 0;

    while (sd_event_run(f->loop, 0) > 0)
        assert_true(++rounds < 100000);
    return rounds;
}

/* Both ends, until neither has anything to do. */
static inline void sink_settle(struct sink_fixture *f)
{
    unsigned rounds = 0;

    while (sink_loop(f) > 0 || window_peer_read(&f->peer, SIZE_MAX) > 0)
        assert_true(++rounds < 100000);
}

/* Both ends, until 'condition' holds, which it must within 10 s. */
#define SINK_AWAIT(f, condition)                                                                   \
    do {                                                                                           \
        for (unsigned sink_turn = 0; !(condition); sink_turn++) {                                  \
            assert_true(sink_turn < 10000);                                                        \
            sd_event_run((f)->loop, 1000);                                                         \
            sink_settle(f);                                                                        \
        }                                                                                          \
    } while (0)

/* ---- what the display does ---- */

/* The pixel x, y of the picture 'seed', as a word of any format. */
static inline uint32_t sink_pixel(uint32_t seed, uint32_t x, uint32_t y)
{
    return (seed * 2654435761u) ^ (y * 40503u + x) * 2246822519u;
}

/* Gives 'output' another picture, with lines that are 'gap' bytes longer than they need be. */
static inline void sink_paint(struct sink_fixture *f, unsigned output, uint32_t width,
                              uint32_t height, uint32_t gap, uint32_t seed)
{
    struct fake_output *o = &f->display.outputs[output];
    uint32_t stride = width * 4 + gap;

    free(o->pixels);
    o->pixels = malloc((size_t)stride * height);
    assert_non_null(o->pixels);
    memset(o->pixels, 0xee, (size_t)stride * height);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            ((uint32_t *)(void *)(o->pixels + (size_t)y * stride))[x] = sink_pixel(seed, x, y);
    o->drawn = true;
    o->frame = (struct sink_frame){
        .pixels = o->pixels,
        .width = width,
        .height = height,
        .stride = stride,
        .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
        .dmabuf = -1,
    };
}

static inline void sink_scanout(struct sink_fixture *f, unsigned output, uint32_t width,
                                uint32_t height)
{
    f->display.inside = true;
    f->display.sink->impl->scanout(f->display.sink, output, width, height);
    f->display.inside = false;
}

static inline bool sink_update(struct sink_fixture *f, unsigned output, uint32_t x, uint32_t y,
                               uint32_t width, uint32_t height)
{
    struct rect damage = {x, y, width, height};
    bool go_on;

    f->display.inside = true;
    go_on = f->display.sink->impl->update(f->display.sink, output,
                                          &f->display.outputs[output].frame, &damage);
    f->display.inside = false;
    return go_on;
}

/* Another picture on 'output', whole. */
static inline void sink_show(struct sink_fixture *f, unsigned output, uint32_t width,
                             uint32_t height, uint32_t seed)
{
    sink_paint(f, output, width, height, 0, seed);
    sink_scanout(f, output, width, height);
    assert_true(sink_update(f, output, 0, 0, width, height));
}

/* Whether the window shows the picture 'seed' in a rectangle. */
static inline void sink_assert_shows(struct sink_fixture *f, unsigned output, uint32_t seed,
                                     uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    const struct window_surface *shown = &f->peer.outputs[output].shown;

    assert_non_null(shown->pixels);
    for (uint32_t j = y; j < y + height; j++)
        for (uint32_t i = x; i < x + width; i++)
            if (shown->pixels[(size_t)j * shown->width + i] != sink_pixel(seed, i, j))
                fail_msg("pixel %u, %u is %08x, not %08x", i, j,
                         shown->pixels[(size_t)j * shown->width + i], sink_pixel(seed, i, j));
}

static inline void sink_assert_whole(struct sink_fixture *f, unsigned output, uint32_t seed,
                                     uint32_t width, uint32_t height)
{
    assert_int_equal(f->peer.outputs[output].shown.width, width);
    assert_int_equal(f->peer.outputs[output].shown.height, height);
    sink_assert_shows(f, output, seed, 0, 0, width, height);
}

#endif
