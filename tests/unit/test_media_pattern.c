/* SPDX-License-Identifier: MIT */
#include "media_test.h"

#include "media/pattern_look.h"

/* What the pattern camera's controls do to its pictures. */

#define WIDTH 256u
#define HEIGHT 128u

static struct palette_colour under(int brightness, int contrast, int saturation, int hue,
                                   enum canvas_colour colour)
{
    struct palette palette;

    palette_init(&palette, &(struct palette_settings){brightness, contrast, saturation, hue});
    return palette.colours[colour];
}

static void test_palette(void **state)
{
    const struct palette_colour *plain = palette_plain()->colours;
    struct palette_colour colour;

    for (unsigned i = 0; i < CANVAS_COLOURS; i++) {
        colour = under(0, 128, 128, 0, (enum canvas_colour)i);
        assert_memory_equal(&colour, &plain[i], sizeof(colour));
        /* The two spaces agree: what is computed is what the table has, nearly. */
        colour = under(0, 129, 127, 0, (enum canvas_colour)i);
        assert_in_range(colour.r + 4, plain[i].r, plain[i].r + 8);
        assert_in_range(colour.g + 4, plain[i].g, plain[i].g + 8);
        assert_in_range(colour.b + 4, plain[i].b, plain[i].b + 8);
        colour = under(0, 128, 0, 33, (enum canvas_colour)i);
        assert_int_equal(colour.u, 128);
        assert_int_equal(colour.v, 128);
        assert_int_equal(colour.r, colour.b);
        colour = under(0, 128, 128, -128, (enum canvas_colour)i); /* half a turn */
        assert_int_equal(colour.u, 256 - plain[i].u);
        assert_int_equal(colour.v, 256 - plain[i].v);
        assert_int_equal(under(127, 255, 128, 0, (enum canvas_colour)i).y <= 235, 1);
        assert_int_equal(under(-128, 0, 128, 0, (enum canvas_colour)i).y, 16);
        assert_int_equal(under(0, 0, 128, 0, (enum canvas_colour)i).y, 126);
    }
    assert_int_equal(under(20, 128, 128, 0, CANVAS_GREY).y, 146);
    colour = under(0, 128, 128, 64, CANVAS_RED); /* a quarter */
    assert_int_equal(colour.v, 128 + 102 - 128);
}

static void set(struct media_fixture *f, uint32_t session, uint32_t id, int32_t value)
{
    struct v4l2_control control = {id, value};

    assert_int_equal(MEDIA_IOCTL(f, session, S_CTRL, &control), 0);
}

/* The bytes of a frame that was made after now. */
static const uint8_t *next_frame(struct media_fixture *f, uint32_t session)
{
    struct virtio_media_event_dqbuf event;
    unsigned waited = 0;

    assert_int_equal(media_qbuf(f, session, 0), 0);
    media_post_events(f, 1, 608);
    while (!media_event(f, &event)) {
        media_loop_for(f, 5);
        assert_true(waited++ < 1000);
    }
    assert_int_equal(event.buffer.flags & V4L2_BUF_FLAG_ERROR, 0);
    return buffer_data(media_queue(f)->buffers[0]->plane[0]->buffer);
}

static uint8_t luma(const uint8_t *frame, uint32_t x, uint32_t y)
{
    return frame[y * WIDTH + x];
}

static uint32_t start(struct media_fixture *f)
{
    uint32_t session = media_session(f), count = 1;

    assert_int_equal(media_set(f, session, V4L2_PIX_FMT_NV12, WIDTH, HEIGHT, 120), 0);
    assert_int_equal(media_reqbufs(f, session, &count), 0);
    assert_int_equal(media_streamon(f, session), 0);
    return session;
}

#define LEFT 8
#define RIGHT (WIDTH - 8)
#define UP 2
#define DOWN (HEIGHT - 3)

/* A call with one control whose data lie in one piece. */
static uint32_t set_data(struct media_fixture *f, uint32_t session, uint32_t id, const void *data,
                         uint32_t size)
{
    struct __attribute__((packed)) {
        struct v4l2_ext_controls head;
        struct v4l2_ext_control one;
        struct virtio_media_sg sg;
    } call = {.head = {.count = 1}, .one = {.id = id, .size = size}};

    call.sg = (struct virtio_media_sg){ring_driver_alloc(&f->driver, size), size, 0};
    memcpy(ring_driver_at(&f->driver, call.sg.start), data, size);
    return MEDIA_IOCTL(f, session, S_EXT_CTRLS, &call);
}

static void test_controls_change_frames(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = start(f);
    const struct v4l2_area small = {2, 2}; /* out of the way */
    const uint8_t *frame;

    assert_int_equal(set_data(f, session, PATTERN_CID_MARKER, &small, sizeof(small)), 0);
    frame = next_frame(f, session);
    assert_int_equal(luma(frame, LEFT, UP), 235);
    assert_int_equal(luma(frame, RIGHT, UP), 16);
    set(f, session, V4L2_CID_HFLIP, 1);
    frame = next_frame(f, session);
    assert_int_equal(luma(frame, LEFT, UP), 16);
    assert_int_equal(luma(frame, RIGHT, UP), 235);
    assert_int_equal(luma(frame, RIGHT, DOWN), 126); /* the strip: grey and black */
    set(f, session, V4L2_CID_VFLIP, 1);
    frame = next_frame(f, session);
    assert_int_equal(luma(frame, RIGHT, DOWN), 235);
    assert_int_equal(luma(frame, RIGHT, UP), 126);
    set(f, session, V4L2_CID_BRIGHTNESS, -30);
    frame = next_frame(f, session);
    assert_int_equal(luma(frame, RIGHT, DOWN), 205);
    set(f, session, V4L2_CID_TEST_PATTERN, PATTERN_CARD_GREY);
    frame = next_frame(f, session);
    assert_int_equal(luma(frame, LEFT, UP), 96);
    assert_int_equal(luma(frame, RIGHT, DOWN), 96);
    set(f, session, V4L2_CID_TEST_PATTERN, PATTERN_CARD_CHEQUERS);
    frame = next_frame(f, session);
    assert_int_equal(luma(frame, RIGHT, DOWN), 205);
    assert_int_equal(luma(frame, RIGHT - 16, DOWN), 16);
}

static void test_data_change_frames(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = start(f);
    const uint8_t shifts[PATTERN_BARS] = {7, 0, 0, 0, 0, 0, 0, 1};
    const struct v4l2_area large = {100000, 100000};
    const uint8_t *frame;

    assert_int_equal(set_data(f, session, PATTERN_CID_BARS, shifts, sizeof(shifts)), 0);
    frame = next_frame(f, session);
    assert_int_equal(luma(frame, LEFT, UP), 16);
    assert_int_equal(luma(frame, RIGHT, UP), 235);
    assert_int_equal(luma(frame, WIDTH / 2, UP), 78);
    assert_int_equal(set_data(f, session, PATTERN_CID_MARKER, &large, sizeof(large)), 0);
    frame = next_frame(f, session); /* half of the picture at most: the middle is always in it */
    assert_int_equal(luma(frame, WIDTH / 2 - 1, HEIGHT / 2 + 2), 235);
}

static void test_frame_sync(void **state)
{
    struct media_fixture *f = *state;
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_FRAME_SYNC};
    struct v4l2_ext_control frames = {.id = PATTERN_CID_FRAMES};
    struct __attribute__((packed)) {
        struct v4l2_ext_controls head;
        struct v4l2_ext_control one;
    } call = {.head = {.count = 1}, .one = frames};
    uint32_t session = start(f), seen = 0, last = 0;
    struct virtio_media_event_dqbuf any;
    struct virtio_media_event_event event;
    uint64_t end = units_now_ns() + 60000000000u;

    assert_int_equal(MEDIA_IOCTL(f, session, SUBSCRIBE_EVENT, &wish), 0);
    media_post_events(f, 60, 608);
    while (seen < 3) { /* without a buffer to fill */
        assert_true(units_now_ns() < end);
        if (!media_event(f, &any)) {
            assert_true(sd_event_run(f->loop, 10000) >= 0);
            continue;
        }
        memcpy(&event, &any, sizeof(event));
        assert_int_equal(event.event.type, V4L2_EVENT_FRAME_SYNC);
        if (seen++ > 0)
            assert_true(event.event.u.frame_sync.frame_sequence > last);
        last = event.event.u.frame_sync.frame_sequence;
    }
    assert_int_equal(MEDIA_IOCTL(f, session, G_EXT_CTRLS, &call), 0);
    assert_true((uint32_t)call.one.value > last);
    assert_int_equal(MEDIA_IOCTL(f, session, S_EXT_CTRLS, &call), EACCES);
}

/* None that a program may not ask for by G_CTRL: the guest's kernel (since 6.15) hides from us that
 * it did, and v4l2-compliance calls it a failure when it gets an answer. */
static void test_controls_suit_g_ctrl(void **state)
{
    const struct control_spec *specs;
    unsigned count;

    (void)state;
    specs = pattern_look_specs(&count);
    assert_true(count > 0);
    for (unsigned i = 0; i < count; i++) {
        assert_int_not_equal(specs[i].type, V4L2_CTRL_TYPE_INTEGER64);
        assert_int_not_equal(specs[i].type, V4L2_CTRL_TYPE_STRING);
        /* We do not know the outdated V4L2_CID_PRIVATE_BASE, which it expects for these. */
        if (V4L2_CTRL_ID2WHICH(specs[i].id) == V4L2_CTRL_CLASS_USER &&
            V4L2_CTRL_DRIVER_PRIV(specs[i].id))
            assert_true(specs[i].type >= V4L2_CTRL_COMPOUND_TYPES || specs[i].dims[0] > 0);
    }
}

/* Back to the defaults with a new driver. */
static void test_reset(void **state)
{
    struct media_fixture *f = *state;
    struct v4l2_control control = {.id = V4L2_CID_HFLIP};

    set(f, media_session(f), V4L2_CID_HFLIP, 1);
    media_fixture_reboot(f);
    assert_int_equal(MEDIA_IOCTL(f, media_session(f), G_CTRL, &control), 0);
    assert_int_equal(control.value, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_palette),
        MEDIA_ARENA_TEST(test_controls_change_frames),
        MEDIA_ARENA_TEST(test_data_change_frames),
        MEDIA_ARENA_TEST(test_frame_sync),
        cmocka_unit_test(test_controls_suit_g_ctrl),
        MEDIA_ARENA_TEST(test_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
