/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/frontend/media_guest.h"

/*
 * The kind pipewire with a PipeWire daemon of our own: no session manager, a camera that is a node
 * of the daemon (SPA's test source), or a program's (tests/session/pipewire_camera.c).
 */
#define BUFFERS 4u
#define LIMIT_MS 60000

static char folder[64];
static long log_at; /* how far the device's log was looked at */

struct program {
    pid_t pid;
    int input; /* its standard input; -1: none */
};

static struct program daemon_program, camera_program, other_program, manager_program;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct program start_program(const char *const *argv)
{
    struct program program;
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    program.pid = fork();
    if (program.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(pipes[0], STDIN_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    assert_true(program.pid > 0);
    close(pipes[0]);
    program.input = pipes[1];
    return program;
}

static void end_program(struct program *program)
{
    if (program->pid <= 0)
        return;
    close(program->input);
    kill(program->pid, SIGKILL);
    waitpid(program->pid, NULL, 0);
    program->pid = 0;
}

static void tell_camera(const char *line)
{
    assert_int_equal(write(camera_program.input, line, strlen(line)), strlen(line));
}

/* ---- the daemon ---- */

static void write_configuration(const char *path, bool test_source)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file, "context.properties = { core.daemon = true core.name = pipewire-0 "
                  "support.dbus = false mem.allow-mlock = false }\n"
                  "context.spa-libs = { support.* = support/libspa-support "
                  "videotestsrc = videotestsrc/libspa-videotestsrc }\n"
                  "context.modules = [\n");
    for (const char *const *name =
             (const char *const[]){"protocol-native", "spa-node-factory", "client-node",
                                   "client-device", "spa-device-factory", "access", "adapter",
                                   "link-factory", "metadata", "session-manager", NULL};
         *name != NULL; name++)
        fprintf(file, " { name = libpipewire-module-%s }\n", *name);
    fprintf(file, "]\ncontext.objects = [\n");
    if (test_source)
        fprintf(file, " { factory = spa-node-factory args = { factory.name = videotestsrc "
                      "node.name = test-card node.description = \"Test Card\" "
                      "media.class = Video/Source } }\n");
    fprintf(file, "]\n");
    fclose(file);
}

/* Whether the daemon listens: its socket is there a little before that. */
static bool daemon_listens(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/pipewire-0", folder);
    listens = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return listens;
}

static void start_daemon(bool test_source)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/daemon.conf", folder);
    write_configuration(path, test_source);
    daemon_program = start_program((const char *const[]){"pipewire", "-c", path, NULL});
    for (int64_t end = now_ms() + LIMIT_MS; !daemon_listens(); usleep(5000))
        assert_true(now_ms() < end);
}

static struct program start_a_camera(const char *name, const char *format, const char *memory,
                                     const char *width, const char *height)
{
    const char *program = getenv("HOSTBLOB_TEST_CAMERA");

    assert_non_null(program);
    return start_program((const char *const[]){program, name, format, memory, width, height, NULL});
}

static bool run_shell(const char *command)
{
    return system(command) == 0;
}

/* Whether the daemon itself shows the camera, within some seconds. */
static bool daemon_has_camera(void)
{
    for (int64_t end = now_ms() + 15000; now_ms() < end; usleep(20000))
        if (run_shell("pw-cli ls Node 2>/dev/null | grep -q our-camera"))
            return true;
    return false;
}

/* One of some dozens of starts was seen to be in vain. Asking the daemon tells whether the fault is
 * this program's or the device's. */
static void start_camera(const char *format, const char *memory, const char *width,
                         const char *height)
{
    for (unsigned tries = 0; tries < 4; tries++) {
        camera_program = start_a_camera("our-camera", format, memory, width, height);
        if (daemon_has_camera())
            return;
        print_message("the camera's program is started again\n");
        end_program(&camera_program);
    }
    fail_msg("the daemon shows no camera");
}

/* Skips the test where there is none. It ends with the daemon. */
static void start_session_manager(void)
{
    if (!run_shell("command -v wireplumber dbus-run-session pw-cli >/dev/null")) {
        print_message("no session manager here (Debian: wireplumber, dbus-daemon)\n");
        skip();
    }
    manager_program =
        start_program((const char *const[]){"dbus-run-session", "--", "wireplumber", NULL});
    for (int64_t end = now_ms() + LIMIT_MS;
         !run_shell("pw-cli ls Metadata 2>/dev/null | grep -q '\"default\"'"); usleep(50000))
        assert_true(now_ms() < end);
}

static int setup(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/hostblob-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    setenv("XDG_RUNTIME_DIR", folder, 1);
    setenv("PIPEWIRE_RUNTIME_DIR", folder, 1);
    setenv("HOME", folder, 1);
    setenv("XDG_STATE_HOME", folder, 1);
    setenv("XDG_CONFIG_HOME", folder, 1);
    unsetenv("PIPEWIRE_REMOTE");
    log_at = 0;
    return story_setup(state);
}

static int teardown(void **state)
{
    char command[128];

    end_program(&camera_program);
    end_program(&other_program);
    end_program(&daemon_program);
    for (unsigned i = 0; manager_program.pid > 0 && i < 500; i++, usleep(10000))
        if (waitpid(manager_program.pid, NULL, WNOHANG) != 0) {
            close(manager_program.input);
            manager_program.pid = 0;
        }
    end_program(&manager_program);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (system(command) != 0)
        return -1;
    return story_teardown(state);
}

/* ---- a guest's program ---- */

struct stream {
    uint32_t session, width, height;
    uint64_t offset[BUFFERS], length[BUFFERS];
    struct v4l2_buffer buffer; /* of the last frame */
    const uint8_t *frame;      /* YUYV */
};

static void open_device(struct story *s, const char *target)
{
    char option[96];

    snprintf(option, sizeof(option), "--pipewire-target=%s", target != NULL ? target : "");
    story_start(s, (const char *const[]){"--kind=pipewire", target != NULL ? option : NULL, NULL});
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, 16), 0);
}

static void queue_buffer(struct story *s, const struct stream *stream, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_QBUF, &buffer), 0);
}

static void map_buffer(struct story *s, struct stream *stream, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_QUERYBUF, &buffer), 0);
    assert_int_equal(media_guest_mmap(&s->frontend, stream->session, buffer.m.offset,
                                      &stream->offset[index], &stream->length[index]),
                     0);
}

/* Up to STREAMON, whose status it returns. */
static int begin_stream(struct story *s, struct stream *stream, uint32_t width, uint32_t height)
{
    struct v4l2_format format = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .fmt.pix = {.width = width, .height = height, .pixelformat = V4L2_PIX_FMT_YUYV},
    };
    struct v4l2_requestbuffers request = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    *stream = (struct stream){.width = width, .height = height};
    assert_int_equal(media_guest_open(&s->frontend, &stream->session), 0);
    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_S_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, width);
    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_REQBUFS, &request), 0);
    assert_int_equal(request.count, BUFFERS);
    for (uint32_t i = 0; i < BUFFERS; i++)
        map_buffer(s, stream, i);
    for (uint32_t i = 0; i < BUFFERS; i++)
        queue_buffer(s, stream, i);
    return media_guest_ioctl(&s->frontend, stream->session, VIDIOC_STREAMON, &type);
}

/* Whether a frame comes in that time; its buffer is given back at once. */
static bool take_frame(struct story *s, struct stream *stream, int milliseconds)
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

static void end_stream(struct story *s, struct stream *stream)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    assert_int_equal(media_guest_ioctl(&s->frontend, stream->session, VIDIOC_STREAMOFF, &type), 0);
    for (uint32_t i = 0; i < BUFFERS; i++)
        assert_int_equal(media_guest_munmap(&s->frontend, stream->offset[i]), 0);
    assert_true(media_guest_close(&s->frontend, stream->session) >= 0);
}

/* Whether a line of the log has it, behind the line that was found last. */
static bool log_goes_on(const struct story *s, const char *text)
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

static void await_log(struct story *s, const char *text)
{
    for (int64_t end = now_ms() + LIMIT_MS; !log_goes_on(s, text); usleep(10000))
        if (now_ms() > end)
            fail_msg("the log does not go on with '%s'", text);
}

struct yuv {
    int y, u, v;
};

static struct yuv pixel(const struct stream *stream, uint32_t x, uint32_t y)
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

static bool has(const struct stream *stream, uint32_t x, uint32_t y, struct yuv expected)
{
    return is_near(pixel(stream, x, y), expected);
}

/* Whether the frame is our camera's picture, in the middle with 'left' and 'top' black pixels. */
static bool is_ours(const struct stream *st, uint32_t left, uint32_t top)
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
static void await_picture(struct story *s, struct stream *stream, uint32_t left, uint32_t top)
{
    for (int64_t end = now_ms() + LIMIT_MS; now_ms() < end;) {
        if (!take_frame(s, stream, 200))
            continue;
        if (is_ours(stream, left, top))
            return;
    }
    fail_msg("no frame shows the camera's picture");
}

/* The camera is gone: what was on its way still comes, and no more. */
static void take_the_last(struct story *s, struct stream *stream)
{
    unsigned frames = 0;

    while (take_frame(s, stream, 100))
        assert_true(++frames < 4 * BUFFERS);
}

/* The device drops one frame after the other, and gives none to the guest. */
static void await_left_out(struct story *s, struct stream *stream)
{
    long frames = -1, dropped = 0;

    for (int64_t end = now_ms() + LIMIT_MS; now_ms() < end;) {
        long now_dropped = daemon_process_number(&s->daemon, "/counters/frames_dropped");
        long now_frames = daemon_process_number(&s->daemon, "/counters/frames");

        if (now_frames == frames && now_dropped >= dropped + 3)
            return;
        if (now_frames != frames)
            dropped = now_dropped;
        frames = now_frames;
        while (take_frame(s, stream, 10))
            assert_true(is_ours(stream, 0, 0));
    }
    fail_msg("no frame is left out");
}

/* ---- stories ---- */

/* Takes some frames; false if the source stands still: SPA's test source does for good once it has
 * been out of buffers, as on a busy machine. */
static bool take_some(struct story *s, struct stream *stream)
{
    uint32_t sequence = 0;
    int64_t last = 0, time;

    for (unsigned i = 0; i < 5; i++) {
        if (!take_frame(s, stream, 5000))
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
    struct stream stream;

    start_daemon(true);
    open_device(s, NULL);
    for (unsigned rounds = 0, tries = 0; rounds < 2; tries++) {
        assert_true(tries < 8);
        assert_int_equal(begin_stream(s, &stream, 640, 480), 0);
        if (take_some(s, &stream)) {
            rounds++;
            /* The sixth of its seven bars is red. */
            assert_true(pixel(&stream, 640 * 11 / 14, 100).v > 180);
        }
        end_stream(s, &stream);
    }
    await_log(s, "no session manager links a camera to us; taking 'Test Card' (test-card)");
    story_end(s);
}

static void a_camera_streams(struct story *s, const char *format, const char *memory,
                             const char *gap)
{
    struct stream stream;

    start_daemon(false);
    start_camera(format, memory, "320", "240");
    if (gap != NULL)
        tell_camera(gap);
    open_device(s, "our-camera");
    await_log(s, "(our-camera)");
    assert_int_equal(begin_stream(s, &stream, 320, 240), 0);
    for (unsigned i = 0; i < 3; i++)
        await_picture(s, &stream, 0, 0);
    end_stream(s, &stream);
    /* Wider than the camera's picture: black at the sides. */
    assert_int_equal(begin_stream(s, &stream, 640, 360), 0);
    for (unsigned i = 0; i < 3; i++)
        await_picture(s, &stream, 80, 0);
    end_stream(s, &stream);
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

static void a_camera_changes_its_size(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    start_daemon(false);
    start_camera("NV12", "memfd", "320", "240");
    open_device(s, NULL);
    await_log(s, "(our-camera)");
    assert_int_equal(begin_stream(s, &stream, 640, 480), 0);
    await_picture(s, &stream, 0, 0);
    tell_camera("size 640 320\n");
    await_picture(s, &stream, 0, 80);
    tell_camera("size 160 240\n");
    await_picture(s, &stream, 160, 0);
    end_stream(s, &stream);
    story_end(s);
}

static void a_camera_goes_and_comes_back(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    start_daemon(false);
    start_camera("YUY2", "memfd", "320", "240");
    open_device(s, "our-camera");
    await_log(s, "(our-camera)");
    assert_int_equal(begin_stream(s, &stream, 320, 240), 0);
    await_picture(s, &stream, 0, 0);
    for (unsigned i = 0; i < 2; i++) {
        end_program(&camera_program);
        await_log(s, "the camera is gone");
        take_the_last(s, &stream);
        start_camera("RGB", "any", "160", "240");
        await_picture(s, &stream, 80, 0);
    }
    end_stream(s, &stream);
    story_end(s);
}

static void the_daemon_dies_and_comes_back(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    start_daemon(true);
    open_device(s, NULL);
    await_log(s, "(test-card)");
    assert_int_equal(begin_stream(s, &stream, 640, 480), 0);
    assert_true(take_frame(s, &stream, LIMIT_MS));
    end_program(&daemon_program);
    await_log(s, "the daemon is gone");
    take_the_last(s, &stream);
    start_daemon(false);
    start_camera("YUY2", "memfd", "320", "240");
    await_picture(s, &stream, 0, 0);
    end_program(&camera_program);
    end_program(&daemon_program);
    end_stream(s, &stream); /* while nobody is there */
    story_end(s);
}

static void lies_about_frames_are_left_out(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    start_daemon(false);
    start_camera("YUY2", "memfd", "320", "240");
    open_device(s, NULL);
    await_log(s, "(our-camera)");
    assert_int_equal(begin_stream(s, &stream, 320, 240), 0);
    await_picture(s, &stream, 0, 0);
    for (const char *const *lie =
             (const char *const[]){"say short\n", "say broken\n", "say empty\n", NULL};
         *lie != NULL; lie++) {
        tell_camera(*lie);
        await_left_out(s, &stream);
        tell_camera("say well\n");
        for (unsigned i = 0; i < BUFFERS + 1; i++) {
            assert_true(take_frame(s, &stream, LIMIT_MS));
            assert_true(is_ours(&stream, 0, 0));
        }
    }
    await_log(s, "it is too short");
    end_stream(s, &stream);
    story_end(s);
}

static void there_is_no_daemon(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    open_device(s, NULL);
    await_log(s, "pipewire: no daemon at");
    assert_int_equal(begin_stream(s, &stream, 320, 240), ENODEV);
    assert_true(media_guest_close(&s->frontend, stream.session) >= 0);
    for (uint32_t i = 0; i < BUFFERS; i++)
        assert_int_equal(media_guest_munmap(&s->frontend, stream.offset[i]), 0);
    start_daemon(true);
    await_log(s, "(test-card)");
    assert_int_equal(begin_stream(s, &stream, 320, 240), 0);
    assert_true(take_frame(s, &stream, LIMIT_MS));
    end_stream(s, &stream);
    story_end(s);
}

static void there_is_no_such_camera(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    start_daemon(true);
    open_device(s, "our-camera");
    await_log(s, "connected to");
    assert_int_equal(begin_stream(s, &stream, 320, 240), ENODEV);
    await_log(s, "no camera 'our-camera' is there");
    assert_true(media_guest_close(&s->frontend, stream.session) >= 0);
    for (uint32_t i = 0; i < BUFFERS; i++)
        assert_int_equal(media_guest_munmap(&s->frontend, stream.offset[i]), 0);
    story_end(s);
}

/* It links the camera that was asked for, not the one that it takes by itself. */
static void a_session_manager_links_the_camera(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    start_daemon(true);
    start_session_manager();
    other_program = start_a_camera("other-camera", "RGB", "any", "320", "120");
    start_camera("YUY2", "memfd", "320", "240");
    open_device(s, "our-camera");
    await_log(s, "(our-camera)");
    assert_int_equal(begin_stream(s, &stream, 320, 240), 0);
    await_picture(s, &stream, 0, 0);
    end_program(&camera_program);
    await_log(s, "no camera 'our-camera' is there");
    take_the_last(s, &stream);
    start_camera("YUY2", "memfd", "160", "240");
    await_picture(s, &stream, 80, 0);
    assert_false(daemon_process_logged(&s->daemon, "no session manager"));
    end_stream(s, &stream);
    story_end(s);
}

/* The device has linked the camera by itself, and leaves it to the one that comes. */
static void a_session_manager_comes_late(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    start_daemon(false);
    start_camera("YUY2", "memfd", "320", "240");
    open_device(s, "our-camera");
    await_log(s, "(our-camera)");
    assert_int_equal(begin_stream(s, &stream, 320, 240), 0);
    await_log(s, "no session manager links a camera to us");
    await_picture(s, &stream, 0, 0);
    start_session_manager();
    await_log(s, "a session manager has come");
    await_log(s, "gives YUY2 320x240");
    for (unsigned i = 0; i < BUFFERS + 1; i++)
        await_picture(s, &stream, 0, 0);
    assert_false(log_goes_on(s, "no session manager"));
    end_stream(s, &stream);
    story_end(s);
}

static void a_camera_has_nothing_for_us(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    start_daemon(false);
    start_camera("v210", "memfd", "320", "240");
    open_device(s, NULL);
    await_log(s, "(our-camera)");
    assert_int_equal(begin_stream(s, &stream, 320, 240), 0);
    await_log(s, "the camera's stream failed");
    end_program(&camera_program);
    start_camera("YUY2", "memfd", "320", "240");
    await_picture(s, &stream, 0, 0);
    end_stream(s, &stream);
    story_end(s);
}

/* Whether --check says that of the kind. */
static bool check_says(const char *text)
{
    char command[512];

    snprintf(command, sizeof(command),
             "\"$HOSTBLOB_MEDIA\" --check | grep -A3 '\"pipewire\"' | grep -q -F \"%s\"", text);
    return run_shell(command);
}

static void a_check_says_what_is_there(void **state)
{
    struct story *s = story(state);

    assert_true(check_says("no daemon at"));
    start_daemon(false);
    assert_true(check_says("cameras: none"));
    assert_true(check_says("false"));
    end_program(&daemon_program);
    start_daemon(true);
    assert_true(check_says("cameras: 'Test Card' (test-card)"));
    assert_true(check_says("true"));
    s->ended = true;
}

static void a_front_end_goes_while_it_streams(void **state)
{
    struct story *s = story(state);
    struct stream stream;

    start_daemon(false);
    start_camera("YUY2", "memfd", "320", "240");
    open_device(s, NULL);
    await_log(s, "(our-camera)");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(begin_stream(s, &stream, 640, 480), 0);
        await_picture(s, &stream, 0, 0);
        story_leave(s);
        story_join(s);
        assert_int_equal(media_guest_post_events(&s->frontend, 16), 0);
    }
    story_end(s);
}

#define PIPEWIRE_STORY(function)                                                                   \
    {                                                                                              \
#function, function, setup, teardown, (void *)(uintptr_t)&media_qemu                       \
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
    };

    signal(SIGPIPE, SIG_IGN);
    if (system("command -v pipewire >/dev/null") != 0) {
        print_message("no pipewire here: nothing is tested (Debian: pipewire)\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
