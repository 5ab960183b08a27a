/* SPDX-License-Identifier: MIT */
#include "media_story.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * The worker is killed, and the guest does not notice: its sessions are there with all that they
 * have, its buffers keep their bytes, its streams go on with the next frame.
 */
#define CAPTURE V4L2_BUF_TYPE_VIDEO_CAPTURE
#define DEATHS 10u                 /* more in so short a time would be waited for */
#define LONGEST_PAUSE 2000000000ll /* ns */
#define INTERVAL 33333333ll        /* of the frames, ns */

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Other instants with another seed. */
static void seed(void)
{
    srand(getenv("HOSTBLOB_TEST_SEED") != NULL ? (unsigned)atoi(getenv("HOSTBLOB_TEST_SEED")) : 1);
}

static void die(struct story *s)
{
    struct v4l2_format format = {.type = CAPTURE};
    pid_t worker = story_worker(s);

    kill(worker, SIGKILL);
    media_guest_ioctl(&s->frontend, 1, VIDIOC_G_FMT, &format); /* whoever answers is another one */
    assert_int_not_equal(story_worker(s), worker);
}

/* Kills the worker so many microseconds from now, whatever is done meanwhile. Returns who does it.
 */
static pid_t die_in(struct story *s, unsigned microseconds)
{
    pid_t worker = story_worker(s), killer = fork();

    assert_true(killer >= 0);
    if (killer == 0) {
        usleep(microseconds);
        kill(worker, SIGKILL);
        _exit(0);
    }
    return killer;
}

/* ---- at rest ---- */

static uint32_t flags_of(struct story *s, uint32_t session, uint32_t index)
{
    struct v4l2_buffer buffer = {.index = index, .type = CAPTURE, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_QUERYBUF, &buffer), 0);
    return buffer.flags & (V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_PREPARED);
}

static void assert_format(struct story *s, uint32_t session, uint32_t width, uint32_t height)
{
    struct v4l2_format format = {.type = CAPTURE};
    struct v4l2_streamparm parm = {.type = CAPTURE};

    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_G_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, width);
    assert_int_equal(format.fmt.pix.height, height);
    assert_int_equal(format.fmt.pix.pixelformat, V4L2_PIX_FMT_YUYV);
    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_G_PARM, &parm), 0);
    assert_int_equal(parm.parm.capture.timeperframe.denominator, 17);
}

static void set_rate(struct story *s, uint32_t session, uint32_t rate)
{
    struct v4l2_streamparm parm = {.type = CAPTURE};

    parm.parm.capture.timeperframe = (struct v4l2_fract){1, rate};
    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_S_PARM, &parm), 0);
}

static void sessions_keep_what_they_have(void **state)
{
    struct story *s = story(state);
    struct stream stream = {.count = 4};
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_CTRL, .id = V4L2_CID_HUE};
    struct v4l2_control hue = {V4L2_CID_HUE, 33}, seen = {.id = V4L2_CID_HUE};
    struct virtio_media_event_dqbuf event;
    uint32_t other, count = 1;

    open_device(s);
    assert_int_equal(media_guest_open(&s->frontend, &stream.session), 0);
    assert_int_equal(media_guest_open(&s->frontend, &other), 0);
    set_format(s, &stream, 320, 240);
    set_rate(s, stream.session, 17);
    assert_int_equal(media_guest_ioctl(&s->frontend, stream.session, VIDIOC_S_CTRL, &hue), 0);
    assert_int_equal(media_guest_ioctl(&s->frontend, other, VIDIOC_SUBSCRIBE_EVENT, &wish), 0);
    assert_int_equal(request_buffers(s, stream.session, &stream.count), 0);
    for (uint32_t i = 0; i < 3; i++)
        map_buffer(s, &stream, i);
    assert_int_equal(queue_buffer(s, &stream, 1), 0);
    for (uint32_t i = 0; i < 3; i++)
        memset(
            (void *)(uintptr_t)guest_window_at(&s->frontend.window, stream.offset[i], stream.size),
            (int)(65 + i), stream.size);
    for (unsigned turn = 0; turn < 3; turn++) {
        die(s);
        assert_format(s, other, 320, 240);
        assert_int_equal(media_guest_ioctl(&s->frontend, other, VIDIOC_G_CTRL, &seen), 0);
        assert_int_equal(seen.value, 33);
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(flags_of(s, stream.session, i),
                             (i < 3 ? V4L2_BUF_FLAG_MAPPED : 0) |
                                 (i == 1 ? V4L2_BUF_FLAG_QUEUED : 0));
        for (uint32_t i = 0; i < 3; i++) {
            const uint8_t *at = guest_window_at(&s->frontend.window, stream.offset[i], stream.size);

            assert_int_equal(at[0], 65 + i);
            assert_memory_equal(at, at + 1, stream.size - 1);
        }
        assert_int_equal(request_buffers(s, other, &count), EBUSY);
        assert_int_equal(queue_buffer(s, &stream, 1), EINVAL);
        story_await(s, "/device/sessions", 2);
        story_await(s, "/device/mapped", 3);
    }
    /* The subscription, too; and all of it can end. */
    hue.value = -12;
    assert_int_equal(media_guest_ioctl(&s->frontend, stream.session, VIDIOC_S_CTRL, &hue), 0);
    assert_true(media_guest_event(&s->frontend, &event, FRONTEND_PATIENCE) > 0);
    assert_int_equal(event.hdr.event, VIRTIO_MEDIA_EVT_EVENT);
    assert_int_equal(event.hdr.session_id, other);
    map_buffer(s, &stream, 3);
    end_stream(s, &stream);
    die(s);
    assert_int_equal(queue_buffer(s, &stream, 0), EINVAL);
    assert_int_equal(request_buffers(s, other, &count), 0);
    assert_true(media_guest_close(&s->frontend, other) >= 0);
    story_await(s, "/device/mapped", 0);
    story_await(s, "/device/resources", 0);
    story_end(s);
}

/* A session's id is not given to another one. */
static void ids_are_not_given_again(void **state)
{
    struct story *s = story(state);
    uint32_t first, second;

    open_device(s);
    assert_int_equal(media_guest_open(&s->frontend, &first), 0);
    assert_true(media_guest_close(&s->frontend, first) >= 0);
    die(s);
    assert_int_equal(media_guest_open(&s->frontend, &second), 0);
    assert_int_not_equal(first, second);
    assert_true(media_guest_close(&s->frontend, second) >= 0);
    story_end(s);
}

/* ---- while it streams ---- */

/* Takes a frame that comes in time. How many may be missing because something stood still since
 * 'last', the time of the one before, which becomes this one's: we did, or the camera. */
static unsigned take_in_time(struct story *s, struct stream *stream, int64_t *last)
{
    int64_t begun = now_ns(), since = *last;

    take_frame(s, stream);
    *last = now_ns();
    assert_true(*last - begun < LONGEST_PAUSE);
    return *last - since > 2 * INTERVAL ? (unsigned)((*last - since) / INTERVAL) : 0;
}

static void streams_go_on(void **state)
{
    struct story *s = story(state);
    struct stream stream;
    int64_t begun = now_ns(), last;
    unsigned frames = 0, paused = 0;

    seed();
    open_device(s);
    begin_stream(s, &stream, WIDTH, HEIGHT, 8);
    last = now_ns();
    for (unsigned death = 0; death < DEATHS; death++) {
        pid_t killer = die_in(s, (unsigned)rand() % 100000);
        pid_t worker = story_worker(s);

        for (unsigned frame = 0; frame < 8 || worker == story_worker(s); frame++, frames++)
            paused += take_in_time(s, &stream, &last);
        assert_int_equal(waitpid(killer, NULL, 0), killer);
    }
    printf("%u frames over %u deaths in %lld ms, the last is number %u, %u fell into pauses\n",
           frames, DEATHS, (long long)(now_ns() - begun) / 1000000, stream.next_sequence - 1,
           paused);
    /* None is missing but those of a pause, and one that a worker died of. */
    assert_true(stream.next_sequence <= frames + paused + DEATHS);
    end_stream(s, &stream);
    story_await(s, "/device/sessions", 0);
    story_await(s, "/device/resources", 0);
    story_end(s);
}

/* A frame more may have come before the stream ended. */
static void forget_events(struct story *s)
{
    struct virtio_media_event_dqbuf event;

    while (media_guest_event(&s->frontend, &event, 0) > 0) {
    }
}

/* Killed in the middle of all commands: each is carried out once, and answered. */
static void commands_are_carried_out_once(void **state)
{
    struct story *s = story(state);

    seed();
    open_device(s);
    for (unsigned life = 0; life < DEATHS; life++) {
        pid_t killer = die_in(s, (unsigned)rand() % 20000);
        struct stream stream;
        int status;

        do {
            begin_stream(s, &stream, WIDTH, HEIGHT, 8);
            take_frame(s, &stream);
            end_stream(s, &stream);
            forget_events(s);
            story_await(s, "/device/sessions", 0);
            story_await(s, "/device/resources", 0);
        } while (waitpid(killer, &status, WNOHANG) == 0);
    }
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(sessions_keep_what_they_have, media_qemu),
        STORY(sessions_keep_what_they_have, media_qemu_single),
        STORY(sessions_keep_what_they_have, media_crosvm),
        STORY(ids_are_not_given_again, media_qemu),
        STORY(ids_are_not_given_again, media_crosvm),
        STORY(streams_go_on, media_qemu),
        STORY(streams_go_on, media_qemu_single),
        STORY(streams_go_on, media_crosvm),
        STORY(commands_are_carried_out_once, media_qemu),
        STORY(commands_are_carried_out_once, media_qemu_single),
        STORY(commands_are_carried_out_once, media_crosvm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
