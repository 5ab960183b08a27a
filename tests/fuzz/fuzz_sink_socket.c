/* SPDX-License-Identifier: MIT */
/*
 * A display whose outputs do what the input says, and a front-end's window that reads late, answers
 * late, answers what it was not asked, lies, or hangs up. Besides the sanitizers an oracle watches:
 * the window checks that each message keeps its rule and would not harm QEMU, also when the worker
 * dies and another goes on with the socket; what waits for the window is let go, once; and in the
 * end, if nobody lied, the window shows what the outputs show, with the pointer where that is
 * drawn.
 */
#include "fuzz.h"

#include "../unit/window_peer.h"
#include "base/log.h"
#include "gpu/blend.h"
#include "gpu/sink_socket.h"
#include "protocol/cursor.h"

#define LONGEST_INPUT 4096u
#define OUTPUTS 3u
#define MOST_SIDE 300u
#define MUST WINDOW_PEER_MUST

struct fake_output {
    bool on, drawn;
    struct sink_frame frame;
    unsigned waits;
};

struct display {
    struct sink *sink;
    bool inside;
    int held;
    struct fake_output outputs[OUTPUTS];
};

static struct {
    struct reader input;
    sd_event *loop;
    struct display display;
    struct window_peer peer;
    int spare; /* the socket as the door has it */
    bool lied;
    bool draws; /* the pointer is drawn into the pictures */
    struct {
        bool shown;
        int32_t x, y;
    } pointers[OUTPUTS];
    struct sink_cursor cursor;
    uint32_t pixels[MOST_SIDE * MOST_SIDE + 64];
} f;

bool display_frame(struct display *display, unsigned output, struct sink_frame *frame)
{
    MUST(output < OUTPUTS);
    *frame = display->outputs[output].frame;
    return display->outputs[output].on && display->outputs[output].drawn;
}

void display_updated(struct sink *sink, unsigned output)
{
    MUST(!sink->display->inside && sink->display->outputs[output].waits > 0);
    sink->display->outputs[output].waits--;
}

int display_set_output(struct display *display, unsigned output, uint32_t width, uint32_t height,
                       uint32_t hz)
{
    MUST(!display->inside && output < VIRTIO_GPU_MAX_SCANOUTS);
    return width > 8192 ? -EINVAL : 0;
}

int display_set_edid(struct display *display, unsigned output, const void *edid, uint32_t size)
{
    MUST(!display->inside && output < VIRTIO_GPU_MAX_SCANOUTS && size <= 1024);
    return size % 128 != 0 ? -EINVAL : 0;
}

void display_hold(struct display *display)
{
    MUST(++display->held == 1);
}

void display_release(struct display *display)
{
    MUST(--display->held == 0);
}

static uint32_t below(uint32_t limit)
{
    return reader_u8(&f.input) % limit;
}

/* What nobody has to wait for any more, since the sink is gone. */
static void forget_waits(void)
{
    for (unsigned i = 0; i < OUTPUTS; i++)
        f.display.outputs[i].waits = 0;
}

static void on_closed(void *data, struct sink *sink)
{
    MUST(sink == f.display.sink);
    sink->impl->destroy(sink);
    f.display.sink = NULL;
    forget_waits();
}

static struct sink_socket *sink_of(void)
{
    return (struct sink_socket *)(void *)f.display.sink;
}

static void tell(unsigned output)
{
    struct fake_output *o = &f.display.outputs[output];

    f.display.inside = true;
    f.display.sink->impl->scanout(f.display.sink, output, o->on ? o->frame.width : 0,
                                  o->on ? o->frame.height : 0);
    f.display.inside = false;
}

static void tell_pointer(unsigned output)
{
    f.display.inside = true;
    f.display.sink->impl->cursor(f.display.sink, output,
                                 f.pointers[output].shown ? &f.cursor : NULL, f.pointers[output].x,
                                 f.pointers[output].y);
    f.display.inside = false;
}

static void update(unsigned output, struct rect damage)
{
    struct fake_output *o = &f.display.outputs[output];

    if (!o->on || !o->drawn || rect_is_empty(&damage))
        return;
    f.display.inside = true;
    if (!f.display.sink->impl->update(f.display.sink, output, &o->frame, &damage))
        o->waits++;
    f.display.inside = false;
}

static struct rect whole(unsigned output)
{
    return (struct rect){0, 0, f.display.outputs[output].frame.width,
                         f.display.outputs[output].frame.height};
}

/* A sink on a duplicate of the socket: the first one, or the next worker's. */
static void start(void)
{
    f.display.sink = sink_socket_create(f.loop, fd_duplicate(f.spare), on_closed, NULL);
    MUST(f.display.sink != NULL);
    f.display.sink->display = &f.display;
    if (f.draws)
        sink_socket_draw_pointer(f.display.sink);
    sink_of()->answer_us = sink_of()->show_us = below(4) == 0 ? 0 : 3600000000u;
    for (unsigned i = 0; i < OUTPUTS; i++)
        if (f.display.outputs[i].on) {
            tell(i);
            update(i, whole(i));
        }
    for (unsigned i = 0; i < OUTPUTS; i++)
        if (f.pointers[i].shown)
            tell_pointer(i);
    sink_socket_begin(f.display.sink);
}

static void die(void)
{
    f.display.sink->impl->destroy(f.display.sink);
    MUST(f.display.held == 0);
    forget_waits();
    f.peer.worker_died = true;
    start();
}

/* ---- what the outputs do ---- */

static void paint(unsigned output)
{
    static uint64_t serial;
    struct fake_output *o = &f.display.outputs[output];
    static const uint32_t formats[] = {VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
                                       VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM};
    uint32_t width = 1 + below(MOST_SIDE < 256 ? MOST_SIDE : 256) + below(2) * 40;

    o->on = true;
    o->drawn = below(8) != 0;
    o->frame = (struct sink_frame){
        .pixels = (const uint8_t *)f.pixels,
        .width = width,
        .height = 1 + below(200),
        .stride = MOST_SIDE * 4,
        .format = formats[below(4) == 0],
        .serial = ++serial,
        .dmabuf = below(3) == 0 ? f.spare : -1,
        .modifier = below(2),
        .dmabuf_x = below(8) == 0,
    };
    tell(output);
    update(output, whole(output));
}

static void change(void)
{
    unsigned output = below(OUTPUTS);
    struct fake_output *o = &f.display.outputs[output];
    struct rect part = {below(200), below(200), below(100), below(100)}, all = whole(output);

    switch (below(4)) {
    case 0:
        paint(output);
        break;
    case 1:
        o->on = false;
        tell(output);
        break;
    default:
        part = rect_common(&part, &all);
        update(output, part);
    }
}

static void point(void)
{
    unsigned output = below(OUTPUTS);

    f.pointers[output].x = (int32_t)below(256) * 2 - 100;
    f.pointers[output].y = (int32_t)below(256) - 30;
    if (below(2)) {
        f.pointers[output].shown = below(3) != 0;
        memset(f.cursor.pixels, (int)below(256), 512);
        tell_pointer(output);
        for (unsigned i = 0; i < OUTPUTS; i++) /* all have the same picture */
            tell_pointer(i);
        return;
    }
    f.display.inside = true;
    if (f.pointers[output].shown)
        f.display.sink->impl->cursor_move(f.display.sink, output, f.pointers[output].x,
                                          f.pointers[output].y);
    f.display.inside = false;
}

/* ---- what the window does ---- */

/* An answer that holds, to what may not have been asked. */
static void answer_unasked(void)
{
    switch (below(4)) {
    case 0:
        window_peer_answer_info(&f.peer);
        break;
    case 1:
        window_peer_answer_edid(&f.peer, below(16));
        break;
    case 2:
        if (f.peer.blocked > 0)
            window_peer_flush(&f.peer);
        break;
    default:
        window_peer_send(&f.peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, &f.peer.offers, 8);
    }
}

static void lie(void)
{
    uint8_t bytes[2048];
    struct vhost_user_gpu_header header = {below(16), below(4) ? 4 : below(256), 0};
    const struct vhost_user_gpu_rule *rule = vhost_user_gpu_rule(header.request);
    size_t size = below(64);

    header.size = rule != NULL && below(4) ? rule->reply : below(256);
    if (below(2))
        size = sizeof(header) + header.size;
    memcpy(bytes, &header, sizeof(header));
    for (size_t i = sizeof(header); i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + size);
    f.lied = true;
    if (size > 0)
        MUST(write(f.peer.fd, bytes, size) > 0);
}

static void read_some(size_t most)
{
    uint8_t bytes[4096];

    if (!f.lied) {
        window_peer_read(&f.peer, most);
        return;
    }
    for (struct fd_list fds = {0}; most > 0; most -= most < sizeof(bytes) ? most : sizeof(bytes)) {
        if (fd_receive(f.peer.fd, bytes, sizeof(bytes), &fds) <= 0)
            return;
        fd_list_finish(&fds);
    }
}

static void window(void)
{
    switch (below(16)) {
    case 0:
        if (below(8) == 0)
            lie();
        break;
    case 1:
        f.peer.silent = below(2);
        break;
    case 2:
        f.peer.keep_dmabuf = below(2);
        break;
    case 3:
    case 4:
        if (!f.lied)
            answer_unasked();
        break;
    default:
        read_some(below(3) == 0 ? SIZE_MAX : below(256) * 97);
    }
}

static void loop(void)
{
    for (unsigned n = 0; sd_event_run(f.loop, 0) > 0; n++)
        MUST(n < 100000);
}

static void play(void)
{
    switch (below(16)) {
    case 0:
        f.display.sink->impl->asked(f.display.sink, (int)below(17) - 1);
        break;
    case 1:
        point();
        break;
    case 2:
        if (below(4) == 0)
            die();
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        change();
        break;
    default:
        window();
    }
    if (below(4))
        loop();
}

/* ---- the end ---- */

static void assert_shown(unsigned output)
{
    const struct fake_output *o = &f.display.outputs[output];
    const struct window_output *seen = &f.peer.outputs[output];

    if (!o->on || !o->drawn || seen->dmabuf >= 0)
        return;
    MUST(seen->shown.width == o->frame.width && seen->shown.height == o->frame.height);
    for (uint32_t y = 0; y < o->frame.height; y++)
        for (uint32_t x = 0; x < o->frame.width; x++) {
            uint32_t p = f.pixels[y * MOST_SIDE + x];
            struct rect at = {x, y, 1, 1};

            if (o->frame.format != VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM)
                p = (p & 0xff00) | (p >> 16 & 0xff) | (p & 0xff) << 16;
            if (f.draws && f.pointers[output].shown)
                blend_pointer((uint8_t *)&p, 4, &at, f.cursor.pixels, f.pointers[output].x,
                              f.pointers[output].y);
            MUST(((seen->shown.pixels[y * o->frame.width + x] ^ p) & 0xffffff) == 0);
        }
}

/* The window catches up; then it shows what there is. */
static void settle(void)
{
    if (f.lied || f.display.sink == NULL)
        return;
    f.peer.silent = f.peer.keep_dmabuf = false;
    window_peer_send(&f.peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 4, &f.peer.offers, 8);
    while (f.peer.blocked > 0)
        window_peer_flush(&f.peer);
    for (unsigned i = 0; i < OUTPUTS; i++)
        update(i, whole(i));
    for (unsigned quiet = 0; quiet < 2;) {
        loop();
        quiet = window_peer_read(&f.peer, SIZE_MAX) == 0 ? quiet + 1 : 0;
    }
    for (unsigned i = 0; i < OUTPUTS; i++) {
        assert_shown(i);
        MUST(f.display.outputs[i].waits == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];

    log_init("fuzz_sink_socket", NULL, LOG_LEVEL_ERROR);
    memset(&f.display, 0, sizeof(f.display));
    f.lied = false;
    memset(f.pointers, 0, sizeof(f.pointers));
    memset(&f.cursor, 0, sizeof(f.cursor));
    for (size_t i = 0; i < sizeof(f.cursor.pixels); i++)
        f.cursor.pixels[i] = (uint8_t)(i * 13);
    for (uint32_t i = 0; f.pixels[1] == 0 && i < sizeof(f.pixels) / 4; i++)
        f.pixels[i] = i * 2654435761u;
    reader_init(&f.input, data, size < LONGEST_INPUT ? size : LONGEST_INPUT);
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    MUST(sd_event_new(&f.loop) >= 0);
    window_peer_init(&f.peer, fds[0]);
    f.spare = fds[1];
    f.peer.offers = below(4);
    f.draws = below(2);
    start();
    while (f.input.left > 0 && f.display.sink != NULL)
        play();
    settle();
    if (f.display.sink != NULL)
        f.display.sink->impl->destroy(f.display.sink);
    MUST(f.display.held == 0);
    window_peer_finish(&f.peer);
    fd_close(&f.spare);
    sd_event_unref(f.loop);
    return 0;
}

void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    for (size_t i = 0; i < size && i < LONGEST_INPUT; i++)
        data[i] = (uint8_t)(next() >> 56);
}
