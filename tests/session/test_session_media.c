/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "protocol/frame_stamp.h"
#include "tests/frontend/media_guest.h"

#define WIDTH 640u
#define HEIGHT 480u
#define BUFFERS 4u
#define EVENTS 16u

/* A capture stream as a guest program sees it. */
struct stream {
    uint32_t session;
    uint32_t count;
    uint32_t size; /* of a frame, bytes */
    uint64_t offset[32], length[32];
    uint32_t next_sequence;
    int64_t last_timestamp; /* nanoseconds */
};

static void open_device(struct story *s)
{
    story_start(s, NULL);
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
}

static void set_format(struct story *s, struct stream *stream, uint32_t width, uint32_t height)
{
    struct v4l2_format format = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .fmt.pix = {.width = width, .height = height, .pixelformat = V4L2_PIX_FMT_YUYV},
    };

    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_S_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, width);
    assert_int_equal(format.fmt.pix.height, height);
    assert_int_equal(format.fmt.pix.pixelformat, V4L2_PIX_FMT_YUYV);
    stream->size = format.fmt.pix.sizeimage;
    assert_true(stream->size >= width * height * 2);
}

static int request_buffers(struct story *s, uint32_t session, uint32_t *count)
{
    struct v4l2_requestbuffers request = {
        .count = *count, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int r = media_guest_ioctl(&s->frontend, session, VIDIOC_REQBUFS, &request);

    *count = request.count;
    return r;
}

static void map_buffer(struct story *s, struct stream *stream, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_QUERYBUF, &buffer), 0);
    assert_true(buffer.length >= stream->size);
    assert_int_equal(media_guest_mmap(&s->frontend, stream->session, buffer.m.offset,
                                      &stream->offset[index], &stream->length[index]),
                     0);
    assert_true(stream->length[index] >= stream->size);
    assert_non_null(guest_window_at(&s->frontend.window, stream->offset[index], stream->size));
}

static int queue_buffer(struct story *s, struct stream *stream, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

    return media_guest_ioctl(&s->frontend, stream->session, VIDIOC_QBUF, &buffer);
}

static int stream_switch(struct story *s, struct stream *stream, bool on)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    return media_guest_ioctl(&s->frontend, stream->session, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF,
                             &type);
}

static void begin_stream(struct story *s, struct stream *stream, uint32_t width, uint32_t height,
                         uint32_t count)
{
    *stream = (struct stream){.count = count};
    assert_int_equal(media_guest_open(&s->frontend, &stream->session), 0);
    set_format(s, stream, width, height);
    assert_int_equal(request_buffers(s, stream->session, &stream->count), 0);
    assert_int_equal(stream->count, count);
    for (uint32_t i = 0; i < count; i++)
        map_buffer(s, stream, i);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(queue_buffer(s, stream, i), 0);
    assert_int_equal(stream_switch(s, stream, true), 0);
}

/* Whether the frame in the window is whole: its sum covers every byte. */
static void assert_whole(const struct v4l2_buffer *buffer, const void *frame)
{
    struct frame_stamp stamp;
    uint64_t copy[WIDTH * HEIGHT * 2 / 8], sum;

    assert_true(buffer->bytesused <= sizeof(copy));
    memcpy(copy, frame, buffer->bytesused);
    memcpy(&stamp, copy, sizeof(stamp));
    assert_true(stamp.magic == FRAME_STAMP_MAGIC);
    assert_int_equal(stamp.sequence, buffer->sequence);
    assert_true(stamp.timestamp / 1000 ==
                (uint64_t)buffer->timestamp.tv_sec * 1000000 + (uint64_t)buffer->timestamp.tv_usec);
    sum = stamp.sum;
    stamp.sum = 0;
    memcpy(copy, &stamp, sizeof(stamp));
    assert_true(frame_stamp_sum(FRAME_STAMP_SEED, copy, buffer->bytesused / 8) == sum);
}

/* Takes one frame, checks it, and gives its buffer back. */
static void take_frame(struct story *s, struct stream *stream)
{
    struct virtio_media_event_dqbuf event;
    int64_t timestamp;
    int r = media_guest_event(&s->frontend, &event, FRONTEND_PATIENCE);

    assert_int_equal(r, sizeof(event));
    assert_int_equal(event.hdr.event, VIRTIO_MEDIA_EVT_DQBUF);
    assert_int_equal(event.hdr.session_id, stream->session);
    assert_in_range(event.buffer.index, 0, stream->count - 1);
    assert_int_equal(event.buffer.bytesused, WIDTH * HEIGHT * 2);
    assert_false(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
    timestamp =
        event.buffer.timestamp.tv_sec * 1000000000ll + event.buffer.timestamp.tv_usec * 1000ll;
    assert_true(timestamp > stream->last_timestamp);
    stream->last_timestamp = timestamp;
    assert_true(event.buffer.sequence >= stream->next_sequence);
    stream->next_sequence = event.buffer.sequence + 1;
    assert_whole(&event.buffer,
                 guest_window_at(&s->frontend.window, stream->offset[event.buffer.index],
                                 event.buffer.bytesused));
    assert_int_equal(queue_buffer(s, stream, event.buffer.index), 0);
}

static void end_stream(struct story *s, struct stream *stream)
{
    uint32_t none = 0;

    assert_int_equal(stream_switch(s, stream, false), 0);
    for (uint32_t i = 0; i < stream->count; i++)
        assert_int_equal(media_guest_munmap(&s->frontend, stream->offset[i]), 0);
    assert_int_equal(request_buffers(s, stream->session, &none), 0);
    assert_true(media_guest_close(&s->frontend, stream->session) >= 0);
}

static void a_guest_streams_frames(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    open_device(s);
    for (unsigned i = 0; i < 2; i++) {
        begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
        story_await(s, "/device/sessions", 1);
        for (unsigned frame = 0; frame < 20; frame++)
            take_frame(s, &stream);
        end_stream(s, &stream);
        story_await(s, "/device/sessions", 0);
        story_await(s, "/device/mapped", 0);
    }
    /* The arena alone is mapped. */
    assert_int_equal(s->frontend.counts.maps, 1);
    story_end(s);
}

static void thirty_two_buffers_are_in_use(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    open_device(s);
    begin_stream(s, &stream, WIDTH, HEIGHT, 32);
    for (unsigned frame = 0; frame < 40; frame++)
        take_frame(s, &stream);
    end_stream(s, &stream);
    story_end(s);
}

/* CLOSE without a word before: the stream ends, mappings stay until MUNMAP. */
static void a_close_ends_the_stream(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    open_device(s);
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
    take_frame(s, &stream);
    assert_true(media_guest_close(&s->frontend, stream.session) >= 0);
    story_await(s, "/device/sessions", 0);
    assert_int_equal(queue_buffer(s, &stream, 0), EINVAL);
    for (uint32_t i = 0; i < stream.count; i++)
        assert_int_equal(media_guest_munmap(&s->frontend, stream.offset[i]), 0);
    assert_int_not_equal(media_guest_munmap(&s->frontend, stream.offset[0]), 0);
    story_await(s, "/device/mapped", 0);
    story_end(s);
}

/* The guest's program is killed, its VM goes, or its driver is taken away: while it streams. */
static void a_front_end_goes_while_it_streams(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    open_device(s);
    for (unsigned i = 0; i < 3; i++) {
        begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
        take_frame(s, &stream);
        story_leave(s);
        story_join(s);
        assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
    }
    story_end(s);
}

static void a_reset_ends_the_stream(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    open_device(s);
    for (unsigned i = 0; i < 3; i++) {
        begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
        take_frame(s, &stream);
        assert_int_equal(frontend_reset(&s->frontend), 0);
        assert_int_equal(frontend_pump(&s->frontend, -1, 50), 0);
        assert_int_equal(frontend_start(&s->frontend), 0);
        story_await(s, "/device/sessions", 0);
        assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
    }
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
    take_frame(s, &stream);
    end_stream(s, &stream);
    story_end(s);
}

/* The stream dies with the worker, and the guest's programs are told so; then all works again. */
static void a_killed_worker_ends_the_stream(void **state)
{
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct story *s = story(state);
    struct stream stream;
    uint32_t session;
    pid_t worker;

    open_device(s);
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
    take_frame(s, &stream);
    session = stream.session;
    worker = story_worker(s);
    kill(worker, SIGKILL);
    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_G_FMT, &format), EINVAL);
    assert_int_not_equal(story_worker(s), worker);
    assert_true(media_guest_close(&s->frontend, session) >= 0);
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
    for (unsigned frame = 0; frame < 10; frame++)
        take_frame(s, &stream);
    end_stream(s, &stream);
    story_end(s);
}

/* A paused VM: no event comes, and the stream goes on afterwards. */
static void a_pause_interrupts_the_stream(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    open_device(s);
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
    for (unsigned i = 0; i < 3; i++) {
        take_frame(s, &stream);
        assert_int_equal(frontend_stop(&s->frontend), 0);
        driver_queue_collect(&s->frontend.queues[VIRTIO_MEDIA_EVENTQ]);
        assert_int_equal(frontend_pump(&s->frontend, -1, 150), 0);
        assert_false(driver_queue_collect(&s->frontend.queues[VIRTIO_MEDIA_EVENTQ]));
        assert_int_equal(frontend_start(&s->frontend), 0);
        for (unsigned frame = 0; frame < 6; frame++)
            take_frame(s, &stream);
    }
    end_stream(s, &stream);
    story_end(s);
}

/* The driver gave no buffers for events: what happened is told when it does, in order. */
static void events_wait_for_their_buffers(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    story_start(s, NULL);
    story_join(s);
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
    assert_int_equal(frontend_pump(&s->frontend, -1, 400), 0);
    assert_int_equal(media_guest_post_events(&s->frontend, 1), 0);
    for (unsigned frame = 0; frame < 10; frame++)
        take_frame(s, &stream);
    end_stream(s, &stream);
    story_end(s);
}

static void who_has_the_buffers_shuts_the_others_out(void **state)
{
    struct story *s = story(state);
    struct stream stream;
    uint32_t other, count = 2;

    open_device(s);
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
    assert_int_equal(media_guest_open(&s->frontend, &other), 0);
    assert_int_not_equal(other, stream.session);
    assert_int_equal(request_buffers(s, other, &count), EBUSY);
    take_frame(s, &stream);
    end_stream(s, &stream);
    count = 2;
    assert_int_equal(request_buffers(s, other, &count), 0);
    assert_true(media_guest_close(&s->frontend, other) >= 0);
    story_end(s);
}

static void nonsense_gets_an_error(void **state)
{
    struct story *s = story(state);
    struct virtio_media_cmd_header unknown = {.cmd = 99};
    struct virtio_media_resp_header answer;
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct stream stream = {0};
    uint64_t offset, length;

    open_device(s);
    assert_int_equal(media_guest_open(&s->frontend, &stream.session), 0);
    assert_int_equal(
        frontend_request(&s->frontend, 0, &unknown, sizeof(unknown), &answer, sizeof(answer)), 8);
    assert_int_equal(answer.status, ENOTTY);
    assert_int_equal(media_guest_ioctl(&s->frontend, stream.session + 7, VIDIOC_G_FMT, &format),
                     EINVAL);
    assert_int_equal(media_guest_ioctl_sized(&s->frontend, stream.session, 200, &format, 8, 8),
                     ENOTTY);
    /* A payload shorter than the struct. */
    assert_int_equal(media_guest_ioctl_sized(&s->frontend, stream.session, _IOC_NR(VIDIOC_G_FMT),
                                             &format, 4, sizeof(format)),
                     EINVAL);
    assert_int_equal(queue_buffer(s, &stream, 3), EINVAL);
    assert_int_equal(stream_switch(s, &stream, true), EINVAL);
    assert_int_equal(media_guest_mmap(&s->frontend, stream.session, 4096, &offset, &length),
                     EINVAL);
    assert_int_not_equal(media_guest_munmap(&s->frontend, 0), 0);
    media_guest_close(&s->frontend, 4711);
    assert_int_equal(media_guest_ioctl(&s->frontend, stream.session, VIDIOC_G_FMT, &format), 0);
    assert_true(media_guest_close(&s->frontend, stream.session) >= 0);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_guest_streams_frames, media_qemu),
        STORY(a_guest_streams_frames, media_crosvm),
        STORY(thirty_two_buffers_are_in_use, media_qemu),
        STORY(a_close_ends_the_stream, media_qemu),
        STORY(a_front_end_goes_while_it_streams, media_qemu),
        STORY(a_front_end_goes_while_it_streams, media_crosvm),
        STORY(a_reset_ends_the_stream, media_qemu),
        STORY(a_reset_ends_the_stream, media_crosvm),
        STORY(a_killed_worker_ends_the_stream, media_qemu),
        STORY(a_killed_worker_ends_the_stream, media_crosvm),
        STORY(a_pause_interrupts_the_stream, media_qemu),
        STORY(events_wait_for_their_buffers, media_qemu),
        STORY(who_has_the_buffers_shuts_the_others_out, media_qemu),
        STORY(nonsense_gets_an_error, media_qemu),
        STORY(nonsense_gets_an_error, media_crosvm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
