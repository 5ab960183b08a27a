/* SPDX-License-Identifier: MIT */
#include "pipewire_desktop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipewire_viewer.h"
#include "tests/frontend/media_guest.h"
#include "upgrade_story.h"

/* The kind pipewire with a desktop's cameras, which come, go, change and lie. */

/* Takes some frames; false if the source stands still: on a busy machine SPA's test source says
 * that it is out of buffers, and gives nothing any more as long as its daemon lives. */
static bool take_some(struct story *s, struct viewer *stream)
{
    uint32_t sequence = 0;
    int64_t last = 0, time;

    for (unsigned i = 0; i < 5; i++) {
        if (!viewer_take(s, stream, 5000))
            return false;
        time = stream->buffer.timestamp.tv_sec * 1000000ll + stream->buffer.timestamp.tv_usec;
        assert_true(time > last);
        assert_true(i == 0 || stream->buffer.sequence > sequence);
        sequence = stream->buffer.sequence;
        last = time;
    }
    return true;
}

static void the_test_source_streams(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    desktop_start_daemon(true);
    viewer_start(s, NULL);
    viewer_await_log(s, "(test-card)");
    for (unsigned rounds = 0, tries = 0; rounds < 2; tries++) {
        assert_true(tries < 8);
        assert_int_equal(viewer_begin(s, &stream, 640, 480), 0);
        if (take_some(s, &stream)) {
            rounds++;
            /* The sixth of its seven bars is red. */
            assert_true(viewer_pixel(&stream, 640 * 11 / 14, 100).v > 180);
            viewer_end(s, &stream);
            continue;
        }
        viewer_end(s, &stream);
        desktop_end(&desktop_daemon);
        viewer_await_log(s, "the daemon is gone");
        desktop_start_daemon(true);
        viewer_await_log(s, "connected to");
    }
    viewer_await_log(s, "no session manager links a camera to us; taking 'Test Card' (test-card)");
    story_end(s);
}

static void a_camera_streams(struct story *s, const char *format, const char *memory,
                             const char *gap)
{
    struct viewer stream;

    desktop_start_daemon(false);
    desktop_start_camera(format, memory, "320", "240");
    if (gap != NULL)
        desktop_tell_camera(gap);
    viewer_start(s, "our-camera");
    viewer_await_log(s, "(our-camera)");
    assert_int_equal(viewer_begin(s, &stream, 320, 240), 0);
    for (unsigned i = 0; i < 3; i++)
        viewer_await_picture(s, &stream, 0, 0);
    viewer_end(s, &stream);
    /* Wider than the camera's picture: black at the sides. */
    assert_int_equal(viewer_begin(s, &stream, 640, 360), 0);
    for (unsigned i = 0; i < 3; i++)
        viewer_await_picture(s, &stream, 80, 0);
    viewer_end(s, &stream);
    story_end(s);
}

static void a_camera_with_memfds_streams(void **state)
{
    a_camera_streams(story(state), "YUY2", "memfd", NULL);
}

static void a_camera_with_gaps_streams(void **state)
{
    a_camera_streams(story(state), "I420", "memfd", "gap 64\n");
}

static void a_camera_with_shared_memory_streams(void **state)
{
    a_camera_streams(story(state), "RGB", "any", "gap 4\n");
}

/* A desktop with our camera, in that format, and a device that wants the camera 'target' (NULL:
 * any) and has found it. */
static void begin(struct story *s, const char *format, const char *target)
{
    desktop_start_daemon(false);
    desktop_start_camera(format, "memfd", "320", "240");
    viewer_start(s, target);
    viewer_await_log(s, "(our-camera)");
}

/* And a guest's program that sees it. */
static void begin_seen(struct story *s, const char *target, struct viewer *stream)
{
    begin(s, "YUY2", target);
    assert_int_equal(viewer_begin(s, stream, 320, 240), 0);
    viewer_await_picture(s, stream, 0, 0);
}

static void a_camera_changes_its_size(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    begin(s, "NV12", NULL);
    assert_int_equal(viewer_begin(s, &stream, 640, 480), 0);
    viewer_await_picture(s, &stream, 0, 0);
    desktop_tell_camera("size 640 320\n");
    viewer_await_picture(s, &stream, 0, 80);
    desktop_tell_camera("size 160 240\n");
    viewer_await_picture(s, &stream, 160, 0);
    viewer_end(s, &stream);
    story_end(s);
}

static void a_camera_goes_and_comes_back(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    begin_seen(s, "our-camera", &stream);
    for (unsigned i = 0; i < 2; i++) {
        desktop_end(&desktop_camera);
        viewer_await_log(s, "the camera is gone");
        viewer_take_the_last(s, &stream);
        desktop_start_camera("RGB", "any", "160", "240");
        viewer_await_picture(s, &stream, 80, 0);
    }
    viewer_end(s, &stream);
    story_end(s);
}

static void the_daemon_dies_and_comes_back(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    begin(s, "YUY2", NULL);
    assert_int_equal(viewer_begin(s, &stream, 640, 480), 0);
    viewer_await_picture(s, &stream, 0, 0);
    desktop_end(&desktop_daemon);
    viewer_await_log(s, "the daemon is gone");
    viewer_take_the_last(s, &stream);
    desktop_end(&desktop_camera);
    desktop_start_daemon(false);
    desktop_start_camera("YUY2", "memfd", "320", "240");
    viewer_await_picture(s, &stream, 0, 0);
    desktop_end(&desktop_camera);
    desktop_end(&desktop_daemon);
    viewer_end(s, &stream); /* while nobody is there */
    story_end(s);
}

static void lies_about_frames_are_left_out(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    begin_seen(s, NULL, &stream);
    for (const char *const *lie =
             (const char *const[]){"say short\n", "say broken\n", "say empty\n", NULL};
         *lie != NULL; lie++) {
        desktop_tell_camera(*lie);
        viewer_await_left_out(s, &stream);
        desktop_tell_camera("say well\n");
        for (unsigned i = 0; i < VIEWER_BUFFERS + 1; i++) {
            assert_true(viewer_take(s, &stream, DESKTOP_LIMIT));
            assert_true(viewer_sees(&stream, 0, 0));
        }
    }
    viewer_await_log(s, "it is too short");
    viewer_end(s, &stream);
    story_end(s);
}

/* The program gives up what it could not begin. */
static void give_up(struct story *s, const struct viewer *stream)
{
    assert_true(media_guest_close(&s->frontend, stream->session) >= 0);
    for (uint32_t i = 0; i < VIEWER_BUFFERS; i++)
        assert_int_equal(media_guest_munmap(&s->frontend, stream->offset[i]), 0);
}

static void there_is_no_daemon(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    viewer_start(s, NULL);
    viewer_await_log(s, "pipewire: no daemon at");
    assert_int_equal(viewer_begin(s, &stream, 320, 240), ENODEV);
    give_up(s, &stream);
    desktop_start_daemon(false);
    desktop_start_camera("YUY2", "memfd", "320", "240");
    viewer_await_log(s, "connected to");
    for (int64_t end = desktop_now_ms() + DESKTOP_LIMIT;
         viewer_begin(s, &stream, 320, 240) == ENODEV; give_up(s, &stream))
        assert_true(desktop_now_ms() < end); /* it may not have heard of the camera yet */
    viewer_await_picture(s, &stream, 0, 0);
    viewer_end(s, &stream);
    story_end(s);
}

static void there_is_no_such_camera(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    desktop_start_daemon(true);
    viewer_start(s, "our-camera");
    viewer_await_log(s, "connected to");
    assert_int_equal(viewer_begin(s, &stream, 320, 240), ENODEV);
    viewer_await_log(s, "no camera 'our-camera' is there");
    give_up(s, &stream);
    story_end(s);
}

/* It links the camera that was asked for, not the one that it takes by itself. */
static void a_session_manager_links_the_camera(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    desktop_start_daemon(true);
    desktop_start_manager();
    desktop_other = desktop_start_program("other-camera", "RGB", "any", "320", "120");
    desktop_start_camera("YUY2", "memfd", "320", "240");
    viewer_start(s, "our-camera");
    viewer_await_log(s, "(our-camera)");
    assert_int_equal(viewer_begin(s, &stream, 320, 240), 0);
    viewer_await_picture(s, &stream, 0, 0);
    desktop_end(&desktop_camera);
    viewer_await_log(s, "no camera 'our-camera' is there");
    viewer_take_the_last(s, &stream);
    desktop_start_camera("YUY2", "memfd", "160", "240");
    viewer_await_picture(s, &stream, 80, 0);
    assert_false(daemon_process_logged(&s->daemon, "no session manager"));
    viewer_end(s, &stream);
    story_end(s);
}

/* The device has linked the camera by itself, and leaves it to the one that comes. */
static void a_session_manager_comes_late(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    begin(s, "YUY2", "our-camera");
    assert_int_equal(viewer_begin(s, &stream, 320, 240), 0);
    viewer_await_log(s, "no session manager links a camera to us");
    viewer_await_picture(s, &stream, 0, 0);
    desktop_start_manager();
    viewer_await_log(s, "a session manager has come");
    viewer_await_log(s, "gives YUY2 320x240");
    for (unsigned i = 0; i < VIEWER_BUFFERS + 1; i++)
        viewer_await_picture(s, &stream, 0, 0);
    assert_false(viewer_log_goes_on(s, "no session manager"));
    viewer_end(s, &stream);
    story_end(s);
}

static void a_camera_has_nothing_for_us(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    begin(s, "v210", NULL);
    assert_int_equal(viewer_begin(s, &stream, 320, 240), 0);
    viewer_await_log(s, "the camera's stream failed");
    desktop_end(&desktop_camera);
    desktop_start_camera("YUY2", "memfd", "320", "240");
    viewer_await_picture(s, &stream, 0, 0);
    viewer_end(s, &stream);
    story_end(s);
}

/* Whether --check says that of the kind. */
static bool check_says(const char *text)
{
    char command[512];

    snprintf(command, sizeof(command),
             "\"$HOSTBLOB_MEDIA\" --check | grep -A3 '\"pipewire\"' | grep -q -F \"%s\"", text);
    return desktop_run(command);
}

static void a_check_says_what_is_there(void **state)
{
    struct story *s = story(state);

    assert_true(check_says("no daemon at"));
    desktop_start_daemon(false);
    assert_true(check_says("cameras: none"));
    assert_true(check_says("false"));
    desktop_end(&desktop_daemon);
    desktop_start_daemon(true);
    assert_true(check_says("cameras: 'Test Card' (test-card)"));
    assert_true(check_says("true"));
    s->ended = true;
}

static void a_front_end_goes_while_it_streams(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    begin(s, "YUY2", NULL);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(viewer_begin(s, &stream, 640, 480), 0);
        viewer_await_picture(s, &stream, 0, 0);
        story_leave(s);
        story_join(s);
        assert_int_equal(media_guest_post_events(&s->frontend, 16), 0);
    }
    story_end(s);
}

/* The program is exchanged while it streams, and the camera goes on. */
static void another_program_goes_on(void **state)
{
    struct story *s = story(state);
    struct viewer stream;

    begin(s, "YUY2", "our-camera");
    assert_int_equal(viewer_begin(s, &stream, 640, 480), 0);
    viewer_await_picture(s, &stream, 0, 0);
    for (unsigned i = 0; i < 2; i++) {
        upgrade_well(s);
        viewer_await_log(s, "The device is upgraded");
        viewer_await_log(s, "gives YUY2 320x240");
        for (unsigned n = 0; n < VIEWER_BUFFERS + 1; n++)
            viewer_await_picture(s, &stream, 0, 0);
    }
    desktop_tell_camera("size 640 320\n");
    viewer_await_picture(s, &stream, 0, 80);
    viewer_end(s, &stream);
    story_end(s);
}

#define PIPEWIRE_STORY(function)                                                                   \
    {                                                                                              \
#function, function, desktop_setup, desktop_teardown, (void *)(uintptr_t)&media_qemu       \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        PIPEWIRE_STORY(the_test_source_streams),
        PIPEWIRE_STORY(a_camera_with_memfds_streams),
        PIPEWIRE_STORY(a_camera_with_gaps_streams),
        PIPEWIRE_STORY(a_camera_with_shared_memory_streams),
        PIPEWIRE_STORY(a_camera_changes_its_size),
        PIPEWIRE_STORY(a_camera_goes_and_comes_back),
        PIPEWIRE_STORY(the_daemon_dies_and_comes_back),
        PIPEWIRE_STORY(lies_about_frames_are_left_out),
        PIPEWIRE_STORY(there_is_no_daemon),
        PIPEWIRE_STORY(there_is_no_such_camera),
        PIPEWIRE_STORY(a_session_manager_links_the_camera),
        PIPEWIRE_STORY(a_session_manager_comes_late),
        PIPEWIRE_STORY(a_camera_has_nothing_for_us),
        PIPEWIRE_STORY(a_check_says_what_is_there),
        PIPEWIRE_STORY(a_front_end_goes_while_it_streams),
        PIPEWIRE_STORY(another_program_goes_on),
    };

    signal(SIGPIPE, SIG_IGN);
    if (system("command -v pipewire >/dev/null") != 0) {
        print_message("no pipewire here: nothing is tested (Debian: pipewire)\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
