/* SPDX-License-Identifier: MIT */
#include "media_test.h"

#include <unistd.h>

#include "media/capture.h"
#include "media/frame_clock.h"
#include "protocol/frame_stamp.h"

#define RATE 100u
#define INTERVAL_NS (1000000000u / RATE)

/* A client that has mapped its buffers. */
struct client {
    uint32_t session;
    uint32_t count;
    unsigned planes;
    uint32_t size[2];
    uint64_t at[32][2]; /* window offsets */
};

static void client_start_sized(struct media_fixture *f, struct client *c, uint32_t fourcc,
                               uint32_t count, uint32_t width, uint32_t height)
{
    struct virtio_media_resp_mmap answer;
    struct media_buffer_payload b;

    *c = (struct client){.session = media_session(f), .count = count};
    assert_int_equal(media_set(f, c->session, fourcc, width, height, RATE), 0);
    assert_int_equal(media_reqbufs(f, c->session, &c->count), 0);
    assert_int_equal(c->count, count);
    c->planes = capture_stream(f->media->kind)->picture.format->planes;
    for (uint32_t i = 0; i < count; i++) {
        bool multi = V4L2_TYPE_IS_MULTIPLANAR(media_type(f));

        assert_int_equal(media_querybuf(f, c->session, i, &b), 0);
        for (unsigned p = 0; p < c->planes; p++) {
            uint32_t offset = multi ? b.planes[p].m.mem_offset : b.buffer.m.offset;

            c->size[p] = multi ? b.planes[p].length : b.buffer.length;
            assert_int_equal(media_mmap(f, c->session, offset, &answer), 0);
            c->at[i][p] = answer.shm_offset;
        }
        assert_int_equal(media_qbuf(f, c->session, i), 0);
    }
    assert_int_equal(media_streamon(f, c->session), 0);
}

static void client_start(struct media_fixture *f, struct client *c, uint32_t fourcc, uint32_t count)
{
    client_start_sized(f, c, fourcc, count, 320, 240);
}

static void client_unmap(struct media_fixture *f, struct client *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        for (unsigned p = 0; p < c->planes; p++)
            assert_int_equal(media_munmap(f, c->at[i][p]), 0);
}

/* Checks a frame as the guest sees it, in its window. */
static void check_frame(struct media_fixture *f, struct client *c,
                        const struct virtio_media_event_dqbuf *event)
{
    const struct v4l2_buffer *b = &event->buffer;
    uint64_t sum = FRAME_STAMP_SEED, told;
    struct frame_stamp stamp;

    assert_int_equal(event->hdr.event, VIRTIO_MEDIA_EVT_DQBUF);
    assert_int_equal(event->hdr.session_id, c->session);
    assert_int_equal(f->written, 608);
    assert_int_equal(b->flags, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_MAPPED);
    assert_int_equal(b->field, V4L2_FIELD_NONE);
    assert_true(b->index < c->count);
    for (unsigned p = 0; p < c->planes; p++) {
        uint32_t used =
            V4L2_TYPE_IS_MULTIPLANAR(b->type) ? event->planes[p].bytesused : b->bytesused;
        const uint8_t *data = media_window_at(f, c->at[b->index][p]);
        uint64_t *copy = malloc(used);

        assert_non_null(data);
        assert_int_equal(used, c->size[p]);
        memcpy(copy, data, used);
        if (p == 0) {
            memcpy(&stamp, copy, sizeof(stamp));
            copy[3] = 0;
        }
        sum = frame_stamp_sum(sum, copy, used / 8);
        free(copy);
    }
    told = (uint64_t)b->timestamp.tv_sec * 1000000000u + (uint64_t)b->timestamp.tv_usec * 1000u;
    assert_true(stamp.magic == FRAME_STAMP_MAGIC);
    assert_int_equal(stamp.sequence, b->sequence);
    assert_true(stamp.timestamp == told);
    assert_true(stamp.sum == sum);
}

static uint64_t time_of(const struct virtio_media_event_dqbuf *event)
{
    return (uint64_t)event->buffer.timestamp.tv_sec * 1000000000u +
           (uint64_t)event->buffer.timestamp.tv_usec * 1000u;
}

/* Streams 30 frames, each buffer given back at once, and checks every one. */
static void stream_some(struct media_fixture *f, uint32_t fourcc)
{
    struct virtio_media_event_dqbuf event;
    uint64_t before = units_now_ns(), first = 0;
    unsigned frames = 0, rounds = 0;
    struct client c;

    client_start(f, &c, fourcc, 4);
    media_post_events(f, 16, 608);
    while (frames < 30 && rounds++ < 10000) {
        media_loop_for(f, 5);
        while (frames < 30 && media_event(f, &event)) {
            check_frame(f, &c, &event);
            if (first == 0)
                first = time_of(&event) - event.buffer.sequence * (uint64_t)INTERVAL_NS;
            /* on the clock, and not of the future */
            assert_true(time_of(&event) == first + event.buffer.sequence * (uint64_t)INTERVAL_NS);
            assert_true(time_of(&event) > before && time_of(&event) <= units_now_ns());
            assert_int_equal(media_qbuf(f, c.session, event.buffer.index), 0);
            media_post_events(f, 1, 608);
            frames++;
        }
    }
    assert_true(frames >= 30);
    assert_int_equal(f->stats.frames, f->stats.events_sent);
    assert_int_equal(media_streamoff(f, c.session), 0);
    client_unmap(f, &c);
    media_close(f, c.session);
    media_assert_empty(f);
}

/* Large frames in several looks: what is drawn is all in the sum, wherever it is drawn. */
static void stream_large(struct media_fixture *f, uint32_t fourcc)
{
    static const uint32_t flips[] = {V4L2_CID_HFLIP, V4L2_CID_VFLIP, V4L2_CID_HFLIP,
                                     V4L2_CID_BRIGHTNESS};
    struct virtio_media_event_dqbuf event;
    unsigned frames = 0;
    struct client c;

    client_start_sized(f, &c, fourcc, 3, 1912, 1074);
    media_post_events(f, 16, 608);
    for (unsigned rounds = 0; frames < 12 && rounds < 10000; rounds++) {
        media_loop_for(f, 5);
        while (frames < 12 && media_event(f, &event)) {
            struct v4l2_control flip = {.id = flips[frames / 3 % 4], .value = frames / 3 < 2};

            check_frame(f, &c, &event);
            if (frames++ % 3 == 0)
                assert_int_equal(MEDIA_IOCTL(f, c.session, S_CTRL, &flip), 0);
            assert_int_equal(media_qbuf(f, c.session, event.buffer.index), 0);
            media_post_events(f, 1, 608);
        }
    }
    assert_true(frames >= 12);
    media_close(f, c.session);
    client_unmap(f, &c);
}

static void test_large_yuyv(void **state)
{
    stream_large(*state, V4L2_PIX_FMT_YUYV);
}

static void test_large_nv12m(void **state)
{
    stream_large(*state, V4L2_PIX_FMT_NV12M);
}

static void test_yuyv(void **state)
{
    stream_some(*state, V4L2_PIX_FMT_YUYV);
}

static void test_nv12(void **state)
{
    stream_some(*state, V4L2_PIX_FMT_NV12);
}

static void test_rgb24(void **state)
{
    stream_some(*state, V4L2_PIX_FMT_RGB24);
}

static void test_nv12m(void **state)
{
    stream_some(*state, V4L2_PIX_FMT_NV12M);
}

/* Without a queued buffer the clock goes on: sequence numbers show the gap, and it is counted. */
static void test_dropped_frames(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct client c;

    client_start(f, &c, V4L2_PIX_FMT_YUYV, 2);
    media_post_events(f, 16, 608);
    MEDIA_AWAIT(f, f->stats.frames_dropped >= 5);
    assert_true(media_event(f, &event));
    assert_int_equal(event.buffer.sequence, 0);
    assert_true(media_event(f, &event));
    assert_int_equal(event.buffer.sequence, 1);
    assert_false(media_event(f, &event));
    assert_int_equal(media_qbuf(f, c.session, 0), 0);
    MEDIA_AWAIT(f, media_event(f, &event));
    check_frame(f, &c, &event);
    assert_true(event.buffer.sequence >= 7);
    assert_int_equal(f->stats.frames, 3);
    media_close(f, c.session); /* streaming, and mapped */
    client_unmap(f, &c);
    media_assert_empty(f);
}

/* A driver that gives no event buffers for a while gets every dequeued frame later, in order. */
static void test_events_wait(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct media_buffer_payload b;
    struct client c;

    client_start(f, &c, V4L2_PIX_FMT_YUYV, 8);
    MEDIA_AWAIT(f, f->stats.frames == 8);
    assert_false(media_event(f, &event));
    assert_int_equal(f->stats.events_sent, 0);
    assert_int_equal(media_querybuf(f, c.session, 0, &b), 0);
    assert_true(b.buffer.flags & V4L2_BUF_FLAG_DONE);
    assert_int_equal(media_qbuf(f, c.session, 0), EINVAL); /* not the guest's yet */
    media_post_events(f, 3, 600);                          /* too small: come back empty */
    for (unsigned i = 0; i < 3; i++) {
        assert_true(media_event(f, &event));
        assert_int_equal(f->written, 0);
    }
    assert_int_equal(f->stats.chains_bad, 3);
    media_post_events(f, 16, 700);
    for (uint32_t i = 0; i < 8; i++) {
        assert_true(media_event(f, &event));
        check_frame(f, &c, &event);
        assert_int_equal(event.buffer.index, i);
        assert_int_equal(event.buffer.sequence, i);
    }
    assert_false(media_event(f, &event));
    media_close(f, c.session);
    client_unmap(f, &c);
}

static void test_streamoff_discards(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct media_buffer_payload b;
    struct client c;

    client_start(f, &c, V4L2_PIX_FMT_YUYV, 4);
    MEDIA_AWAIT(f, f->stats.frames == 4);
    assert_int_equal(media_streamoff(f, c.session), 0);
    media_post_events(f, 16, 608);
    media_loop_for(f, 30);
    assert_false(media_event(f, &event));
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(media_querybuf(f, c.session, i, &b), 0);
        assert_int_equal(b.buffer.flags, V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
        assert_int_equal(b.buffer.sequence, 0);
        assert_int_equal(b.buffer.timestamp.tv_sec, 0);
        assert_int_equal(media_qbuf(f, c.session, i), 0);
    }
    assert_int_equal(media_streamon(f, c.session), 0); /* and from the beginning */
    MEDIA_AWAIT(f, media_event(f, &event));
    check_frame(f, &c, &event);
    assert_int_equal(event.buffer.sequence, 0);
    media_close(f, c.session);
    client_unmap(f, &c);
}

static void test_reboot_while_streaming(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct client c;

    for (unsigned i = 0; i < 3; i++) {
        client_start(f, &c, V4L2_PIX_FMT_NV12, 6);
        media_post_events(f, 2, 608);
        media_loop_for(f, 50);
        media_fixture_reboot(f);
        media_assert_empty(f);
        assert_int_equal(capture_stream(f->media->kind)->picture.width, 1280); /* defaults again */
        media_post_events(f, 2, 608);
        media_loop_for(f, 30);
        assert_false(media_event(f, &event));
    }
}

struct ticks {
    uint64_t count, last, missed, late;
    uint64_t times[64];
    struct frame_clock clock;
};

static void on_tick(void *data, uint64_t sequence, uint64_t timestamp, uint64_t missed)
{
    struct ticks *ticks = data;

    assert_int_equal(sequence, ticks->last + missed + (ticks->count > 0));
    assert_int_equal(timestamp % 1000, 0);
    if (ticks->count < 64)
        ticks->times[ticks->count] = timestamp;
    if (units_now_ns() - timestamp > ticks->late)
        ticks->late = units_now_ns() - timestamp;
    ticks->count++;
    ticks->last = sequence;
    ticks->missed += missed;
}

static void loop_for(sd_event *loop, unsigned ms)
{
    uint64_t end = units_now_ns() + ms * 1000000ull;

    for (uint64_t now = units_now_ns(); now < end; now = units_now_ns())
        assert_true(sd_event_run(loop, (end - now) / 1000 + 1) >= 0);
}

/* As long as it takes on a busy machine, but not for ever. */
static void loop_until(sd_event *loop, const struct ticks *t, uint64_t count)
{
    uint64_t end = units_now_ns() + 5000000000ull;

    while (t->count < count && units_now_ns() < end)
        assert_true(sd_event_run(loop, 100000) >= 0);
    assert_true(t->count >= count);
}

/* Ticks that the loop was late for come at once, with their own times; older ones are passed over.
 */
static void test_clock_catches_up(void **state)
{
    struct ticks t = {0};
    sd_event *loop;

    assert_true(sd_event_new(&loop) >= 0);
    assert_int_equal(frame_clock_start(&t.clock, loop, 1, 0, on_tick, &t), -EINVAL);
    assert_int_equal(frame_clock_start(&t.clock, loop, 1, 200, on_tick, &t), 0);
    assert_int_equal(frame_clock_start(&t.clock, loop, 1, 200, on_tick, &t), -EBUSY);
    usleep(100000); /* nobody runs the loop */
    loop_until(loop, &t, 20);
    assert_int_equal(t.missed, 0);
    for (unsigned i = 1; i < 20; i++)
        assert_int_equal(t.times[i] - t.times[i - 1], 5000000);
    usleep(FRAME_CLOCK_MAX_LATE_NS / 1000 + 200000);
    loop_until(loop, &t, t.count + 1);
    assert_true(t.missed >= 35);
    assert_true(t.late < FRAME_CLOCK_MAX_LATE_NS + 200000000);
    assert_true(t.last + 1 == t.count + t.missed);
    frame_clock_stop(&t.clock);
    frame_clock_stop(&t.clock);
    t.missed = t.count;
    loop_for(loop, 20);
    assert_int_equal(t.missed, t.count);
    sd_event_unref(loop);
}

/* After a year of 29.97 frames per second it is not a nanosecond off. */
static void test_clock_does_not_drift(void **state)
{
    struct frame_clock clock = {.start = 12345, .numerator = 1001, .denominator = 30000};
    uint64_t year = 30000ull * 365 * 24 * 36;

    assert_true(frame_clock_time(&clock, year - 1) == 12345 + 1001ull * 365 * 24 * 36 * 1000000000);
    clock.numerator = 0xffffffff;
    clock.denominator = 0xfffffffe;
    assert_true(frame_clock_time(&clock, 0) == 12345 + 1000000000);
}

/* A clock slower than the limit on lateness still gives the tick that is due. */
static void test_slow_clock_is_late(void **state)
{
    struct ticks t = {0};
    sd_event *loop;

    assert_true(sd_event_new(&loop) >= 0);
    assert_int_equal(frame_clock_start(&t.clock, loop, 12, 10, on_tick, &t), 0);
    usleep(1800000); /* halfway to the second tick, for a machine that is busy */
    loop_for(loop, 1);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.missed, 0);
    frame_clock_stop(&t.clock);
    sd_event_unref(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEDIA_TEST(test_yuyv),
        MEDIA_ARENA_TEST(test_nv12),
        MEDIA_ARENA_TEST(test_rgb24),
        MEDIA_MPLANE_TEST(test_nv12m),
        MEDIA_MPLANE_TEST(test_nv12),
        MEDIA_ARENA_TEST(test_large_yuyv),
        MEDIA_MPLANE_TEST(test_large_nv12m),
        MEDIA_TEST(test_dropped_frames),
        MEDIA_TEST(test_events_wait),
        MEDIA_ARENA_TEST(test_streamoff_discards),
        MEDIA_TEST(test_reboot_while_streaming),
        MEDIA_ARENA_TEST(test_reboot_while_streaming),
        cmocka_unit_test(test_clock_catches_up),
        cmocka_unit_test(test_clock_does_not_drift),
        cmocka_unit_test(test_slow_clock_is_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
