/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "media_test.h"

#include "codec_fixture.h"

/*
 * A codec that needs no library: a packet says how many pictures of which value and size it stands
 * for. Two pictures are held back until others follow, as a codec does that reorders.
 */
#define TOY_HOLDS 2u
#define TOY_ROOM 256u
#define TOY_MAGIC 0x70

struct toy_packet {
    uint8_t magic, pictures, value, delay_ms;
    uint32_t size;
};

struct toy_picture {
    uint8_t value;
    uint32_t size;
    uint64_t time;
};

struct toy {
    struct m2m m2m;
    uint32_t size, running; /* of a picture: as told, and as the buffers that stream have it */
    uint32_t found;
    bool ending;
    unsigned count;
    struct toy_picture pictures[TOY_ROOM];
};

struct toy_kind {
    struct media_kind kind;
    struct media_kind *real; /* of the fixture */
    bool both;
};

static void toy_take(struct toy *toy, struct m2m_work *work)
{
    struct toy_packet packet = {0};

    if (work->source[0].size >= sizeof(packet))
        memcpy(&packet, work->source[0].data, sizeof(packet));
    usleep(packet.delay_ms * 1000u);
    work->source_bad = packet.magic != TOY_MAGIC;
    for (unsigned i = 0; packet.magic == TOY_MAGIC && i < packet.pictures; i++) {
        assert_true(toy->count < TOY_ROOM);
        toy->pictures[toy->count++] = (struct toy_picture){(uint8_t)(packet.value + i), packet.size,
                                                           work->source_time + i * 1000};
    }
}

static bool toy_give(struct toy *toy, struct m2m_work *work)
{
    struct toy_picture *picture = &toy->pictures[0];

    if (picture->size != toy->running) {
        work->changed = picture->size != toy->size || work->target_planes > 0;
        toy->found = picture->size;
        return false;
    }
    if (work->target_planes == 0)
        return false;
    assert_true(work->target[0].size >= picture->size);
    memset(work->target[0].data, picture->value, picture->size);
    work->bytesused[0] = picture->size;
    work->target_time = picture->time;
    work->target_flags = V4L2_BUF_FLAG_KEYFRAME;
    work->filled = true;
    memmove(picture, picture + 1, --toy->count * sizeof(*picture));
    return true;
}

static unsigned toy_ready(const struct toy *toy)
{
    if (toy->ending)
        return toy->count;
    return toy->count > TOY_HOLDS ? toy->count - TOY_HOLDS : 0;
}

static void toy_work(struct m2m *m2m, struct m2m_work *work)
{
    struct toy *toy = M2M_OF(m2m, struct toy);

    if (work->flush) {
        toy->count = 0;
        toy->ending = false;
    }
    if (work->source_planes > 0)
        toy_take(toy, work);
    toy->ending = toy->ending || work->drain;
    if (toy_ready(toy) > 0)
        toy_give(toy, work);
    work->pending = toy_ready(toy) > 0;
    work->ended = toy->ending && toy->count == 0;
    if (work->ended)
        toy->ending = false;
}

static bool toy_changed(struct m2m *m2m)
{
    struct toy *toy = M2M_OF(m2m, struct toy);

    toy->size = toy->found;
    return toy->size != toy->running;
}

static int toy_start(struct m2m *m2m, struct buffer_queue *queue)
{
    struct toy *toy = M2M_OF(m2m, struct toy);

    if (queue == &m2m->capture)
        toy->running = toy->size;
    return 0;
}

static const struct m2m_ops toy_ops = {
    .work = toy_work, .changed = toy_changed, .start = toy_start};
static const struct m2m_ops toy_both_ops = {.both = true, .work = toy_work, .start = toy_start};

static void toy_layout(struct context *context, const struct buffer_queue *queue,
                       struct buffer_layout *layout)
{
    struct toy *toy = M2M_OF(m2m_of(context), struct toy);

    *layout = (struct buffer_layout){.planes = 1};
    layout->size[0] = queue == &toy->m2m.output ? 4096 : toy->size;
}

static const struct context_impl toy_context = {
    .layout = toy_layout,
    .busy = m2m_busy,
    .has_event = m2m_has_event,
    .decoder_cmd = m2m_decoder_cmd,
    .encoder_cmd = m2m_encoder_cmd,
};

static struct media *toy_media;

static struct context *toy_open(struct media_kind *kind, uint32_t session)
{
    struct toy *toy = calloc(1, sizeof(*toy));
    bool both = ((struct toy_kind *)(void *)kind)->both;

    assert_non_null(toy);
    toy->size = 1000;
    assert_int_equal(m2m_init(&toy->m2m, toy_media, session, true, &toy_context,
                              both ? &toy_both_ops : &toy_ops),
                     0);
    return &toy->m2m.context;
}

static void toy_close(struct media_kind *kind, struct context *context)
{
    m2m_finish(m2m_of(context));
    free(M2M_OF(m2m_of(context), struct toy));
}

static void toy_reset(struct media_kind *kind)
{
}

static void toy_destroy(struct media_kind *kind)
{
    struct toy_kind *toy = (void *)kind;

    toy->real->ops->destroy(toy->real);
    free(toy);
}

static const struct media_kind_ops toy_kind_ops = {
    .open = toy_open, .close = toy_close, .reset = toy_reset, .destroy = toy_destroy};

static int setup_with(void **state, bool both)
{
    struct media_fixture *f;
    struct toy_kind *kind = calloc(1, sizeof(*kind));

    media_setup_arena(state);
    f = *state;
    assert_non_null(kind);
    *kind = (struct toy_kind){{&toy_kind_ops}, f->media->kind, both};
    f->media->kind = &kind->kind;
    toy_media = f->media;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, false);
}

static int setup_both(void **state)
{
    return setup_with(state, true);
}

#define TOY_TEST(function) cmocka_unit_test_setup_teardown(function, setup, media_teardown)
#define TOY_BOTH_TEST(function)                                                                    \
    cmocka_unit_test_setup_teardown(function, setup_both, media_teardown)

#define SOURCES 4u
#define TARGETS 4u

/* Both queues have buffers, of which those for output stream; the guest listens to events. */
static void begin(struct codec *c, void **state)
{
    codec_open(c, *state);
    assert_int_equal(codec_subscribe(c, V4L2_EVENT_EOS), 0);
    assert_int_equal(codec_reqbufs(c, c->output, SOURCES), 0);
    assert_int_equal(codec_reqbufs(c, c->capture, TARGETS), 0);
    assert_int_equal(codec_streamon(c, c->output), 0);
}

static void begin_capture(struct codec *c)
{
    for (uint32_t i = 0; i < TARGETS; i++)
        assert_int_equal(codec_qbuf(c, c->capture, i, 0, 0), 0);
    assert_int_equal(codec_streamon(c, c->capture), 0);
}

static void send(struct codec *c, uint32_t index, struct toy_packet packet, uint64_t time)
{
    packet.magic = packet.magic == 0 ? TOY_MAGIC : packet.magic;
    packet.size = packet.size == 0 ? 1000 : packet.size;
    memcpy(codec_bytes(c, c->output, index, 0), &packet, sizeof(packet));
    assert_int_equal(codec_qbuf(c, c->output, index, sizeof(packet), time), 0);
}

static void expect_source(struct codec *c, uint32_t index, uint32_t sequence, uint32_t flags)
{
    struct virtio_media_event_dqbuf event;

    codec_event(c, &event);
    assert_int_equal(codec_event_type(&event), c->output);
    assert_int_equal(event.buffer.index, index);
    assert_int_equal(event.buffer.sequence, sequence);
    assert_int_equal(event.buffer.flags, V4L2_BUF_FLAG_TIMESTAMP_COPY | flags);
}

static void expect_picture(struct codec *c, uint8_t value, uint64_t time, uint32_t flags)
{
    struct virtio_media_event_dqbuf event;

    codec_event(c, &event);
    assert_int_equal(codec_event_type(&event), c->capture);
    assert_int_equal(event.buffer.flags,
                     V4L2_BUF_FLAG_TIMESTAMP_COPY | V4L2_BUF_FLAG_KEYFRAME | flags);
    assert_int_equal(codec_used(&event, 0), 1000);
    assert_int_equal(codec_time(&event), time);
    assert_int_equal(codec_bytes(c, c->capture, event.buffer.index, 0)[999], value);
    assert_int_equal(codec_qbuf(c, c->capture, event.buffer.index, 0, 0), 0);
}

static void expect_empty_last(struct codec *c)
{
    struct virtio_media_event_dqbuf event;

    codec_event(c, &event);
    assert_int_equal(codec_event_type(&event), c->capture);
    assert_int_equal(event.buffer.flags, V4L2_BUF_FLAG_TIMESTAMP_COPY | V4L2_BUF_FLAG_LAST);
    assert_int_equal(codec_used(&event, 0), 0);
}

static void expect_event(struct codec *c, uint32_t type)
{
    struct virtio_media_event_dqbuf event;

    codec_event(c, &event);
    assert_int_equal(codec_event_type(&event), type | CODEC_IS_EVENT);
}

static void expect_nothing(struct codec *c)
{
    struct virtio_media_event_dqbuf event;

    assert_false(codec_event_within(c, 30, &event));
}

static void end(struct codec *c)
{
    assert_int_equal(media_close(c->f, c->session), NO_ANSWER);
    media_assert_empty(c->f);
}

/* Pictures come in order with the timestamps of their packets, two held back until the drain. The
 * LAST buffer is none of them: a guest's FFmpeg would wait for more after a last picture. */
static void test_flow_and_drain(void **state)
{
    struct codec c;

    begin(&c, state);
    begin_capture(&c);
    for (uint32_t i = 0; i < 10; i++) {
        send(&c, i % SOURCES, (struct toy_packet){.pictures = 1, .value = (uint8_t)i}, i * 40000);
        expect_source(&c, i % SOURCES, i, 0);
        if (i >= TOY_HOLDS)
            expect_picture(&c, (uint8_t)(i - TOY_HOLDS), (i - TOY_HOLDS) * 40000, 0);
    }
    expect_nothing(&c);
    assert_int_equal(codec_decoder_cmd(&c, V4L2_DEC_CMD_STOP), 0);
    expect_picture(&c, 8, 8 * 40000, 0);
    expect_picture(&c, 9, 9 * 40000, 0);
    expect_empty_last(&c);
    expect_event(&c, V4L2_EVENT_EOS);
    expect_nothing(&c);
    end(&c);
}

/* What is queued after STOP is for later; a second STOP, and START, have to wait. */
static void test_drain_leaves_later_sources(void **state)
{
    struct codec c;

    begin(&c, state);
    begin_capture(&c);
    send(&c, 0, (struct toy_packet){.pictures = 1, .value = 1, .delay_ms = 30}, 1);
    send(&c, 1, (struct toy_packet){.pictures = 1, .value = 2, .delay_ms = 30}, 2);
    assert_int_equal(codec_decoder_cmd(&c, V4L2_DEC_CMD_STOP), 0);
    assert_int_equal(codec_decoder_cmd(&c, V4L2_DEC_CMD_STOP), EBUSY);
    assert_int_equal(codec_decoder_cmd(&c, V4L2_DEC_CMD_START), EBUSY);
    send(&c, 2, (struct toy_packet){.pictures = 4, .value = 3}, 3000);
    expect_source(&c, 0, 0, 0);
    expect_source(&c, 1, 1, 0);
    expect_picture(&c, 1, 1, 0);
    expect_picture(&c, 2, 2, 0);
    expect_empty_last(&c);
    expect_event(&c, V4L2_EVENT_EOS);
    expect_nothing(&c);
    assert_int_equal(codec_decoder_cmd(&c, V4L2_DEC_CMD_STOP), 0); /* it has stopped */
    expect_nothing(&c);
    assert_int_equal(codec_decoder_cmd(&c, V4L2_DEC_CMD_START), 0);
    expect_source(&c, 2, 2, 0);
    expect_picture(&c, 3, 3000, 0);
    expect_picture(&c, 4, 3001, 0);
    expect_nothing(&c);
    end(&c);
}

/* With nothing in the codec, the LAST buffer is an empty one; with no buffer it waits for one. */
static void test_empty_drain(void **state)
{
    struct codec c;

    begin(&c, state);
    assert_int_equal(codec_decoder_cmd(&c, V4L2_DEC_CMD_STOP), 0); /* no effect yet */
    begin_capture(&c);
    expect_nothing(&c);
    send(&c, 0, (struct toy_packet){.pictures = TARGETS + TOY_HOLDS, .value = 1}, 0);
    expect_source(&c, 0, 0, 0);
    for (unsigned i = 0; i < TARGETS; i++) { /* all of them out, and none given back */
        struct virtio_media_event_dqbuf event;

        codec_event(&c, &event);
        assert_int_equal(codec_event_type(&event), c.capture);
    }
    assert_int_equal(codec_streamoff(&c, c.output), 0); /* the other two are forgotten */
    assert_int_equal(codec_streamon(&c, c.output), 0);
    assert_int_equal(codec_decoder_cmd(&c, V4L2_DEC_CMD_STOP), 0);
    expect_nothing(&c);
    assert_int_equal(codec_qbuf(&c, c.capture, 2, 0, 0), 0);
    expect_empty_last(&c);
    expect_event(&c, V4L2_EVENT_EOS);
    end(&c);
}

/* STREAMOFF of the output queue forgets what went in; of the capture queue, nothing. */
static void test_seek(void **state)
{
    struct codec c;

    begin(&c, state);
    begin_capture(&c);
    send(&c, 0, (struct toy_packet){.pictures = TOY_HOLDS, .value = 1, .delay_ms = 20}, 0);
    send(&c, 1, (struct toy_packet){.pictures = 1, .value = 9}, 0);
    assert_int_equal(codec_streamoff(&c, c.output), 0); /* waits for the codec */
    for (struct virtio_media_event_dqbuf event; codec_event_within(&c, 30, &event);)
        assert_int_equal(codec_event_type(&event), c.output);
    assert_int_equal(codec_streamon(&c, c.output), 0);
    send(&c, 1, (struct toy_packet){.pictures = 1 + TOY_HOLDS, .value = 50}, 7);
    expect_source(&c, 1, 0, 0);
    expect_picture(&c, 50, 7, 0);
    expect_nothing(&c);
    assert_int_equal(codec_streamoff(&c, c.capture), 0);
    send(&c, 2, (struct toy_packet){.pictures = 1, .value = 60}, 8);
    expect_source(&c, 2, 1, 0);
    begin_capture(&c);
    expect_picture(&c, 51, 8 - 7 + 7, 0);
    expect_nothing(&c);
    end(&c);
}

/* Another size: an event, an empty LAST buffer, and on with new buffers. */
static void test_change(void **state)
{
    struct codec c;

    begin(&c, state);
    assert_int_equal(codec_subscribe(&c, V4L2_EVENT_SOURCE_CHANGE), 0);
    begin_capture(&c);
    send(&c, 0, (struct toy_packet){.pictures = 1, .value = 1}, 1);
    send(&c, 1, (struct toy_packet){.pictures = 1 + TOY_HOLDS, .value = 2, .size = 500}, 2);
    expect_source(&c, 0, 0, 0);
    expect_source(&c, 1, 1, 0);
    expect_picture(&c, 1, 1, 0);
    expect_event(&c, V4L2_EVENT_SOURCE_CHANGE);
    expect_empty_last(&c);
    expect_nothing(&c);
    assert_int_equal(codec_decoder_cmd(&c, V4L2_DEC_CMD_STOP), 0); /* comes to it in the end */
    assert_int_equal(codec_streamoff(&c, c.capture), 0);
    assert_int_equal(codec_reqbufs(&c, c.capture, 0), 0);
    assert_int_equal(codec_reqbufs(&c, c.capture, TARGETS), 0);
    assert_int_equal(codec_size(&c, c.capture, 0, 0), 500);
    begin_capture(&c);
    for (unsigned i = 0; i < 3; i++) {
        struct virtio_media_event_dqbuf event;

        codec_event(&c, &event);
        assert_int_equal(codec_used(&event, 0), 500);
        assert_int_equal(codec_bytes(&c, c.capture, event.buffer.index, 0)[0], 2 + i);
        assert_int_equal(event.buffer.flags & V4L2_BUF_FLAG_LAST, 0);
    }
    expect_empty_last(&c);
    expect_event(&c, V4L2_EVENT_EOS);
    end(&c);
}

/* The format is found before the capture queue streams. */
static void test_first_format(void **state)
{
    struct codec c;

    codec_open(&c, *state);
    assert_int_equal(codec_subscribe(&c, V4L2_EVENT_SOURCE_CHANGE), 0);
    assert_int_equal(codec_reqbufs(&c, c.output, SOURCES), 0);
    assert_int_equal(codec_streamon(&c, c.output), 0);
    send(&c, 0, (struct toy_packet){.pictures = 3, .value = 1, .size = 3000}, 1);
    expect_source(&c, 0, 0, 0);
    expect_event(&c, V4L2_EVENT_SOURCE_CHANGE);
    send(&c, 1, (struct toy_packet){.pictures = 3, .value = 4, .size = 3000}, 1);
    expect_nothing(&c);
    assert_int_equal(codec_reqbufs(&c, c.capture, TARGETS), 0);
    assert_int_equal(codec_size(&c, c.capture, 0, 0), 3000);
    begin_capture(&c);
    for (unsigned i = 0; i < 5; i++) {
        struct virtio_media_event_dqbuf event;

        codec_event(&c, &event);
        if (i == 1)
            assert_int_equal(codec_event_type(&event), c.output);
        else
            assert_int_equal(codec_used(&event, 0), 3000);
    }
    expect_nothing(&c);
    end(&c);
}

static void test_bad_source(void **state)
{
    struct codec c;

    begin(&c, state);
    begin_capture(&c);
    send(&c, 0, (struct toy_packet){.magic = 0x71, .pictures = 1}, 1);
    send(&c, 1, (struct toy_packet){.pictures = 3, .value = 7}, 5);
    expect_source(&c, 0, 0, V4L2_BUF_FLAG_ERROR);
    expect_source(&c, 1, 1, 0);
    expect_picture(&c, 7, 5, 0);
    end(&c);
}

/* An encoder waits until both queues stream. */
static void test_both(void **state)
{
    struct codec c;

    begin(&c, state);
    send(&c, 0, (struct toy_packet){.pictures = 3, .value = 7}, 5);
    expect_nothing(&c);
    begin_capture(&c);
    expect_source(&c, 0, 0, 0);
    expect_picture(&c, 7, 5, 0);
    assert_int_equal(codec_subscribe(&c, V4L2_EVENT_SOURCE_CHANGE), EINVAL);
    assert_int_equal(codec_encoder_cmd(&c, V4L2_ENC_CMD_STOP), 0);
    expect_picture(&c, 8, 6, 0);
    expect_picture(&c, 9, 7, 0);
    expect_empty_last(&c);
    expect_event(&c, V4L2_EVENT_EOS);
    end(&c);
}

static void test_commands(void **state)
{
    struct v4l2_decoder_cmd stop = {
        .cmd = V4L2_DEC_CMD_STOP, .flags = V4L2_DEC_CMD_STOP_TO_BLACK, .stop.pts = 5};
    struct codec c;

    begin(&c, state);
    assert_int_equal(codec_decoder_cmd(&c, V4L2_DEC_CMD_PAUSE), EINVAL);
    assert_int_equal(codec_encoder_cmd(&c, V4L2_ENC_CMD_RESUME), EINVAL);
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, TRY_DECODER_CMD, &stop), 0);
    assert_int_equal(stop.flags, 0);
    assert_int_equal(stop.stop.pts, 0);
    end(&c);
}

/* The machine is reset while a thread works: nothing is left, and nothing comes. */
static void test_reboot_while_busy(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct codec c;

    for (unsigned round = 0; round < 5; round++) {
        begin(&c, state);
        begin_capture(&c);
        for (uint32_t i = 0; i < SOURCES; i++)
            send(&c, i, (struct toy_packet){.pictures = 3, .delay_ms = 20}, 0);
        media_loop_for(f, 10 * round);
        media_fixture_reboot(f);
        media_assert_empty(f);
        media_post_events(f, 4, 608);
        media_loop_for(f, 30);
        assert_false(media_event(f, &event));
    }
}

/* A session is closed while a thread works for it, and others go on. */
static void test_close_while_busy(void **state)
{
    struct codec a, b;

    begin(&a, state);
    begin_capture(&a);
    begin(&b, state);
    begin_capture(&b);
    send(&a, 0, (struct toy_packet){.pictures = 3, .delay_ms = 30}, 0);
    send(&b, 0, (struct toy_packet){.pictures = 3, .delay_ms = 30, .value = 6}, 9);
    assert_int_equal(media_close(a.f, a.session), NO_ANSWER);
    for (unsigned sources = 0, pictures = 0; pictures == 0;) {
        struct virtio_media_event_dqbuf event;

        codec_event(&b, &event);
        if (event.hdr.session_id != b.session)
            continue; /* came before it was closed */
        sources += codec_event_type(&event) == b.output;
        pictures += codec_event_type(&event) == b.capture;
        assert_true(pictures <= sources);
    }
    end(&b);
}

/* A source's time is that of QBUF: V4L2 wants none in the answer to PREPARE_BUF. */
static void test_prepare(void **state)
{
    struct media_buffer_payload b = {.buffer = {.memory = V4L2_MEMORY_MMAP, .timestamp = {5, 6}}};
    struct codec c;

    begin(&c, state);
    b.buffer.type = c.output;
    b.buffer.length = VIDEO_MAX_PLANES;
    assert_int_equal(
        media_ioctl_raw(c.f, c.session, _IOC_NR(VIDIOC_PREPARE_BUF), &b,
                        V4L2_TYPE_IS_MULTIPLANAR(c.output) ? sizeof(b) : sizeof(b.buffer)),
        0);
    assert_true(b.buffer.flags & V4L2_BUF_FLAG_PREPARED);
    assert_int_equal(b.buffer.timestamp.tv_sec, 0);
    assert_int_equal(b.buffer.timestamp.tv_usec, 0);
    begin_capture(&c);
    send(&c, 0, (struct toy_packet){.pictures = 3, .value = 7}, 9);
    expect_source(&c, 0, 0, 0);
    expect_picture(&c, 7, 9, 0);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TOY_TEST(test_flow_and_drain),   TOY_TEST(test_drain_leaves_later_sources),
        TOY_TEST(test_empty_drain),      TOY_TEST(test_seek),
        TOY_TEST(test_change),           TOY_TEST(test_first_format),
        TOY_TEST(test_bad_source),       TOY_BOTH_TEST(test_both),
        TOY_TEST(test_commands),         TOY_TEST(test_reboot_while_busy),
        TOY_TEST(test_close_while_busy), TOY_TEST(test_prepare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
