/* SPDX-License-Identifier: MIT */
#include "pipewire_viewer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipewire_desktop.h"
#include "tests/frontend/media_guest.h"

static long log_at; /* how far the log was looked at */

void viewer_start(struct story *s, const char *target)
{
    char option[96];

    log_at = 0;
    snprintf(option, sizeof(option), "--pipewire-target=%s", target != NULL ? target : "");
    story_start(s, (const char *const[]){"--kind=pipewire", target != NULL ? option : NULL, NULL});
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, 16), 0);
}

static void queue_buffer(struct story *s, const struct viewer *stream, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_QBUF, &buffer), 0);
}

static void map_buffer(struct story *s, struct viewer *stream, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_QUERYBUF, &buffer), 0);
    assert_int_equal(media_guest_mmap(&s->frontend, stream->session, buffer.m.offset,
                                      &stream->offset[index], &stream->length[index]),
                     0);
}

/* Up to STREAMON, whose status it returns. */
int viewer_begin(struct story *s, struct viewer *stream, uint32_t width, uint32_t height)
{
    struct v4l2_format format = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .fmt.pix = {.width = width, .height = height, .pixelformat = V4L2_PIX_FMT_YUYV},
    };
    struct v4l2_requestbuffers request = {
        .count = VIEWER_BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    *stream = (struct viewer){.width = width, .height = height};
    assert_int_equal(media_guest_open(&s->frontend, &stream->session), 0);
    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_S_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, width);
    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_REQBUFS, &request), 0);
    assert_int_equal(request.count, VIEWER_BUFFERS);
    for (uint32_t i = 0; i < VIEWER_BUFFERS; i++)
        map_buffer(s, stream, i);
    for (uint32_t i = 0; i < VIEWER_BUFFERS; i++)
        queue_buffer(s, stream, i);
    return media_guest_ioctl(&s->frontend, stream->session, VIDIOC_STREAMON, &type);
}

/* Whether a frame comes in that time; its buffer is given back at once. */
bool viewer_take(struct story *s, struct viewer *stream, int milliseconds)
{
    struct virtio_media_event_dqbuf event;
    int r;

    do /* what an earlier stream had sent already may lie there still */
        r = media_guest_event(&s->frontend, &event, milliseconds);
    while (r == sizeof(event) && event.hdr.session_id != stream->session);
    if (r == -ETIMEDOUT)
        return false;
    assert_int_equal(r, sizeof(event));
    assert_int_equal(event.hdr.event, VIRTIO_MEDIA_EVT_DQBUF);
    assert_false(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
    assert_int_equal(event.buffer.bytesused, stream->width * stream->height * 2);
    stream->buffer = event.buffer;
    stream->frame = guest_window_at(&s->frontend.window, stream->offset[event.buffer.index],
                                    event.buffer.bytesused);
    assert_non_null(stream->frame);
    queue_buffer(s, stream, event.buffer.index);
    return true;
}

void viewer_end(struct story *s, struct viewer *stream)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_STREAMOFF, &type), 0);
    for (uint32_t i = 0; i < VIEWER_BUFFERS; i++)
        assert_int_equal(media_guest_munmap(&s->frontend, stream->offset[i]), 0);
    assert_true(media_guest_close(&s->frontend, stream->session) >= 0);
}

/* Whether a line of the log has it, behind the line that was found last. */
bool viewer_log_goes_on(const struct story *s, const char *text)
{
    FILE *log = fopen(s->daemon.log_path, "r");
    char line[1024];
    bool found = false;

    assert_non_null(log);
    fseek(log, log_at, SEEK_SET);
    while (!found && fgets(line, sizeof(line), log) != NULL)
        found = strstr(line, text) != NULL;
    if (found)
        log_at = ftell(log);
    fclose(log);
    return found;
}

void viewer_await_log(struct story *s, const char *text)
{
    for (int64_t end = desktop_now_ms() + DESKTOP_LIMIT; !viewer_log_goes_on(s, text);
         usleep(10000))
        if (desktop_now_ms() > end)
            fail_msg("the log does not go on with '%s'", text);
}

struct yuv viewer_pixel(const struct viewer *stream, uint32_t x, uint32_t y)
{
    const uint8_t *at = stream->frame + ((size_t)y * stream->width + (x & ~1u)) * 2;

    return (struct yuv){at[(x & 1) * 2], at[1], at[3]};
}

static bool is_near(struct yuv a, struct yuv b)
{
    return abs(a.y - b.y) <= 2 && abs(a.u - b.u) <= 2 && abs(a.v - b.v) <= 2;
}

static const struct yuv white = {235, 128, 128}, red = {63, 102, 240}, green = {173, 42, 26},
                        blue = {32, 240, 118}, black = {16, 128, 128};

static bool has(const struct viewer *stream, uint32_t x, uint32_t y, struct yuv expected)
{
    return is_near(viewer_pixel(stream, x, y), expected);
}

/* Whether the frame is our camera's picture, in the middle with 'left' and 'top' black pixels. */
bool viewer_sees(const struct viewer *st, uint32_t left, uint32_t top)
{
    uint32_t x0 = left + 2, y0 = top + 2, x1 = st->width - left - 3, y1 = st->height - top - 3;

    if ((left > 2 && !has(st, left - 3, y0, black)) || (top > 2 && !has(st, x0, top - 3, black)))
        return false;
    return has(st, x0, y0, white) && has(st, st->width / 2 - 3, st->height / 2 - 3, white) &&
           has(st, x1, y0, red) && has(st, st->width / 2 + 3, st->height / 2 - 3, red) &&
           has(st, x0, y1, green) && has(st, st->width / 2 - 3, st->height / 2 + 3, green) &&
           has(st, x1, y1, blue) && has(st, st->width / 2 + 3, st->height / 2 + 3, blue);
}

/* Takes frames until one shows that; those before may be of an older format. */
void viewer_await_picture(struct story *s, struct viewer *stream, uint32_t left, uint32_t top)
{
    for (int64_t end = desktop_now_ms() + DESKTOP_LIMIT; desktop_now_ms() < end;) {
        if (!viewer_take(s, stream, 200))
            continue;
        if (viewer_sees(stream, left, top))
            return;
    }
    fail_msg("no frame shows the camera's picture");
}

/* The camera is gone: what was on its way still comes, and no more. */
void viewer_take_the_last(struct story *s, struct viewer *stream)
{
    unsigned frames = 0;

    while (viewer_take(s, stream, 100))
        assert_true(++frames < 4 * VIEWER_BUFFERS);
}

/* The device drops one frame after the other, and gives none to the guest. */
void viewer_await_left_out(struct story *s, struct viewer *stream)
{
    long frames = -1, dropped = 0;

    for (int64_t end = desktop_now_ms() + DESKTOP_LIMIT; desktop_now_ms() < end;) {
        long now_dropped = daemon_process_number(&s->daemon, "/counters/frames_dropped");
        long now_frames = daemon_process_number(&s->daemon, "/counters/frames");

        if (now_frames == frames && now_dropped >= dropped + 3)
            return;
        if (now_frames != frames)
            dropped = now_dropped;
        frames = now_frames;
        while (viewer_take(s, stream, 10))
            assert_true(viewer_sees(stream, 0, 0));
    }
    fail_msg("no frame is left out");
}
