/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_V4L2_STORY_H
#define TESTS_SESSION_V4L2_STORY_H

/*
 * A guest's program at a video node of the host. The nodes are those of the kernel's 'vivid'
 * driver, which makes them of nothing; environment variables name them: HOSTBLOB_V4L2_CAPTURE and
 * HOSTBLOB_V4L2_OUTPUT (of one plane), _CAPTURE_MULTI and _OUTPUT_MULTI (of two). Input 0 of the
 * captures is a webcam, input 1 HDMI. HOSTBLOB_V4L2_UNBIND is the driver's file of that name.
 */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

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

static inline void open_node(struct story *s, const char *variable)
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

static inline bool is_multi(const struct stream *stream)
{
    return V4L2_TYPE_IS_MULTIPLANAR(stream->type);
}

static inline int ask(struct story *s, const struct stream *stream, unsigned long code,
                      void *payload)
{
    return media_guest_ioctl(&s->frontend, stream->session, code, payload);
}

static inline int buffer_ioctl(struct story *s, const struct stream *stream, unsigned nr,
                               uint32_t index, struct payload *p)
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

static inline void queue(struct story *s, const struct stream *stream, uint32_t index)
{
    struct payload p;

    assert_int_equal(buffer_ioctl(s, stream, _IOC_NR(VIDIOC_QBUF), index, &p), 0);
}

static inline void set_format(struct story *s, struct stream *stream)
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
static inline bool is_dmabuf(struct story *s, uint64_t offset)
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

static inline void map_buffer(struct story *s, struct stream *stream, uint32_t index)
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

static inline int reqbufs(struct story *s, const struct stream *stream, uint32_t *count)
{
    struct v4l2_requestbuffers request = {
        .count = *count, .type = stream->type, .memory = V4L2_MEMORY_MMAP};
    int r = ask(s, stream, VIDIOC_REQBUFS, &request);

    *count = request.count;
    return r;
}

static inline volatile uint8_t *seen(struct story *s, const struct stream *stream, uint32_t index,
                                     unsigned plane)
{
    void *data =
        guest_window_at(&s->frontend.window, stream->at[index][plane], stream->size[plane]);

    assert_non_null(data);
    return data;
}

static inline int stream_switch(struct story *s, const struct stream *stream, bool on)
{
    uint32_t type = stream->type;

    return ask(s, stream, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type);
}

/* Allocates, maps, fills with 'value' (outputs), queues and starts. */
static inline void begin(struct story *s, struct stream *stream, uint32_t count, uint8_t value)
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

static inline void unmap(struct story *s, const struct stream *stream)
{
    for (uint32_t i = 0; i < stream->count; i++)
        for (unsigned p = 0; p < stream->planes; p++)
            assert_int_equal(media_guest_munmap(&s->frontend, stream->at[i][p]), 0);
}

static inline void end(struct story *s, struct stream *stream)
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
static inline void await(struct story *s, const struct stream *stream,
                         struct virtio_media_event_dqbuf *event)
{
    int r = media_guest_event(&s->frontend, event, FRONTEND_PATIENCE);

    assert_int_equal(r, sizeof(*event));
    assert_int_equal(event->hdr.event, VIRTIO_MEDIA_EVT_DQBUF);
    assert_int_equal(event->hdr.session_id, stream->session);
    assert_int_equal(event->buffer.type, stream->type);
    assert_in_range(event->buffer.index, 0, stream->count - 1);
}

/* ---- controls ---- */

/* The control of that name, found as programs find it: by asking for the next, and the next. */
static inline void find_control(struct story *s, const struct stream *stream, const char *name,
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

static inline uint32_t control_id(struct story *s, const struct stream *stream, const char *name)
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

static inline int control_value(struct story *s, const struct stream *stream, unsigned long code,
                                uint32_t id, int32_t *value)
{
    struct one_control c = {.head = {.which = V4L2_CTRL_WHICH_CUR_VAL, .count = 1},
                            .control = {.id = id, .value = *value}};
    size_t size = sizeof(c.head) + sizeof(c.control);
    int r = media_guest_ioctl_sized(&s->frontend, stream->session, _IOC_NR(code), &c, size, size);

    *value = c.control.value;
    return r;
}

static inline void set_control(struct story *s, const struct stream *stream, const char *name,
                               int32_t value)
{
    int32_t got = value;
    uint32_t id = control_id(s, stream, name);

    assert_int_equal(control_value(s, stream, VIDIOC_S_EXT_CTRLS, id, &got), 0);
    got = -1;
    assert_int_equal(control_value(s, stream, VIDIOC_G_EXT_CTRLS, id, &got), 0);
    assert_int_equal(got, value);
}

static inline void open_stream(struct story *s, struct stream *stream, uint32_t type)
{
    *stream = (struct stream){.type = type, .planes = 1};
    assert_int_equal(media_guest_open(&s->frontend, &stream->session), 0);
}

static inline void use_input(struct story *s, const struct stream *stream, uint32_t input)
{
    assert_int_equal(ask(s, stream, VIDIOC_S_INPUT, &input), 0);
}

/* Opens the node's webcam for 640x360 in YUYV, 30 times a second: by itself it is far slower. */
static inline void open_webcam(struct story *s, struct stream *stream)
{
    struct v4l2_streamparm parm = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                   .parm.capture.timeperframe = {1, 30}};

    open_stream(s, stream, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    stream->fourcc = V4L2_PIX_FMT_YUYV;
    stream->width = 640;
    stream->height = 360;
    use_input(s, stream, 0);
    set_format(s, stream);
    assert_int_equal(ask(s, stream, VIDIOC_S_PARM, &parm), 0);
}

#define WHITE 6 /* of the menu "Test Pattern" */
#define BLACK 5

/* One colour all over, and nothing written into it. */
static inline void show_plain(struct story *s, const struct stream *stream, int32_t pattern)
{
    set_control(s, stream, "OSD Text Mode", 2);
    set_control(s, stream, "Test Pattern", pattern);
}

#endif
