/* SPDX-License-Identifier: MIT */
/* A guest uses a video node of the host: its controls, its frames, its end. */
#include "v4l2_story.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

static void await_event(struct story *s, const struct stream *stream, uint32_t type,
                        struct virtio_media_event_event *event)
{
    struct virtio_media_event_dqbuf raw;
    int r = media_guest_event(&s->frontend, &raw, FRONTEND_PATIENCE);

    assert_int_equal(r, sizeof(*event));
    memcpy(event, &raw, sizeof(*event));
    assert_int_equal(event->hdr.event, VIRTIO_MEDIA_EVT_EVENT);
    assert_int_equal(event->hdr.session_id, stream->session);
    assert_int_equal(event->event.type, type);
}

/* ---- controls ---- */

/* A control whose bytes lie in two places of guest memory. */
static int control_bytes(struct story *s, const struct stream *stream, unsigned long code,
                         uint32_t id, void *bytes, uint32_t size)
{
    static uint64_t gpa;
    uint32_t half = size / 2;
    struct one_control c = {
        .head = {.which = V4L2_CTRL_WHICH_CUR_VAL, .count = 1},
        .control = {.id = id, .size = size, .ptr = (void *)0x7f0000001000},
    };
    size_t answer = sizeof(c.head) + sizeof(c.control);
    int r;

    gpa = guest_ram_take(&s->frontend.ram, GUEST_RAM_UPPER, 8192, 4096);
    assert_true(gpa != UINT64_MAX);
    c.place[0] = (struct virtio_media_sg){.start = gpa + 4096 - half, .len = half};
    c.place[1] = (struct virtio_media_sg){.start = gpa + 6000, .len = size - half};
    memcpy(guest_ram_at(&s->frontend.ram, c.place[0].start), bytes, half);
    memcpy(guest_ram_at(&s->frontend.ram, c.place[1].start), (uint8_t *)bytes + half, size - half);
    r = media_guest_ioctl_sized(&s->frontend, stream->session, _IOC_NR(code), &c, sizeof(c),
                                answer);
    memcpy(bytes, guest_ram_at(&s->frontend.ram, c.place[0].start), half);
    memcpy((uint8_t *)bytes + half, guest_ram_at(&s->frontend.ram, c.place[1].start), size - half);
    return r;
}

static void controls_are_the_hosts(void **state)
{
    struct story *s = story(state);
    struct v4l2_query_ext_ctrl found;
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_CTRL,
                                           .id = V4L2_CID_BRIGHTNESS,
                                           .flags = V4L2_EVENT_SUB_FL_SEND_INITIAL};
    struct virtio_media_event_event event;
    struct stream a, b;
    char text[5] = "abc", back[5] = "";
    int32_t wrong = 100000;
    uint8_t matrix[256], matrix_back[256] = {0};

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    open_stream(s, &a, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    open_stream(s, &b, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    assert_int_equal(ask(s, &a, VIDIOC_SUBSCRIBE_EVENT, &wish), 0);
    await_event(s, &a, V4L2_EVENT_CTRL, &event);
    set_control(s, &b, "Brightness", 77);
    await_event(s, &a, V4L2_EVENT_CTRL, &event);
    assert_int_equal(event.event.id, V4L2_CID_BRIGHTNESS);
    assert_int_equal(event.event.u.ctrl.value, 77);
    assert_int_equal(control_value(s, &a, VIDIOC_S_EXT_CTRLS,
                                   control_id(s, &a, "Integer 32 Bits") + 0x1000, &wrong),
                     EINVAL);
    find_control(s, &a, "String", &found);
    assert_int_equal(found.type, V4L2_CTRL_TYPE_STRING);
    assert_int_equal(control_bytes(s, &a, VIDIOC_S_EXT_CTRLS, found.id, text, sizeof(text)), 0);
    assert_int_equal(control_bytes(s, &b, VIDIOC_G_EXT_CTRLS, found.id, back, sizeof(back)), 0);
    assert_string_equal(back, "abc");
    assert_int_equal(control_bytes(s, &b, VIDIOC_G_EXT_CTRLS, found.id, back, 2), ENOSPC);
    find_control(s, &a, "U16 8x16 Matrix", &found);
    assert_int_equal(found.elems * found.elem_size, sizeof(matrix));
    for (unsigned i = 0; i < sizeof(matrix); i++)
        matrix[i] = i % 2 == 0 ? (uint8_t)(0x18 + i / 2) : 0;
    assert_int_equal(control_bytes(s, &a, VIDIOC_S_EXT_CTRLS, found.id, matrix, sizeof(matrix)), 0);
    assert_int_equal(
        control_bytes(s, &b, VIDIOC_G_EXT_CTRLS, found.id, matrix_back, sizeof(matrix)), 0);
    assert_memory_equal(matrix_back, matrix, sizeof(matrix));
    media_guest_close(&s->frontend, a.session);
    media_guest_close(&s->frontend, b.session);
    story_end(s);
}

/* ---- capture ---- */

/* Whether the frame is of that brightness all over: its bytes are those of one colour. */
static bool is_plain(struct story *s, const struct stream *stream,
                     const struct virtio_media_event_dqbuf *event, bool white)
{
    volatile uint8_t *data = seen(s, stream, event->buffer.index, 0) + event->planes[0].data_offset;
    unsigned step = stream->fourcc == V4L2_PIX_FMT_YUYV ? 2 : 1;
    uint32_t wrong = 0, size = stream->width * stream->height * step;

    for (uint32_t i = 0; i < size; i += step * 61)
        wrong += white ? data[i] < 215 : data[i] > 40;
    return wrong == 0;
}

/* Frames until one is plain, and then some that all are. */
static void expect_plain(struct story *s, const struct stream *stream, bool white)
{
    struct virtio_media_event_dqbuf event;
    bool plain = false;

    for (unsigned i = 0; i < 20 && !plain; i++) {
        await(s, stream, &event);
        plain = is_plain(s, stream, &event, white);
        queue(s, stream, event.buffer.index);
    }
    assert_true(plain);
    for (unsigned i = 0; i < 5; i++) {
        await(s, stream, &event);
        assert_true(is_plain(s, stream, &event, white));
        assert_false(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
        queue(s, stream, event.buffer.index);
    }
}

static void capture(struct story *s, uint32_t type, uint32_t fourcc)
{
    struct v4l2_streamparm parm = {.type = type, .parm.capture.timeperframe = {1, 30}};
    struct stream stream;

    open_stream(s, &stream, type);
    stream.fourcc = fourcc;
    stream.width = 640;
    stream.height = 360;
    use_input(s, &stream, 0);
    set_control(s, &stream, "Brightness", 128);
    show_plain(s, &stream, BLACK);
    for (unsigned i = 0; i < 2; i++) {
        set_format(s, &stream);
        assert_int_equal(ask(s, &stream, VIDIOC_S_PARM, &parm), 0);
        assert_int_equal(parm.parm.capture.readbuffers, 0);
        begin(s, &stream, 3, 0);
        expect_plain(s, &stream, false);
        set_control(s, &stream, "Test Pattern", WHITE);
        expect_plain(s, &stream, true);
        set_control(s, &stream, "Test Pattern", BLACK);
        end(s, &stream);
    }
    set_control(s, &stream, "Test Pattern", 0);
    media_guest_close(&s->frontend, stream.session);
    story_end(s);
}

static void a_guest_captures(void **state)
{
    open_node(story(state), "HOSTBLOB_V4L2_CAPTURE");
    capture(story(state), V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_PIX_FMT_YUYV);
}

static void a_guest_captures_two_planes(void **state)
{
    open_node(story(state), "HOSTBLOB_V4L2_CAPTURE_MULTI");
    capture(story(state), V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, V4L2_PIX_FMT_NV16M);
}

/* ---- output ---- */

static void show(struct story *s, uint32_t type, uint32_t fourcc)
{
    struct virtio_media_event_dqbuf event;
    struct stream stream;

    open_stream(s, &stream, type);
    stream.fourcc = fourcc;
    stream.width = 1280;
    stream.height = 720;
    begin(s, &stream, 3, 1);
    for (unsigned i = 0; i < 30; i++) {
        await(s, &stream, &event);
        assert_int_equal(event.buffer.index, i % 3);
        assert_false(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
        for (unsigned p = 0; p < stream.planes; p++)
            memset((void *)(uintptr_t)seen(s, &stream, event.buffer.index, p), (int)i,
                   stream.size[p]);
        queue(s, &stream, event.buffer.index);
    }
    end(s, &stream);
    media_guest_close(&s->frontend, stream.session);
    story_end(s);
}

static void a_guest_shows(void **state)
{
    open_node(story(state), "HOSTBLOB_V4L2_OUTPUT");
    show(story(state), V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_PIX_FMT_YUYV);
}

static void a_guest_shows_two_planes(void **state)
{
    open_node(story(state), "HOSTBLOB_V4L2_OUTPUT_MULTI");
    show(story(state), V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_PIX_FMT_NV16M);
}

/* ---- timings ---- */

#define SIGNAL_NONE 1 /* of the menu "DV Timings Signal Mode" */
#define SIGNAL_SELECTED 4
#define TIMINGS 2 /* 720x480p, of the menu "DV Timings" */

static void query_timings(struct story *s, const struct stream *stream, struct v4l2_dv_timings *t)
{
    *t = (struct v4l2_dv_timings){0};
    assert_int_equal(ask(s, stream, VIDIOC_QUERY_DV_TIMINGS, t), 0);
}

static void the_source_changes(void **state)
{
    struct story *s = story(state);
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_SOURCE_CHANGE};
    struct v4l2_dv_timings before, after;
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct virtio_media_event_event event;
    struct stream stream;

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    open_stream(s, &stream, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    use_input(s, &stream, 1);
    query_timings(s, &stream, &before);
    assert_int_equal(ask(s, &stream, VIDIOC_S_DV_TIMINGS, &before), 0);
    wish.id = 1;
    assert_int_equal(ask(s, &stream, VIDIOC_SUBSCRIBE_EVENT, &wish), 0);
    set_control(s, &stream, "DV Timings Signal Mode", SIGNAL_NONE);
    await_event(s, &stream, V4L2_EVENT_SOURCE_CHANGE, &event);
    assert_int_equal(ask(s, &stream, VIDIOC_QUERY_DV_TIMINGS, &after), ENOLINK);
    set_control(s, &stream, "DV Timings", TIMINGS);
    set_control(s, &stream, "DV Timings Signal Mode", SIGNAL_SELECTED);
    await_event(s, &stream, V4L2_EVENT_SOURCE_CHANGE, &event);
    assert_true(event.event.u.src_change.changes & V4L2_EVENT_SRC_CH_RESOLUTION);
    query_timings(s, &stream, &after);
    assert_true(after.bt.width != before.bt.width || after.bt.height != before.bt.height);
    assert_int_equal(ask(s, &stream, VIDIOC_S_DV_TIMINGS, &after), 0);
    assert_int_equal(ask(s, &stream, VIDIOC_G_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, after.bt.width);
    assert_int_equal(format.fmt.pix.height * (after.bt.interlaced ? 2 : 1), after.bt.height);
    set_control(s, &stream, "DV Timings Signal Mode", 0);
    use_input(s, &stream, 0);
    media_guest_close(&s->frontend, stream.session);
    story_end(s);
}

/* ---- much ---- */

#define MANY 300u

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int64_t time_of(const struct virtio_media_event_dqbuf *event)
{
    return event->buffer.timestamp.tv_sec * 1000000ll + event->buffer.timestamp.tv_usec;
}

static void many_frames_in_full_size(void **state)
{
    struct story *s = story(state);
    struct v4l2_streamparm parm = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                   .parm.capture.timeperframe = {1, 60}};
    struct virtio_media_event_dqbuf event;
    struct stream stream;
    uint32_t next = 0, lost = 0;
    int64_t last = 0;
    double start;

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    open_stream(s, &stream, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    use_input(s, &stream, 0);
    stream.fourcc = V4L2_PIX_FMT_YUYV;
    stream.width = 1920;
    stream.height = 1080;
    set_format(s, &stream);
    assert_int_equal(ask(s, &stream, VIDIOC_S_PARM, &parm), 0);
    begin(s, &stream, 4, 0);
    start = seconds();
    for (unsigned i = 0; i < MANY; i++) {
        await(s, &stream, &event);
        assert_int_equal(event.buffer.bytesused, 1920 * 1080 * 2);
        /* A driver that is late gives two frames one number. */
        assert_true((int32_t)(event.buffer.sequence - next) >= -1);
        assert_true(time_of(&event) > last);
        last = time_of(&event);
        if (event.buffer.sequence >= next) {
            lost += event.buffer.sequence - next;
            next = event.buffer.sequence + 1;
        }
        queue(s, &stream, event.buffer.index);
    }
    print_message("@@ frames=%u lost=%u seconds=%.1f interval=%u/%u\n", MANY, lost,
                  seconds() - start, parm.parm.capture.timeperframe.numerator,
                  parm.parm.capture.timeperframe.denominator);
    end(s, &stream);
    media_guest_close(&s->frontend, stream.session);
    story_end(s);
}

/* ---- the end ---- */

static void unplug(void)
{
    const char *path = getenv("HOSTBLOB_V4L2_UNBIND");
    int fd = path != NULL ? open(path, O_WRONLY | O_CLOEXEC) : -1;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "vivid.0", 7), 7);
    close(fd);
}

/* The last story: there are no nodes afterwards. */
static void an_unplugged_camera_ends_the_stream(void **state)
{
    struct story *s = story(state);
    struct virtio_media_event_dqbuf event;
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct stream stream;
    struct payload p;
    unsigned failed = 0;
    uint32_t late;

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    open_webcam(s, &stream);
    begin(s, &stream, 3, 0);
    await(s, &stream, &event);
    queue(s, &stream, event.buffer.index);
    unplug();
    /* Every buffer comes back, some of them perhaps with a frame. */
    for (unsigned i = 0; i < 3; i++) {
        await(s, &stream, &event);
        failed += (event.buffer.flags & V4L2_BUF_FLAG_ERROR) != 0;
    }
    assert_true(failed > 0);
    assert_int_equal(buffer_ioctl(s, &stream, _IOC_NR(VIDIOC_QBUF), 0, &p), ENODEV);
    assert_int_equal(ask(s, &stream, VIDIOC_G_FMT, &format), ENODEV);
    assert_int_equal(media_guest_open(&s->frontend, &late), ENODEV);
    *seen(s, &stream, 0, 0) = 1; /* what was mapped is there */
    assert_true(media_guest_close(&s->frontend, stream.session) >= 0);
    unmap(s, &stream);
    assert_true(daemon_process_logged(&s->daemon, "is gone"));
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(controls_are_the_hosts, qemu),
        STORY(a_guest_captures, qemu),
        STORY(a_guest_captures, crosvm),
        STORY(a_guest_captures_two_planes, qemu),
        STORY(a_guest_shows, qemu),
        STORY(a_guest_shows_two_planes, qemu),
        STORY(the_source_changes, qemu),
        STORY(many_frames_in_full_size, qemu),
        STORY(an_unplugged_camera_ends_the_stream, qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
