/* SPDX-License-Identifier: MIT */
/*
 * A guest uses a video node of the host. The nodes are those of the kernel's 'vivid' driver, which
 * makes them of nothing; environment variables name them: HOSTBLOB_V4L2_CAPTURE and
 * HOSTBLOB_V4L2_OUTPUT (of one plane), _CAPTURE_MULTI and _OUTPUT_MULTI (of two). Input 0 of the
 * captures is a webcam, input 1 HDMI. HOSTBLOB_V4L2_UNBIND is the driver's file of that name.
 */
#include "story.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/magic.h>

#include "tests/frontend/media_guest.h"

#define EVENTS 16u
#define MOST_BUFFERS 8u

static const struct story_cast qemu = {STORY_MEDIA, HABIT_QEMU, NULL};
static const struct story_cast crosvm = {STORY_MEDIA, HABIT_CROSVM, NULL, true};

struct stream {
    uint32_t session, type, count, fourcc, width, height;
    unsigned planes;
    uint32_t size[2];
    uint64_t at[MOST_BUFFERS][2];
};

struct payload {
    struct v4l2_buffer buffer;
    struct v4l2_plane planes[VIDEO_MAX_PLANES];
};

static void open_node(struct story *s, const char *variable)
{
    static char node[64];
    const char *path = getenv(variable);

    if (path == NULL) {
        s->ended = true;
        skip();
    }
    snprintf(node, sizeof(node), "--node=%s", path);
    story_start(s, (const char *const[]){"--kind=v4l2", node, NULL});
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
}

static bool is_multi(const struct stream *stream)
{
    return V4L2_TYPE_IS_MULTIPLANAR(stream->type);
}

static int ask(struct story *s, const struct stream *stream, unsigned long code, void *payload)
{
    return media_guest_ioctl(&s->frontend, stream->session, code, payload);
}

static int buffer_ioctl(struct story *s, const struct stream *stream, unsigned nr, uint32_t index,
                        struct payload *p)
{
    size_t size =
        sizeof(p->buffer) + (is_multi(stream) ? stream->planes * sizeof(p->planes[0]) : 0);

    *p = (struct payload){
        .buffer = {.index = index, .type = stream->type, .memory = V4L2_MEMORY_MMAP}};
    if (is_multi(stream))
        p->buffer.length = stream->planes;
    for (unsigned i = 0; i < stream->planes && V4L2_TYPE_IS_OUTPUT(stream->type); i++)
        p->planes[i].bytesused = stream->size[i];
    if (!is_multi(stream) && V4L2_TYPE_IS_OUTPUT(stream->type))
        p->buffer.bytesused = stream->size[0];
    return media_guest_ioctl_sized(&s->frontend, stream->session, nr, p, size, size);
}

static void queue(struct story *s, const struct stream *stream, uint32_t index)
{
    struct payload p;

    assert_int_equal(buffer_ioctl(s, stream, _IOC_NR(VIDIOC_QBUF), index, &p), 0);
}

static void set_format(struct story *s, struct stream *stream)
{
    struct v4l2_format format = {.type = stream->type};

    if (is_multi(stream)) {
        format.fmt.pix_mp.width = stream->width;
        format.fmt.pix_mp.height = stream->height;
        format.fmt.pix_mp.pixelformat = stream->fourcc;
    } else {
        format.fmt.pix.width = stream->width;
        format.fmt.pix.height = stream->height;
        format.fmt.pix.pixelformat = stream->fourcc;
    }
    assert_int_equal(ask(s, stream, VIDIOC_S_FMT, &format), 0);
    if (is_multi(stream)) {
        stream->planes = format.fmt.pix_mp.num_planes;
        assert_in_range(stream->planes, 1, 2);
        for (unsigned i = 0; i < stream->planes; i++)
            stream->size[i] = format.fmt.pix_mp.plane_fmt[i].sizeimage;
        assert_int_equal(format.fmt.pix_mp.width, stream->width);
        assert_int_equal(format.fmt.pix_mp.pixelformat, stream->fourcc);
    } else {
        stream->planes = 1;
        stream->size[0] = format.fmt.pix.sizeimage;
        assert_int_equal(format.fmt.pix.width, stream->width);
        assert_int_equal(format.fmt.pix.height, stream->height);
        assert_int_equal(format.fmt.pix.pixelformat, stream->fourcc);
    }
}

/* Whether what is mapped in the guest at 'offset' is a dmabuf. */
static bool is_dmabuf(struct story *s, uint64_t offset)
{
    struct statfs fs;

    for (struct guest_window_mapping *m = s->frontend.window.mappings; m != NULL; m = m->next)
        if (offset >= m->shm_offset && offset - m->shm_offset < m->size) {
            assert_int_equal(fstatfs(m->fd, &fs), 0);
            return fs.f_type == DMA_BUF_MAGIC;
        }
    fail_msg("nothing is mapped at %llu", (unsigned long long)offset);
    return false;
}

static void map_buffer(struct story *s, struct stream *stream, uint32_t index)
{
    struct payload p;

    assert_int_equal(buffer_ioctl(s, stream, _IOC_NR(VIDIOC_QUERYBUF), index, &p), 0);
    for (unsigned i = 0; i < stream->planes; i++) {
        uint32_t offset = is_multi(stream) ? p.planes[i].m.mem_offset : p.buffer.m.offset;
        uint64_t length;

        assert_int_equal(
            media_guest_mmap(&s->frontend, stream->session, offset, &stream->at[index][i], &length),
            0);
        assert_true(length >= stream->size[i]);
        assert_true(is_dmabuf(s, stream->at[index][i]));
    }
}

static int reqbufs(struct story *s, const struct stream *stream, uint32_t *count)
{
    struct v4l2_requestbuffers request = {
        .count = *count, .type = stream->type, .memory = V4L2_MEMORY_MMAP};
    int r = ask(s, stream, VIDIOC_REQBUFS, &request);

    *count = request.count;
    return r;
}

static volatile uint8_t *seen(struct story *s, const struct stream *stream, uint32_t index,
                              unsigned plane)
{
    void *data =
        guest_window_at(&s->frontend.window, stream->at[index][plane], stream->size[plane]);

    assert_non_null(data);
    return data;
}

static int stream_switch(struct story *s, const struct stream *stream, bool on)
{
    uint32_t type = stream->type;

    return ask(s, stream, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type);
}

/* Allocates, maps, fills with 'value' (outputs), queues and starts. */
static void begin(struct story *s, struct stream *stream, uint32_t count, uint8_t value)
{
    stream->count = count;
    set_format(s, stream);
    assert_int_equal(reqbufs(s, stream, &stream->count), 0);
    assert_int_equal(stream->count, count);
    for (uint32_t i = 0; i < count; i++) {
        map_buffer(s, stream, i);
        for (unsigned p = 0; p < stream->planes && V4L2_TYPE_IS_OUTPUT(stream->type); p++)
            memset((void *)(uintptr_t)seen(s, stream, i, p), value, stream->size[p]);
        queue(s, stream, i);
    }
    assert_int_equal(stream_switch(s, stream, true), 0);
    assert_false(daemon_process_logged(&s->daemon, "copied once"));
    assert_true(daemon_process_logged(&s->daemon, "nothing is copied"));
}

static void unmap(struct story *s, const struct stream *stream)
{
    for (uint32_t i = 0; i < stream->count; i++)
        for (unsigned p = 0; p < stream->planes; p++)
            assert_int_equal(media_guest_munmap(&s->frontend, stream->at[i][p]), 0);
}

static void end(struct story *s, struct stream *stream)
{
    struct virtio_media_event_dqbuf left;
    uint32_t none = 0;

    assert_int_equal(stream_switch(s, stream, false), 0);
    while (media_guest_event(&s->frontend, &left, 0) > 0)
        ; /* frames that nobody has taken */
    unmap(s, stream);
    assert_int_equal(reqbufs(s, stream, &none), 0);
    stream->count = 0;
}

/* The next event of the stream; every other is passed over. */
static void await(struct story *s, const struct stream *stream,
                  struct virtio_media_event_dqbuf *event)
{
    int r = media_guest_event(&s->frontend, event, FRONTEND_PATIENCE);

    assert_int_equal(r, sizeof(*event));
    assert_int_equal(event->hdr.event, VIRTIO_MEDIA_EVT_DQBUF);
    assert_int_equal(event->hdr.session_id, stream->session);
    assert_int_equal(event->buffer.type, stream->type);
    assert_in_range(event->buffer.index, 0, stream->count - 1);
}

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

/* The control of that name, found as programs find it: by asking for the next, and the next. */
static void find_control(struct story *s, const struct stream *stream, const char *name,
                         struct v4l2_query_ext_ctrl *found)
{
    const uint32_t next = V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND;
    int r;

    *found = (struct v4l2_query_ext_ctrl){.id = next};
    while ((r = ask(s, stream, VIDIOC_QUERY_EXT_CTRL, found)) == 0) {
        if (strcmp(found->name, name) == 0)
            return;
        found->id |= next;
    }
    fail_msg("no control is called %s", name);
}

static uint32_t control_id(struct story *s, const struct stream *stream, const char *name)
{
    struct v4l2_query_ext_ctrl found;

    find_control(s, stream, name, &found);
    return found.id;
}

struct one_control {
    struct v4l2_ext_controls head;
    struct v4l2_ext_control control;
    struct virtio_media_sg place[2];
} __attribute__((packed));

static int control_value(struct story *s, const struct stream *stream, unsigned long code,
                         uint32_t id, int32_t *value)
{
    struct one_control c = {.head = {.which = V4L2_CTRL_WHICH_CUR_VAL, .count = 1},
                            .control = {.id = id, .value = *value}};
    size_t size = sizeof(c.head) + sizeof(c.control);
    int r = media_guest_ioctl_sized(&s->frontend, stream->session, _IOC_NR(code), &c, size, size);

    *value = c.control.value;
    return r;
}

static void set_control(struct story *s, const struct stream *stream, const char *name,
                        int32_t value)
{
    int32_t got = value;
    uint32_t id = control_id(s, stream, name);

    assert_int_equal(control_value(s, stream, VIDIOC_S_EXT_CTRLS, id, &got), 0);
    got = -1;
    assert_int_equal(control_value(s, stream, VIDIOC_G_EXT_CTRLS, id, &got), 0);
    assert_int_equal(got, value);
}

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

static void open_stream(struct story *s, struct stream *stream, uint32_t type)
{
    *stream = (struct stream){.type = type, .planes = 1};
    assert_int_equal(media_guest_open(&s->frontend, &stream->session), 0);
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

#define WHITE 6 /* of the menu "Test Pattern" */
#define BLACK 5

static void show_plain(struct story *s, const struct stream *stream, int32_t pattern)
{
    set_control(s, stream, "OSD Text Mode", 2);
    set_control(s, stream, "Test Pattern", pattern);
}

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

static void use_input(struct story *s, const struct stream *stream, uint32_t input)
{
    assert_int_equal(ask(s, stream, VIDIOC_S_INPUT, &input), 0);
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

/* ---- memory of the guest's ---- */

/* Whoever answers after this is another worker. */
static void die(struct story *s, const struct stream *stream)
{
    struct v4l2_format format = {.type = stream->type};
    pid_t worker = story_worker(s);

    kill(worker, SIGKILL);
    assert_int_equal(ask(s, stream, VIDIOC_G_FMT, &format), 0);
    assert_int_not_equal(story_worker(s), worker);
}

#define CHUNK 32768u
#define CHUNKS 15u /* hold a frame of 640x360 in YUYV */
#define USERPTR(index) (0x7f1200000000ull + 0x100000ull * (index))

/* A buffer of the guest's program: its memory lies in chunks, the last of them first. */
static int queue_user(struct story *s, const struct stream *stream, uint32_t index)
{
    struct {
        struct v4l2_buffer buffer;
        struct virtio_media_sg chunks[CHUNKS];
    } u = {.buffer = {.index = index,
                      .type = stream->type,
                      .memory = V4L2_MEMORY_USERPTR,
                      .m.userptr = USERPTR(index),
                      .length = CHUNK * CHUNKS}};
    int r;

    for (unsigned i = 0; i < CHUNKS; i++)
        u.chunks[i] = (struct virtio_media_sg){
            .start = stream->at[index][0] + (CHUNKS - 1 - i) * CHUNK, .len = CHUNK};
    r = media_guest_ioctl_sized(&s->frontend, stream->session, _IOC_NR(VIDIOC_QBUF), &u, sizeof(u),
                                sizeof(u.buffer));
    assert_true(r != 0 || u.buffer.m.userptr == USERPTR(index));
    return r;
}

static bool is_white(struct story *s, const struct stream *stream, uint32_t index)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < stream->size[0]; i += 2 * 61) {
        uint64_t at = stream->at[index][0] + (CHUNKS - 1 - i / CHUNK) * CHUNK + i % CHUNK;

        wrong += *(uint8_t *)guest_ram_at(&s->frontend.ram, at) < 215;
    }
    return wrong == 0;
}

/* Takes frames until 'count' were good. Returns how many of them were white; *failed counts those
 * that came back as errors. */
static unsigned take_user_frames(struct story *s, const struct stream *stream, unsigned count,
                                 unsigned *failed)
{
    struct virtio_media_event_dqbuf event;
    unsigned white = 0;

    for (unsigned good = 0; good < count;) {
        bool is_good;

        await(s, stream, &event);
        is_good = (event.buffer.flags & V4L2_BUF_FLAG_ERROR) == 0;
        assert_int_equal(event.buffer.memory, V4L2_MEMORY_USERPTR);
        good += is_good;
        *failed += !is_good;
        white += is_good && is_white(s, stream, event.buffer.index);
        assert_int_equal(queue_user(s, stream, event.buffer.index), 0);
    }
    return white;
}

static void frames_go_into_the_guests_pages(void **state)
{
    struct story *s = story(state);
    struct v4l2_requestbuffers request = {
        .count = 3, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_USERPTR};
    struct stream stream;
    unsigned failed = 0, white;

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    open_stream(s, &stream, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    stream.fourcc = V4L2_PIX_FMT_YUYV;
    stream.width = 640;
    stream.height = 360;
    use_input(s, &stream, 0);
    set_control(s, &stream, "Brightness", 128);
    show_plain(s, &stream, WHITE);
    set_format(s, &stream);
    assert_int_equal(ask(s, &stream, VIDIOC_REQBUFS, &request), 0);
    stream.count = request.count;
    assert_int_equal(stream.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        stream.at[i][0] = guest_ram_take(&s->frontend.ram, GUEST_RAM_UPPER, CHUNKS * CHUNK, 4096);
        assert_true(stream.at[i][0] != UINT64_MAX);
        memset(guest_ram_at(&s->frontend.ram, stream.at[i][0]), 0, CHUNKS * CHUNK);
        assert_int_equal(queue_user(s, &stream, i), 0);
    }
    assert_int_equal(stream_switch(s, &stream, true), 0);
    white = take_user_frames(s, &stream, 12, &failed);
    assert_in_range(white, 10, 12);
    assert_int_equal(failed, 0);
    /* Another worker cannot say whose pages the driver has: what it has comes back as errors. */
    die(s, &stream);
    white = take_user_frames(s, &stream, 12, &failed);
    assert_in_range(white, 9, 12);
    assert_in_range(failed, 0, 3);
    assert_int_equal(stream_switch(s, &stream, false), 0);
    set_control(s, &stream, "Test Pattern", 0);
    media_guest_close(&s->frontend, stream.session);
    story_end(s);
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

/* ---- a worker that dies ---- */

static void expect_in_turn(struct story *s, struct stream *stream, bool *with_host,
                           struct virtio_media_event_dqbuf *event)
{
    await(s, stream, event);
    assert_true(with_host[event->buffer.index]); /* each comes once */
    with_host[event->buffer.index] = false;
}

/* The host's driver has the stream, and does not notice. */
static void a_worker_dies_of_a_capture(void **state)
{
    struct story *s = story(state);
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct virtio_media_event_dqbuf event;
    bool with_host[MOST_BUFFERS];
    unsigned failed = 0, deaths = 0;
    struct stream stream;
    uint32_t last = 0;

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    open_stream(s, &stream, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    use_input(s, &stream, 0);
    stream.fourcc = V4L2_PIX_FMT_YUYV;
    stream.width = 640;
    stream.height = 360;
    begin(s, &stream, 4, 0);
    memset(with_host, true, sizeof(with_host));
    for (unsigned i = 0; i < MANY; i++) {
        if (i % 60 == 30) {
            kill(story_worker(s), SIGKILL); /* it has all buffers, and is idle or not */
            deaths++;
        }
        expect_in_turn(s, &stream, with_host, &event);
        failed += (event.buffer.flags & V4L2_BUF_FLAG_ERROR) != 0;
        assert_true(i == 0 || (int32_t)(event.buffer.sequence - last) >= 0);
        last = event.buffer.sequence;
        assert_int_equal(event.buffer.bytesused, stream.size[0]);
        queue(s, &stream, event.buffer.index);
        with_host[event.buffer.index] = true;
    }
    print_message("@@ %u frames over %u deaths, %u came back as errors, the last is number %u\n",
                  MANY, deaths, failed, last);
    assert_true(failed <= deaths);
    assert_int_equal(ask(s, &stream, VIDIOC_G_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, 640);
    end(s, &stream);
    media_guest_close(&s->frontend, stream.session);
    story_await(s, "/device/sessions", 0);
    open_stream(s, &stream, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    stream.count = 2;
    assert_int_equal(reqbufs(s, &stream, &stream.count), 0); /* the buffers are nobody's */
    media_guest_close(&s->frontend, stream.session);
    story_end(s);
}

/* Killed in the middle of all commands: each is carried out once, and answered. */
static void a_worker_dies_of_commands(void **state)
{
    struct story *s = story(state);
    struct virtio_media_event_dqbuf event;
    struct stream stream;

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    srand(1);
    for (unsigned life = 0; life < 5; life++) {
        pid_t worker = story_worker(s), killer = fork();
        int status;

        assert_true(killer >= 0);
        if (killer == 0) {
            usleep((unsigned)rand() % 60000 + life * 1000);
            kill(worker, SIGKILL);
            _exit(0);
        }
        do {
            open_stream(s, &stream, V4L2_BUF_TYPE_VIDEO_CAPTURE);
            stream.fourcc = V4L2_PIX_FMT_YUYV;
            stream.width = 640;
            stream.height = 360;
            use_input(s, &stream, 0);
            begin(s, &stream, 3, 0);
            for (unsigned i = 0; i < 3; i++) {
                await(s, &stream, &event);
                queue(s, &stream, event.buffer.index);
            }
            end(s, &stream);
            assert_true(media_guest_close(&s->frontend, stream.session) >= 0);
            story_await(s, "/device/sessions", 0);
            story_await(s, "/device/resources", 0);
        } while (waitpid(killer, &status, WNOHANG) == 0);
    }
    story_end(s);
}

/* A front-end that goes, or resets, while the host's driver fills its buffers. */
static void a_front_end_goes(void **state)
{
    struct story *s = story(state);
    struct virtio_media_event_dqbuf event;
    struct stream stream;

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    for (unsigned i = 0; i < 4; i++) {
        open_stream(s, &stream, V4L2_BUF_TYPE_VIDEO_CAPTURE);
        stream.fourcc = V4L2_PIX_FMT_YUYV;
        stream.width = 640;
        stream.height = 360;
        use_input(s, &stream, 0);
        begin(s, &stream, 3, 0);
        await(s, &stream, &event);
        if (i % 2 == 0) {
            story_leave(s);
            story_join(s);
        } else {
            assert_int_equal(frontend_reset(&s->frontend), 0);
            assert_int_equal(frontend_start(&s->frontend), 0);
            story_await(s, "/device/sessions", 0);
        }
        assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
    }
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
    open_stream(s, &stream, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    stream.fourcc = V4L2_PIX_FMT_YUYV;
    stream.width = 640;
    stream.height = 360;
    use_input(s, &stream, 0);
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
        STORY(frames_go_into_the_guests_pages, qemu),
        STORY(a_guest_shows, qemu),
        STORY(a_guest_shows_two_planes, qemu),
        STORY(the_source_changes, qemu),
        STORY(many_frames_in_full_size, qemu),
        STORY(a_worker_dies_of_a_capture, qemu),
        STORY(a_worker_dies_of_a_capture, crosvm),
        STORY(a_worker_dies_of_commands, qemu),
        STORY(a_front_end_goes, qemu),
        STORY(a_front_end_goes, crosvm),
        STORY(an_unplugged_camera_ends_the_stream, qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
