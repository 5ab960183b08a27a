/* SPDX-License-Identifier: MIT */
/*
 * The proxy of a host's video node, over one that is pretended.
 */
#include "v4l2_client.h"

static int setup(void **state, uint32_t type)
{
    fd_count_setup(state);
    fake_node_init(&node, type);
    *state = media_fixture_create(&(struct media_options){.kind = "v4l2",
                                                          .node = "/dev/video0",
                                                          .v4l2_calls = &fake_node_calls},
                                  EXPORTER_MEMFD);
    return 0;
}

static int setup_single(void **state)
{
    return setup(state, SINGLE);
}

static int setup_multi(void **state)
{
    return setup(state, MULTI);
}

static int setup_output(void **state)
{
    return setup(state, V4L2_BUF_TYPE_VIDEO_OUTPUT);
}

static int setup_output_multi(void **state)
{
    return setup(state, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE);
}

static int setup_copied(void **state)
{
    setup(state, MULTI);
    node.no_export = true;
    return 0;
}

static int setup_output_copied(void **state)
{
    setup(state, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE);
    node.no_export = true;
    return 0;
}

static int teardown(void **state)
{
    media_fixture_destroy(*state);
    fake_node_finish(&node);
    return fd_count_teardown(state);
}

/* ---- sessions ---- */

static void the_node_is_the_guests(void **state)
{
    struct media_fixture *f = *state;
    const struct virtio_media_config *config = &f->media->config;

    assert_int_equal(config->device_caps, V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING);
    assert_string_equal((const char *)config->card, "A fake camera");
}

static void each_session_is_an_open_file(void **state)
{
    struct media_fixture *f = *state;
    uint32_t a = media_session(f), b = media_session(f), none;

    assert_true(node.file[0].fd > 0 && node.file[1].fd > 0);
    node.open_error = EBUSY;
    assert_int_equal(media_open(f, &none), EBUSY);
    assert_int_equal(f->census.sessions, 2);
    node.open_error = ENOENT;
    assert_int_equal(media_open(f, &none), ENODEV);
    node.open_error = 0;
    media_close(f, a);
    media_close(f, b);
    media_loop_for(f, 20);
    assert_int_equal(node.file[0].fd, 0);
    assert_int_equal(node.file[1].fd, 0);
    media_assert_empty(f);
}

/* What the first session's end frees, the next session's beginning finds free. */
static void a_close_is_over_before_the_next_request(void **state)
{
    struct media_fixture *f = *state;
    struct client c;

    node.delay_ms = 5;
    for (unsigned i = 0; i < 3; i++) {
        client_open(f, &c, 2);
        client_close(f, &c);
    }
}

static void a_reset_finds_a_driver_at_work(void **state)
{
    struct media_fixture *f = *state;
    struct v4l2_format format = {.type = SINGLE};
    struct virtio_media_cmd_ioctl request = {.hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL,
                                             .code = _IOC_NR(VIDIOC_G_FMT)};
    uint8_t bytes[sizeof(request) + sizeof(format)];
    uint32_t session = media_session(f);

    request.session_id = session;
    memcpy(bytes, &request, sizeof(request));
    memcpy(bytes + sizeof(request), &format, sizeof(format));
    node.delay_ms = 50;
    media_send(f, bytes, sizeof(bytes), 8 + sizeof(format));
    usleep(10000);
    media_fixture_reboot(f);
    node.delay_ms = 0;
    media_assert_empty(f);
    session = media_session(f);
    assert_int_equal(MEDIA_IOCTL(f, session, G_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, 1920);
    media_close(f, session);
}

static void keep_answer(void *data, int result, const char *text)
{
    assert_int_equal(result, 0);
    snprintf(data, 1024, "%s", text);
}

/* What only the host knows is not said: it would have to be asked. */
static void a_person_sees_the_queues(void **state)
{
    struct media_fixture *f = *state;
    struct device *device = &f->media->device;
    char text[1024];
    struct client c;

    device->impl->command(device, "sessions", -1, keep_answer, text);
    assert_string_equal(text, "{\"sessions\":[],\"left_out\":0}");
    client_open(f, &c, 2);
    device->impl->command(device, "sessions", -1, keep_answer, text);
    assert_non_null(strstr(text, "\"queues\":[{\"direction\":\"capture\",\"memory\":\"mmap\","));
    assert_non_null(strstr(text, "\"buffers\":2,\"states\":{"));
    assert_null(strstr(text, "\"format\""));
    assert_null(strstr(text, "output"));
    client_close(f, &c);
}

/* ---- what is passed on ---- */

static void ioctls_reach_the_host(void **state)
{
    struct media_fixture *f = *state;
    struct v4l2_format format = {.type = SINGLE, .fmt.pix = {.width = 640, .height = 480}};
    struct v4l2_dv_timings timings = {0};
    uint32_t session = media_session(f);

    assert_int_equal(MEDIA_IOCTL(f, session, S_FMT, &format), 0);
    assert_int_equal(node.width, 640);
    format = (struct v4l2_format){.type = SINGLE};
    assert_int_equal(MEDIA_IOCTL(f, session, G_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.height, 480);
    assert_int_equal(MEDIA_IOCTL(f, session, QUERY_DV_TIMINGS, &timings), 0);
    assert_int_equal(timings.bt.width, 640);
    media_close(f, session);
}

static void what_has_pointers_does_not(void **state)
{
    struct media_fixture *f = *state;
    static const uint32_t numbers[] = {
        _IOC_NR(VIDIOC_QUERYCAP), _IOC_NR(VIDIOC_G_FBUF),         _IOC_NR(VIDIOC_S_FBUF),
        _IOC_NR(VIDIOC_OVERLAY),  _IOC_NR(VIDIOC_EXPBUF),         _IOC_NR(VIDIOC_DQBUF),
        _IOC_NR(VIDIOC_DQEVENT),  _IOC_NR(VIDIOC_G_EDID),         _IOC_NR(VIDIOC_S_EDID),
        _IOC_NR(VIDIOC_S_CROP),   _IOC_NR(VIDIOC_DBG_S_REGISTER), 104};
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OVERLAY};
    struct v4l2_requestbuffers request = {.count = 2, .type = SINGLE, .memory = V4L2_MEMORY_DMABUF};
    uint32_t session = media_session(f);
    unsigned asked;

    memset(node.asked, 0, sizeof(node.asked));
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint8_t payload[2560] = {0};

        assert_int_equal(media_ioctl_raw(f, session, numbers[i], payload, sizeof(payload)), ENOTTY);
        assert_int_equal(node.asked[numbers[i]], 0);
    }
    assert_int_equal(MEDIA_IOCTL(f, session, S_FMT, &format), EINVAL);
    asked = node.asked[_IOC_NR(VIDIOC_S_FMT)];
    assert_int_equal(asked, 0);
    assert_int_equal(MEDIA_IOCTL(f, session, REQBUFS, &request), EINVAL);
    assert_int_equal(node.asked[_IOC_NR(VIDIOC_REQBUFS)], 0);
    media_close(f, session);
}

/* ---- streams ---- */

static void a_guest_captures(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct client c;

    client_open(f, &c, 4);
    media_post_events(f, 16, 608);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(qbuf(f, c.session, i), 0);
    assert_int_equal(qbuf(f, c.session, 2), EINVAL);
    assert_int_equal(stream(f, c.session, true), 0);
    for (unsigned i = 0; i < 40; i++) {
        assert_true(fake_node_frame(&node, (uint8_t)(3 * i)));
        await_event(f, &event);
        check_frame(f, &c, &event, (uint8_t)(3 * i));
        assert_int_equal(event.buffer.sequence, i);
        assert_int_equal(qbuf(f, c.session, event.buffer.index), 0);
    }
    assert_int_equal(f->stats.frames, 40);
    assert_int_equal(f->stats.frames_dropped, 0);
    assert_int_equal(node.asked[_IOC_NR(VIDIOC_EXPBUF)], 4 * c.planes);
    assert_int_equal(node.maps, node.no_export ? 4 * c.planes : 0);
    assert_int_equal(stream(f, c.session, false), 0);
    client_close(f, &c);
}

static void a_guest_shows(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct client c;

    client_open(f, &c, 3);
    media_post_events(f, 16, 608);
    for (uint32_t i = 0; i < 3; i++) {
        for (unsigned p = 0; p < c.planes; p++)
            memset(seen(f, &c, i, p), 10 + (int)i, FAKE_NODE_PLANE);
        assert_int_equal(qbuf(f, c.session, i), 0);
    }
    assert_int_equal(stream(f, c.session, true), 0);
    for (unsigned i = 0; i < 30; i++) {
        await_event(f, &event);
        assert_int_equal(event.buffer.index, i % 3);
        for (unsigned p = 0; p < c.planes; p++)
            memset(seen(f, &c, event.buffer.index, p), 100 + (int)i, FAKE_NODE_PLANE);
        assert_int_equal(qbuf(f, c.session, event.buffer.index), 0);
        assert_int_equal(node.last, 100 + i);
    }
    assert_int_equal(node.shown, 33);
    assert_int_equal(stream(f, c.session, false), 0);
    client_close(f, &c);
}

/* ---- memory of the guest's ---- */

static void pages_that_are_none_are_refused(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = user_open(f);
    uint64_t pages[2][PAGES];
    struct user_payload u;

    user_pages(f, pages);
    user_fill(&u, pages);
    u.pages[1][3].start = 0x100; /* no memory */
    assert_int_equal(user_queue(f, session, &u), EFAULT);
    user_fill(&u, pages);
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_QBUF), &u, sizeof(u) - 16), EINVAL);
    user_fill(&u, pages); /* the planes are not sent: those of before do not count */
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_QBUF), &u, sizeof(u.buffer)),
                     EINVAL);
    user_fill(&u, pages);
    u.planes[1].length = 3096; /* too few for the host: what was mapped goes */
    assert_int_equal(user_queue(f, session, &u), EINVAL);
    assert_int_equal(node.asked[_IOC_NR(VIDIOC_QBUF)], 1);
    media_close(f, session);
    media_assert_empty(f);
}

static void frames_go_into_the_guests_pages(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = user_open(f);
    struct virtio_media_event_dqbuf event;
    struct media_buffer_payload b;
    uint64_t pages[3][2][PAGES];
    struct user_payload u;
    uint8_t *before;

    for (unsigned i = 0; i < 3; i++)
        user_pages(f, pages[i]);
    user_fill(&u, pages[0]);
    assert_int_equal(user_queue(f, session, &u), 0);
    assert_ptr_equal(u.buffer.m.planes, (void *)0x7ffdeadbeef0);
    assert_int_equal(u.planes[1].m.userptr, USERPTR(1));
    assert_int_equal(stream(f, session, true), 0);
    for (uint8_t i = 0; i < 12; i++) {
        assert_true(fake_node_frame(&node, (uint8_t)(20 * i)));
        await_event(f, &event);
        assert_int_equal(event.buffer.memory, V4L2_MEMORY_USERPTR);
        assert_int_equal(event.planes[0].m.userptr, USERPTR(0));
        user_check(f, pages[i / 2 % 3], (uint8_t)(20 * i));
        assert_int_equal(buffer_ioctl(f, session, _IOC_NR(VIDIOC_QUERYBUF), 0, &b), 0);
        assert_int_equal(b.planes[1].m.userptr, USERPTR(1));
        before = node.buffer[0].user[0];
        user_fill(&u, pages[(i + 1) / 2 % 3]);
        assert_int_equal(user_queue(f, session, &u), 0);
        /* The host looks again at what it gets only if the address is another one. */
        assert_int_equal(node.buffer[0].user[0] == before, i % 2 == 0);
    }
    fake_node_unplug(&node, true);
    await_event(f, &event);
    assert_int_equal(event.buffer.length, 2);
    media_close(f, session);
    media_assert_empty(f);
    fake_node_unplug(&node, false);
}

/* A guest that takes no events cannot queue what it has not been given back. */
static void a_dequeued_buffer_waits(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct client c;

    client_open(f, &c, 2);
    assert_int_equal(qbuf(f, c.session, 0), 0);
    assert_int_equal(stream(f, c.session, true), 0);
    assert_true(fake_node_frame(&node, 1));
    MEDIA_AWAIT(f, f->stats.frames == 1);
    assert_int_equal(qbuf(f, c.session, 0), EINVAL);
    media_post_events(f, 1, 608);
    assert_true(media_event(f, &event));
    assert_int_equal(qbuf(f, c.session, 0), 0);
    assert_true(fake_node_frame(&node, 1));
    MEDIA_AWAIT(f, f->stats.frames == 2);
    assert_int_equal(stream(f, c.session, false), 0);
    media_post_events(f, 1, 608);
    assert_no_event(f); /* of a stream that is over */
    client_close(f, &c);
}

/* New buffers, while the guest has the old ones mapped. */
static void mappings_outlive_their_buffers(void **state)
{
    struct media_fixture *f = *state;
    struct client old;
    uint32_t none = 0, count = 8;

    client_open(f, &old, 2);
    memset(seen(f, &old, 1, 0), 0x5a, FAKE_NODE_PLANE);
    assert_int_equal(reqbufs(f, old.session, &none), 0);
    assert_int_equal(seen(f, &old, 1, 0)[17], 0x5a);
    assert_int_equal(reqbufs(f, old.session, &count), 0);
    assert_int_equal(seen(f, &old, 1, 0)[17], 0x5a);
    client_close(f, &old);
}

static void a_broken_queue_gives_its_buffers_back(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct client c;

    client_open(f, &c, 2);
    media_post_events(f, 16, 608);
    assert_int_equal(qbuf(f, c.session, 1), 0);
    assert_int_equal(stream(f, c.session, true), 0);
    fake_node_fail(&node, EIO);
    await_event(f, &event);
    assert_int_equal(event.buffer.index, 1);
    assert_true(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
    assert_int_equal(event.buffer.bytesused, 0);
    fake_node_fail(&node, 0);
    assert_int_equal(stream(f, c.session, false), 0);
    client_close(f, &c);
}

static void an_unplugged_node_ends_the_stream(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct v4l2_format format = {.type = MULTI};
    uint32_t returned = 0, other, late;
    struct client c;

    client_open(f, &c, 4);
    other = media_session(f);
    media_post_events(f, 16, 608);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(qbuf(f, c.session, i), 0);
    assert_int_equal(stream(f, c.session, true), 0);
    fake_node_unplug(&node, true);
    for (unsigned i = 0; i < 3; i++) {
        await_event(f, &event);
        assert_int_equal(event.buffer.flags, V4L2_BUF_FLAG_ERROR |
                                                 V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC |
                                                 V4L2_BUF_FLAG_MAPPED);
        assert_int_equal(event.buffer.type, MULTI);
        assert_int_equal(event.buffer.length, 2);
        assert_int_equal(event.planes[1].m.mem_offset, FAKE_NODE_COOKIE(event.buffer.index, 1));
        returned |= 1u << event.buffer.index;
    }
    assert_int_equal(returned, 7);
    assert_no_event(f);
    assert_int_equal(qbuf(f, c.session, 0), ENODEV);
    assert_int_equal(MEDIA_IOCTL(f, other, G_FMT, &format), ENODEV);
    assert_int_equal(media_open(f, &late), ENODEV);
    seen(f, &c, 3, 1)[0] = 1; /* what was mapped is there */
    media_close(f, other);
    client_close(f, &c);
    fake_node_unplug(&node, false);
    client_open(f, &c, 2);
    client_close(f, &c);
}

/* ---- controls and events ---- */

#define PLACES 2u

/* The payload of an ext-control call with a number and a string, whose bytes lie in two places. */
struct controls {
    struct v4l2_ext_controls head;
    struct v4l2_ext_control control[2];
    struct virtio_media_sg place[PLACES];
} __attribute__((packed));

static struct controls both_controls(struct media_fixture *f, int32_t brightness, uint64_t at[2])
{
    struct controls c = {
        .head = {.which = V4L2_CTRL_WHICH_CUR_VAL, .count = 2},
        .control = {{.id = V4L2_CID_BRIGHTNESS, .value = brightness},
                    {.id = FAKE_NODE_STRING, .size = 16, .ptr = (void *)0x7f0000001000}},
        .place = {{.len = 5}, {.len = 11}},
    };

    for (unsigned i = 0; i < PLACES; i++) {
        at[i] = ring_driver_alloc(&f->driver, 16);
        c.place[i].start = at[i];
    }
    return c;
}

static void controls_go_with_their_bytes(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f);
    struct controls c;
    uint64_t at[2];

    c = both_controls(f, 200, at);
    memcpy(ring_driver_at(&f->driver, at[0]), "hallo", 5);
    memcpy(ring_driver_at(&f->driver, at[1]), " welt......", 11);
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_S_EXT_CTRLS), &c, sizeof(c)), 0);
    assert_int_equal(node.brightness, 200);
    assert_memory_equal(node.text, "hallo welt......", 16);
    c = both_controls(f, 0, at);
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_G_EXT_CTRLS), &c, sizeof(c)), 0);
    assert_int_equal(c.control[0].value, 200);
    assert_ptr_equal(c.control[1].ptr, (void *)0x7f0000001000);
    assert_int_equal(c.head.count, 2);
    assert_memory_equal(ring_driver_at(&f->driver, at[0]), "hallo", 5);
    assert_memory_equal(ring_driver_at(&f->driver, at[1]), " welt......", 11);
    media_close(f, session);
}

/* Otherwise the guest would read addresses of ours. */
static void a_number_with_a_size_is_a_number(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f);
    struct controls c;
    uint64_t at[2];

    c = both_controls(f, 0, at);
    c.control[0].size = 5;
    c.control[0].value64 = 99;
    c.control[1].size = 11;
    c.head.count = 1;
    memmove(&c.control[1], c.place, sizeof(c.place));
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_S_EXT_CTRLS), &c, sizeof(c)), 0);
    assert_int_equal(node.brightness, 99);
    assert_true(c.control[0].value64 == 99);
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_G_EXT_CTRLS), &c, sizeof(c)), 0);
    assert_true(c.control[0].value64 == 99);
    media_close(f, session);
}

static void bad_controls_are_refused(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f);
    struct controls c;
    uint64_t at[2];

    c = both_controls(f, 300, at);
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_S_EXT_CTRLS), &c, sizeof(c)),
                     ERANGE);
    assert_int_equal(c.head.error_idx, 0);
    c = both_controls(f, 3, at);
    c.control[1].size = 9; /* too few for the host, who says how many */
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_G_EXT_CTRLS), &c, sizeof(c)),
                     ENOSPC);
    assert_int_equal(c.control[1].size, 16);
    assert_int_equal(c.head.error_idx, 1);
    c = both_controls(f, 3, at);
    c.place[1].start = 1; /* no memory of the guest */
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_S_EXT_CTRLS), &c, sizeof(c)),
                     EFAULT);
    c = both_controls(f, 3, at);
    c.control[1].size = 0x7fffffff;
    assert_int_not_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_S_EXT_CTRLS), &c, sizeof(c)),
                         0);
    c = both_controls(f, 3, at);
    c.head.count = 100;
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_S_EXT_CTRLS), &c, sizeof(c)),
                     EINVAL);
    media_close(f, session);
}

static void the_source_changes(void **state)
{
    struct media_fixture *f = *state;
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_SOURCE_CHANGE, .id = 0};
    const struct v4l2_event change = {.type = V4L2_EVENT_SOURCE_CHANGE,
                                      .u.src_change.changes = V4L2_EVENT_SRC_CH_RESOLUTION};
    uint32_t session = media_session(f), other = media_session(f);
    struct virtio_media_event_dqbuf raw;
    struct virtio_media_event_event event;
    struct v4l2_dv_timings timings = {0};

    media_post_events(f, 16, 608);
    assert_int_equal(MEDIA_IOCTL(f, session, SUBSCRIBE_EVENT, &wish), 0);
    node.width = 1280;
    fake_node_event(&node, &change);
    await_event(f, &raw);
    memcpy(&event, &raw, sizeof(event));
    assert_int_equal(event.hdr.event, VIRTIO_MEDIA_EVT_EVENT);
    assert_int_equal(event.hdr.session_id, session);
    assert_int_equal(event.event.type, V4L2_EVENT_SOURCE_CHANGE);
    assert_int_equal(event.event.u.src_change.changes, V4L2_EVENT_SRC_CH_RESOLUTION);
    assert_int_equal(MEDIA_IOCTL(f, session, QUERY_DV_TIMINGS, &timings), 0);
    assert_int_equal(timings.bt.width, 1280);
    assert_int_equal(MEDIA_IOCTL(f, session, UNSUBSCRIBE_EVENT, &wish), 0);
    fake_node_event(&node, &change);
    assert_no_event(f);
    media_close(f, other);
    media_close(f, session);
}

/* The state of things is told before the subscription is answered. */
static void a_first_event_comes_first(void **state)
{
    struct media_fixture *f = *state;
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_CTRL,
                                           .id = V4L2_CID_BRIGHTNESS,
                                           .flags = V4L2_EVENT_SUB_FL_SEND_INITIAL};
    uint32_t session = media_session(f);
    struct virtio_media_event_dqbuf event;

    media_post_events(f, 4, 608);
    assert_int_equal(MEDIA_IOCTL(f, session, SUBSCRIBE_EVENT, &wish), 0);
    assert_true(media_event(f, &event));
    assert_int_equal(event.hdr.event, VIRTIO_MEDIA_EVT_EVENT);
    media_close(f, session);
}

#define ROW(function, before) cmocka_unit_test_setup_teardown(function, before, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(the_node_is_the_guests, setup_single),
        ROW(each_session_is_an_open_file, setup_single),
        ROW(a_close_is_over_before_the_next_request, setup_single),
        ROW(a_person_sees_the_queues, setup_single),
        ROW(a_reset_finds_a_driver_at_work, setup_single),
        ROW(ioctls_reach_the_host, setup_single),
        ROW(what_has_pointers_does_not, setup_single),
        ROW(a_guest_captures, setup_single),
        ROW(a_guest_captures, setup_multi),
        ROW(a_guest_captures, setup_copied),
        ROW(a_guest_shows, setup_output),
        ROW(a_guest_shows, setup_output_multi),
        ROW(a_guest_shows, setup_output_copied),
        ROW(pages_that_are_none_are_refused, setup_multi),
        ROW(frames_go_into_the_guests_pages, setup_multi),
        ROW(a_dequeued_buffer_waits, setup_single),
        ROW(mappings_outlive_their_buffers, setup_single),
        ROW(a_broken_queue_gives_its_buffers_back, setup_single),
        ROW(an_unplugged_node_ends_the_stream, setup_multi),
        ROW(controls_go_with_their_bytes, setup_single),
        ROW(a_number_with_a_size_is_a_number, setup_single),
        ROW(bad_controls_are_refused, setup_single),
        ROW(the_source_changes, setup_single),
        ROW(a_first_event_comes_first, setup_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
