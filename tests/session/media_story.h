/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SESSION_MEDIA_STORY_H
#define TESTS_SESSION_MEDIA_STORY_H

/* A guest program that streams from the pattern camera, and looks at every byte. */
#include "story.h"

#include <string.h>

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

static inline void open_device(struct story *s)
{
    story_start(s, NULL);
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
}

static inline void set_format(struct story *s, struct stream *stream, uint32_t width,
                              uint32_t height)
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

static inline int request_buffers(struct story *s, uint32_t session, uint32_t *count)
{
    struct v4l2_requestbuffers request = {
        .count = *count, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int r = media_guest_ioctl(&s->frontend, session, VIDIOC_REQBUFS, &request);

    *count = request.count;
    return r;
}

static inline void map_buffer(struct story *s, struct stream *stream, uint32_t index)
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

static inline int queue_buffer(struct story *s, struct stream *stream, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

    return media_guest_ioctl(&s->frontend, stream->session, VIDIOC_QBUF, &buffer);
}

static inline int stream_switch(struct story *s, struct stream *stream, bool on)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    return media_guest_ioctl(&s->frontend, stream->session, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF,
                             &type);
}

static inline void begin_stream(struct story *s, struct stream *stream, uint32_t width,
                                uint32_t height, uint32_t count)
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
static inline void assert_whole(const struct v4l2_buffer *buffer, const void *frame)
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

/* Waits for the session's next buffer. The last frame of a session that is over may have come just
 * before its end: drivers pass it over. */
static inline void next_event(struct story *s, uint32_t session,
                              struct virtio_media_event_dqbuf *event)
{
    int r;

    do
        r = media_guest_event(&s->frontend, event, FRONTEND_PATIENCE);
    while (r == sizeof(*event) && event->hdr.session_id < session);
    assert_int_equal(r, sizeof(*event));
}

/* Takes one frame, checks it, and gives its buffer back. */
static inline void take_frame(struct story *s, struct stream *stream)
{
    struct virtio_media_event_dqbuf event;
    int64_t timestamp;

    next_event(s, stream->session, &event);
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

static inline void end_stream(struct story *s, struct stream *stream)
{
    uint32_t none = 0;

    assert_int_equal(stream_switch(s, stream, false), 0);
    for (uint32_t i = 0; i < stream->count; i++)
        assert_int_equal(media_guest_munmap(&s->frontend, stream->offset[i]), 0);
    assert_int_equal(request_buffers(s, stream->session, &none), 0);
    assert_true(media_guest_close(&s->frontend, stream->session) >= 0);
}

#endif
