/* SPDX-License-Identifier: MIT */
#include "media_test.h"

static void test_facts(void **state)
{
    struct media_fixture *f = *state;
    struct media_options multi = {.multiplanar = true,
                                  .card = "a card with a name that is too long"};
    struct device_facts facts;
    struct virtio_media_config config;
    struct device *device;

    f->device->impl->facts(f->device, &facts);
    assert_int_equal(facts.features, 0);
    assert_int_equal(facts.queues, 2);
    assert_int_equal(facts.shmid, 0);
    assert_int_equal(facts.config_size, 40);
    memcpy(&config, facts.config, sizeof(config));
    assert_int_equal(config.device_caps, 0x04000001);
    assert_int_equal(config.device_type, 0);
    assert_string_equal((char *)config.card, "hostblob pattern");

    device = media_device_create(&f->host, &multi);
    assert_non_null(device);
    device->impl->facts(device, &facts);
    device->impl->destroy(device);
    memcpy(&config, facts.config, sizeof(config));
    assert_int_equal(config.device_caps, 0x04001000);
    assert_string_equal((char *)config.card, "a card with a name that is too ");
    assert_null(media_device_create(&f->host, &(struct media_options){.kind = "teapot"}));
}

static void test_sessions(void **state)
{
    struct media_fixture *f = *state;
    enum { MANY = 256 }; /* the default */
    uint32_t ids[MANY], again;

    /* "test for unlimited opens" of v4l2-compliance: 100 beside its own two. */
    for (unsigned i = 0; i < MANY; i++) {
        ids[i] = media_session(f);
        assert_int_equal(f->written, 16);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(ids[i], ids[k]);
    }
    assert_int_equal(f->census.sessions, MANY);
    assert_int_equal(media_open(f, &again), ENOMEM);
    assert_int_equal(f->written, 8);
    assert_int_equal(media_close(f, ids[3]), NO_ANSWER);
    assert_int_equal(f->written, 0);
    assert_int_equal(f->census.sessions, MANY - 1);
    again = media_session(f);
    assert_int_not_equal(again, ids[3]);
    assert_int_equal(media_close(f, ids[3]), NO_ANSWER); /* closed already: no effect */
    assert_int_equal(f->census.sessions, MANY);
    media_fixture_reboot(f);
    assert_int_equal(f->census.sessions, 0);
}

static void test_bad_requests(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_cmd_header open = {.cmd = VIRTIO_MEDIA_CMD_OPEN};
    struct virtio_media_cmd_mmap mmap = {.hdr.cmd = VIRTIO_MEDIA_CMD_MMAP};
    uint32_t unknown[] = {0, 6, 255, 0xffffffff};

    for (unsigned i = 0; i < 4; i++) {
        struct virtio_media_cmd_header request = {.cmd = unknown[i]};

        assert_int_equal(media_do(f, &request, sizeof(request), NULL, 64), ENOTTY);
        assert_int_equal(f->written, 8);
    }
    assert_int_equal(media_do(f, &open, 7, NULL, 16), EINVAL);
    assert_int_equal(media_do(f, &open, 8, NULL, 15), EINVAL);
    assert_int_equal(f->written, 8);
    assert_int_equal(media_do(f, &open, 8, NULL, 7), NO_ANSWER);
    assert_int_equal(f->written, 0);
    assert_int_equal(media_do(f, &open, 8, NULL, 0), NO_ANSWER);
    assert_int_equal(media_do(f, &mmap, 19, NULL, 24), EINVAL);
    assert_int_equal(media_do(f, &mmap, 20, NULL, 23), EINVAL);
    assert_int_equal(f->census.sessions, 0);
    assert_int_equal(f->stats.chains_bad, 6);
    assert_int_equal(f->stats.commands, 10);
    assert_int_equal(f->stats.command_errors, 10);
    media_session(f); /* and it goes on serving */
}

static void test_huge_request(void **state)
{
    struct media_fixture *f = *state;
    uint8_t *huge = calloc(1, COMMAND_MAX_REQUEST + 1);

    huge[0] = VIRTIO_MEDIA_CMD_OPEN;
    assert_int_equal(media_do(f, huge, COMMAND_MAX_REQUEST, NULL, 16), 0);
    assert_int_equal(media_do(f, huge, COMMAND_MAX_REQUEST + 1, NULL, 16), EINVAL);
    free(huge);
}

static void test_pieces_of_one_byte(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_cmd_header open = {.cmd = VIRTIO_MEDIA_CMD_OPEN};
    struct ring_driver_piece pieces[24];
    uint64_t at = ring_driver_alloc(&f->driver, 24);
    uint32_t status;

    memcpy(ring_driver_at(&f->driver, at), &open, sizeof(open));
    for (unsigned i = 0; i < 24; i++)
        pieces[i] = (struct ring_driver_piece){at + i, 1, i >= 8};
    f->answer_at = at + 8;
    ring_driver_send(&f->driver, 0, pieces, 24);
    f->device->impl->queue_ready(f->device, 0);
    assert_true(media_take(f, &status));
    assert_int_equal(status, 0);
    assert_int_equal(f->written, 16);
    assert_int_equal(f->census.sessions, 1);
}

static void test_request_outside_memory(void **state)
{
    struct media_fixture *f = *state;
    struct ring_driver_piece pieces[] = {{0x1000, 8, false}, {RING_DRIVER_HEAP, 16, true}};
    uint32_t status;

    f->answer_at = RING_DRIVER_HEAP;
    ring_driver_send(&f->driver, 0, pieces, 2);
    f->device->impl->queue_ready(f->device, 0);
    assert_true(media_take(f, &status));
    assert_int_equal(status, EINVAL);
    assert_int_equal(f->stats.chains_bad, 1);
    assert_int_equal(f->census.sessions, 0);
}

/* More than one batch: the rest is taken when the loop comes round. */
static void test_many_at_once(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_cmd_header open = {.cmd = VIRTIO_MEDIA_CMD_OPEN};
    uint64_t at = ring_driver_alloc(&f->driver, 32);
    struct ring_driver_piece piece = {at, 8, false};
    unsigned answers = 0;
    uint32_t status;

    memcpy(ring_driver_at(&f->driver, at), &open, sizeof(open));
    for (unsigned i = 0; i < MEDIA_RING; i++)
        ring_driver_send(&f->driver, 0, &piece, 1);
    f->device->impl->queue_ready(f->device, 0);
    assert_int_equal(f->calls[0], 1);
    media_loop(f);
    while (media_take(f, &status))
        answers++;
    assert_int_equal(answers, MEDIA_RING);
    assert_true(f->calls[0] > 1);
}

/* What this device has; all else is ENOTTY. */
static bool is_served(uint32_t code)
{
    static const uint8_t served[] = {2,  4,  5,  64, 8,  9,  15, 18, 19, 21, 22, 26, 27, 28,
                                     36, 37, 38, 39, 71, 72, 73, 74, 75, 90, 91, 92, 93, 103};

    return code < 256 && memchr(served, (int)code, sizeof(served)) != NULL;
}

static void test_whole_table(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f);

    for (uint32_t code = 0; code < 300; code++) {
        const struct v4l2_ioctl *row = v4l2_ioctl_find(code);
        uint8_t payload[4096] = {0};
        uint32_t size = row != NULL && row->size > 0 ? row->size : 16;
        uint32_t status = media_ioctl_raw(f, session, code, payload, size);

        if (!is_served(code)) {
            assert_int_equal(status, ENOTTY);
            assert_int_equal(f->written, 8);
            continue;
        }
        assert_non_null(row);
        assert_int_not_equal(status, ENOTTY);
        if (status != 0) {
            assert_int_equal(f->written, row->echo_on_error ? 8 + row->size : 8);
        } else {
            assert_int_equal(f->written, row->out ? 8 + row->size : 8);
        }
        /* one byte too few, in the one part or the other */
        if (row->in || row->out)
            assert_int_equal(media_ioctl_raw(f, session, code, payload, size - 1), EINVAL);
    }
    assert_int_equal(media_ioctl_raw(f, session + 7, 4, (uint8_t[208]){0}, 208), EINVAL);
    assert_int_equal(media_ioctl_raw(f, session, 0xffffffff, (uint8_t[208]){0}, 208), ENOTTY);
}

/* The sizes and directions that the reference gives for a 64-bit guest. */
static void test_table_rows(void **state)
{
    static const struct {
        uint32_t code;
        bool in, out;
        uint32_t size;
    } rows[] = {
        {0, false, true, 104},  {2, true, true, 64},     {4, true, true, 208},
        {8, true, true, 20},    {9, true, true, 88},     {10, false, true, 48},
        {16, true, true, 64},   {18, true, false, 4},    {22, true, true, 204},
        {25, true, true, 72},   {26, true, true, 80},    {36, true, true, 68},
        {37, true, true, 44},   {38, false, true, 4},    {39, true, true, 4},
        {40, true, true, 40},   {71, true, true, 32},    {74, true, true, 44},
        {75, true, true, 52},   {76, false, true, 2072}, {77, true, true, 40},
        {82, true, false, 48},  {87, true, true, 132},   {89, false, true, 136},
        {90, true, false, 32},  {92, true, true, 256},   {94, true, true, 64},
        {96, true, true, 72},   {98, true, true, 148},   {99, false, true, 132},
        {100, true, true, 144}, {101, true, true, 64},   {103, true, true, 232},
        {104, true, true, 64},
    };

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct v4l2_ioctl *row = v4l2_ioctl_find(rows[i].code);

        assert_non_null(row);
        assert_int_equal(row->in, rows[i].in);
        assert_int_equal(row->out, rows[i].out);
        assert_int_equal(row->size, rows[i].size);
    }
    assert_null(v4l2_ioctl_find(1));
    assert_null(v4l2_ioctl_find(105));
}

static void test_controls(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f);
    struct v4l2_ext_controls none = {0};
    struct __attribute__((packed)) {
        struct v4l2_ext_controls head;
        struct v4l2_ext_control controls[3];
    } payload = {.head = {.count = 3, .controls = (void *)0x1234, .error_idx = 77}};

    payload.controls[2].id = V4L2_CID_BRIGHTNESS;
    assert_int_equal(MEDIA_IOCTL(f, session, S_EXT_CTRLS, &payload), EINVAL);
    assert_int_equal(f->written, 8 + 32 + 60); /* echoed, or the guest loses the errno */
    assert_int_equal(payload.head.count, 3);
    assert_int_equal(payload.head.error_idx, 3);
    assert_ptr_equal(payload.head.controls, (void *)0x1234);
    assert_int_equal(payload.controls[2].id, V4L2_CID_BRIGHTNESS);
    assert_int_equal(MEDIA_IOCTL(f, session, TRY_EXT_CTRLS, &payload), EINVAL);
    assert_int_equal(payload.head.error_idx, 0);

    payload.head.count = 0xffffffff; /* a lie: what was sent is what is echoed */
    assert_int_equal(MEDIA_IOCTL(f, session, G_EXT_CTRLS, &payload), EINVAL);
    assert_int_equal(f->written, 8 + 32 + 60);

    assert_int_equal(MEDIA_IOCTL(f, session, G_EXT_CTRLS, &none), 0);
    assert_int_equal(MEDIA_IOCTL(f, session, S_EXT_CTRLS, &none), 0);
    assert_int_equal(MEDIA_IOCTL(f, session, TRY_EXT_CTRLS, &none), 0);
    none.which = V4L2_CTRL_WHICH_DEF_VAL;
    assert_int_equal(MEDIA_IOCTL(f, session, G_EXT_CTRLS, &none), 0);
    assert_int_equal(MEDIA_IOCTL(f, session, S_EXT_CTRLS, &none), EINVAL);
}

static void test_inputs_and_events(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f), input = 5;
    struct v4l2_input desc = {0};
    struct v4l2_event_subscription event = {.type = V4L2_EVENT_CTRL};

    assert_int_equal(MEDIA_IOCTL(f, session, ENUMINPUT, &desc), 0);
    assert_int_equal(desc.type, V4L2_INPUT_TYPE_CAMERA);
    desc.index = 1;
    assert_int_equal(MEDIA_IOCTL(f, session, ENUMINPUT, &desc), EINVAL);
    assert_int_equal(MEDIA_IOCTL(f, session, G_INPUT, &input), 0);
    assert_int_equal(input, 0);
    assert_int_equal(MEDIA_IOCTL(f, session, S_INPUT, &input), 0);
    input = 1;
    assert_int_equal(MEDIA_IOCTL(f, session, S_INPUT, &input), EINVAL);
    assert_int_equal(MEDIA_IOCTL(f, session, SUBSCRIBE_EVENT, &event), EINVAL);
    event.type = V4L2_EVENT_ALL;
    assert_int_equal(MEDIA_IOCTL(f, session, UNSUBSCRIBE_EVENT, &event), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEDIA_TEST(test_facts),
        MEDIA_TEST(test_sessions),
        MEDIA_TEST(test_bad_requests),
        MEDIA_TEST(test_huge_request),
        MEDIA_TEST(test_pieces_of_one_byte),
        MEDIA_TEST(test_request_outside_memory),
        MEDIA_TEST(test_many_at_once),
        MEDIA_TEST(test_whole_table),
        MEDIA_TEST(test_table_rows),
        MEDIA_TEST(test_controls),
        MEDIA_TEST(test_inputs_and_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
