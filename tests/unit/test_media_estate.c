/* SPDX-License-Identifier: MIT */
#include "media_lives.h"

#include "media/pattern_look.h"

/*
 * What a device makes of the store that it finds: of one that another device has left, and of one
 * that a stranger might have written. That a whole worker dies is in
 * tests/session/test_session_media_survival.c.
 */
#define WIDTH 256u
#define HEIGHT 128u
#define ROUNDS 1500u

static const struct media_options options = {0};
static const struct lives lives = {.options = &options, .kind = EXPORTER_ARENA};

static int setup(void **state)
{
    fd_count_setup(state);
    lives_init();
    return 0;
}

static int teardown(void **state)
{
    lives_finish();
    return fd_count_teardown(state);
}

/* A session with all that one can have, which streams at 'rate'. */
static uint32_t live_at(struct media_fixture *f, uint32_t rate)
{
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_FRAME_SYNC};
    struct v4l2_control hue = {V4L2_CID_HUE, 33};
    struct media_buffer_payload b;
    struct virtio_media_resp_mmap at;
    uint32_t session, count = 4;

    assert_int_equal(media_open(f, &session), 0);
    assert_int_equal(media_set(f, session, V4L2_PIX_FMT_NV12, WIDTH, HEIGHT, rate), 0);
    assert_int_equal(MEDIA_IOCTL(f, session, S_CTRL, &hue), 0);
    assert_int_equal(MEDIA_IOCTL(f, session, SUBSCRIBE_EVENT, &wish), 0);
    assert_int_equal(media_reqbufs(f, session, &count), 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(media_querybuf(f, session, i, &b), 0);
        assert_int_equal(media_mmap(f, session, b.buffer.m.offset, &at), 0);
    }
    for (uint32_t i = 3; i < 4; i--) /* in another order than theirs */
        assert_int_equal(media_qbuf(f, session, i), 0);
    assert_int_equal(media_streamon(f, session), 0);
    return session;
}

static uint32_t live(struct media_fixture *f)
{
    return live_at(f, 100);
}

static unsigned count_of(uint32_t kind)
{
    return store_count(&left.store, kind);
}

/* Waits for the next buffer. */
static struct v4l2_buffer frame(struct media_fixture *f)
{
    struct virtio_media_event_dqbuf event;
    unsigned waited = 0;

    media_post_events(f, 1, 608);
    for (;;) {
        if (!media_event(f, &event)) {
            media_loop_for(f, 5);
            assert_true(waited++ < 1000);
            continue;
        }
        if (event.hdr.event == VIRTIO_MEDIA_EVT_DQBUF)
            return event.buffer;
        media_post_events(f, 1, 608);
    }
}

static void a_session_goes_on(void **state)
{
    struct media_fixture *f = lives_begin(&lives);
    uint32_t session = live(f), other, sequence;
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct v4l2_control hue = {.id = V4L2_CID_HUE};
    struct media_buffer_payload b;
    struct v4l2_buffer got = frame(f);

    assert_int_equal(got.index, 3);
    sequence = got.sequence;
    lives_end(f);
    f = lives_go_on(&lives);
    assert_int_equal(f->census.sessions, 1);
    assert_int_equal(f->census.mapped, 2);
    assert_int_equal(f->port.count, 2);
    assert_int_equal(MEDIA_IOCTL(f, session, G_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, WIDTH);
    assert_int_equal(format.fmt.pix.pixelformat, V4L2_PIX_FMT_NV12);
    assert_int_equal(MEDIA_IOCTL(f, session, G_CTRL, &hue), 0);
    assert_int_equal(hue.value, 33);
    assert_int_equal(media_querybuf(f, session, 3, &b), 0);
    assert_int_equal(b.buffer.flags & V4L2_BUF_FLAG_QUEUED, 0);
    for (uint32_t i = 2; i < 3; i--) {
        got = frame(f);
        assert_int_equal(got.index, i);
        assert_true(got.sequence > sequence);
        assert_int_equal(got.flags & V4L2_BUF_FLAG_ERROR, 0);
        sequence = got.sequence;
    }
    assert_int_equal(media_open(f, &other), 0);
    assert_true(other > session);
    assert_int_equal(media_streamoff(f, session), 0);
    assert_int_equal(media_close(f, other), NO_ANSWER);
    assert_int_equal(media_close(f, session), NO_ANSWER);
    assert_int_equal(count_of(ESTATE_SESSION), 0);
    assert_int_equal(count_of(ESTATE_SUBSCRIPTION), 0);
    assert_int_equal(count_of(ESTATE_QUEUE), 0);
    assert_int_equal(count_of(ESTATE_BUFFER), 0);
    assert_int_equal(count_of(ESTATE_MAPPING), 2); /* the guest has not said MUNMAP */
    lives_end(f);
}

/* The worker dies when it has filled in an event, before the guest gets it, or after that: long
 * before the next frame. */
static void an_event_comes_once(void **state)
{
    for (unsigned sent = 0; sent < 2; sent++) {
        struct media_fixture *f = lives_begin(&lives);
        uint32_t session = live_at(f, 5), handle = 0;
        struct v4l2_buffer first = frame(f), second;
        struct estate_buffer record = {0};

        while (record.state != QUEUE_BUFFER_DONE || record.index != first.index) {
            assert_true(store_next(&left.store, ESTATE_BUFFER, &handle));
            store_read(&left.store, handle, &record, sizeof(record));
        }
        assert_int_not_equal(record.event.sent, 0);
        lives_end(f);
        records[1].flights[5] = sent ? 0 : record.event.sent;
        f = lives_go_on(&lives);
        second = frame(f);
        assert_int_equal(second.index, sent ? 2 : first.index);
        if (!sent)
            assert_int_equal(second.sequence, first.sequence);
        else
            assert_true(second.sequence > first.sequence);
        assert_int_equal(media_close(f, session), NO_ANSWER);
        lives_end(f);
        memset(records, 0, sizeof(records));
    }
}

/* A fresh driver finds nothing. */
static void a_new_driver_begins_from_nothing(void **state)
{
    struct media_fixture *f = lives_begin(&lives);
    uint32_t session = live(f), count = 1;

    lives_end(f);
    f = lives_go_on(&lives);
    store_clear(&left.store);
    media_fixture_reboot(f);
    assert_int_equal(f->census.sessions, 0);
    assert_int_equal(media_streamon(f, session), EINVAL);
    assert_int_equal(media_open(f, &session), 0);
    assert_int_equal(media_reqbufs(f, session, &count), 0);
    assert_int_equal(count_of(ESTATE_BUFFER), 1);
    assert_int_equal(media_close(f, session), NO_ANSWER);
    lives_end(f);
}

/* Whom two workers died at. */
static void poison_is_not_given_a_third_time(void **state)
{
    struct chain chain = {.tag = 77, .again = true};
    struct media_fixture *f = lives_begin(&lives);

    left.running = (struct journal_running){.tag = 77, .life = 1, .type = VIRTIO_MEDIA_CMD_IOCTL};
    lives_end(f);
    for (uint64_t life = 2; life <= 3; life++) {
        store_fixture_die(&left);
        f = lives_device(&lives, life);
        f->device->impl->resume(f->device);
        assert_int_equal(estate_is_poison(&f->media->estate, &chain), life == 3);
        left.running.life = life;
        lives_end(f);
    }
}

/* ---- a stranger's store ---- */

/* Whatever it made of it: it serves, and comes to an end. */
static void use(struct media_fixture *f, uint32_t session)
{
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct virtio_media_event_dqbuf event;
    struct media_buffer_payload b;
    uint32_t other, none = 0;

    media_post_events(f, 16, 608);
    for (uint32_t i = 0; i < 4; i++) {
        media_querybuf(f, session, i, &b);
        media_qbuf(f, session, i);
    }
    media_loop_for(f, 1);
    while (media_event(f, &event)) {
    }
    MEDIA_IOCTL(f, session, G_FMT, &format);
    media_streamoff(f, session);
    media_reqbufs(f, session, &none);
    media_close(f, session);
    assert_int_equal(media_open(f, &other), 0);
    assert_int_equal(media_close(f, other), NO_ANSWER);
}

static uint32_t random_word(void)
{
    uint32_t word = (uint32_t)rand() << 16 ^ (uint32_t)rand();

    switch (rand() % 4) {
    case 0:
        return word % 8;
    case 1:
        return UINT32_MAX - word % 4;
    case 2:
        return 1u << (word % 32);
    default:
        return word;
    }
}

/* Changes some words of the records' bytes, or of the cells' heads. */
static void damage(uint32_t high)
{
    struct store_cell *cells = left.memory;

    for (int n = 1 + rand() % 6; n > 0; n--) {
        struct store_cell *cell = &cells[1 + (uint32_t)rand() % (high - 1)];
        uint32_t *words = (void *)cell->bytes;

        if (rand() % 4 != 0)
            words[(size_t)rand() % (rand() % 2 ? 4 : STORE_CELL_BYTES / 4)] = random_word();
        else if (rand() % 2)
            cell->kind = (uint32_t)rand() % (ESTATE_DEATH + 2);
        else if (rand() % 2)
            cell->id = random_word();
        else
            cell->size = random_word() % 4096;
    }
}

static void a_strangers_store_is_survived(void **state)
{
    struct store_head *head = left.memory;
    struct media_fixture *f;
    size_t size;
    void *copy;
    uint32_t session;

    kept = NULL;
    f = lives_begin(&lives);
    session = live(f);
    frame(f);
    media_loop_for(f, 30); /* some are done, and wait to be told */
    lives_end(f);
    size = head->high * sizeof(struct store_cell);
    copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, left.memory, size);
    /* Other damage with another seed. */
    srand(getenv("HOSTBLOB_TEST_SEED") != NULL ? (unsigned)atoi(getenv("HOSTBLOB_TEST_SEED")) : 7);
    for (unsigned round = 0; round < ROUNDS; round++) {
        memcpy(left.memory, copy, size);
        damage(head->high);
        f = lives_go_on(&lives);
        use(f, session);
        lives_end(f);
    }
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_comes_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_driver_begins_from_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(poison_is_not_given_a_third_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_strangers_store_is_survived, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
