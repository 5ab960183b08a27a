/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "media_story.h"

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

/* A paused VM: no event comes, and the stream goes on afterwards. */
static void a_pause_interrupts_the_stream(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    story_unless(s, HABIT_LIBKRUN, "pause");
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
        STORY(a_pause_interrupts_the_stream, media_qemu),
        STORY(events_wait_for_their_buffers, media_qemu),
        STORY(who_has_the_buffers_shuts_the_others_out, media_qemu),
        STORY(nonsense_gets_an_error, media_qemu),
        STORY(nonsense_gets_an_error, media_crosvm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
