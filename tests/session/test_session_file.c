/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/frontend/media_guest.h"
#include "upgrade_story.h"

/* A camera that reads a file or a FIFO, as a guest and a person see it. */
#define WIDTH 320u
#define HEIGHT 242u
#define SIZE (WIDTH * HEIGHT * 3 / 2)
#define BUFFERS 3u

struct camera {
    char dir[64], path[96], option[110];
    uint32_t session;
    uint64_t offset[BUFFERS], length[BUFFERS];
};

static void camera_init(struct camera *c)
{
    memset(c, 0, sizeof(*c));
    snprintf(c->dir, sizeof(c->dir), "/tmp/hostblob-camera-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    snprintf(c->path, sizeof(c->path), "%s/in", c->dir);
    snprintf(c->option, sizeof(c->option), "--file=%s", c->path);
    signal(SIGPIPE, SIG_IGN);
}

static void camera_finish(struct camera *c)
{
    unlink(c->path);
    rmdir(c->dir);
}

static uint8_t byte_of(uint32_t n, uint32_t i)
{
    return (uint8_t)(n * 41 + i * 7 + (i >> 8) * 13 + 1);
}

static void write_all(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)bytes + done, size - done);

        assert_true(n > 0);
        done += (size_t)n;
    }
}

static void write_frames(int fd, uint32_t first, unsigned count, bool y4m)
{
    static uint8_t bytes[SIZE];

    for (unsigned n = first; n < first + count; n++) {
        for (uint32_t i = 0; i < SIZE; i++)
            bytes[i] = byte_of(n, i);
        if (y4m)
            write_all(fd, "FRAME\n", 6);
        write_all(fd, bytes, SIZE);
    }
}

static void queue(struct story *s, struct camera *c, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(media_guest_ioctl(&s->frontend, c->session, VIDIOC_QBUF, &buffer), 0);
}

static void begin_stream(struct story *s, struct camera *c)
{
    struct v4l2_requestbuffers request = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    assert_int_equal(media_guest_open(&s->frontend, &c->session), 0);
    assert_int_equal(media_guest_ioctl(&s->frontend, c->session, VIDIOC_G_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, WIDTH);
    assert_int_equal(format.fmt.pix.height, HEIGHT);
    assert_int_equal(format.fmt.pix.sizeimage, SIZE);
    assert_int_equal(media_guest_ioctl(&s->frontend, c->session, VIDIOC_REQBUFS, &request), 0);
    for (uint32_t i = 0; i < BUFFERS; i++) {
        struct v4l2_buffer buffer = {
            .index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

        assert_int_equal(media_guest_ioctl(&s->frontend, c->session, VIDIOC_QUERYBUF, &buffer), 0);
        assert_int_equal(media_guest_mmap(&s->frontend, c->session, buffer.m.offset, &c->offset[i],
                                          &c->length[i]),
                         0);
        queue(s, c, i);
    }
    assert_int_equal(media_guest_ioctl(&s->frontend, c->session, VIDIOC_STREAMON, &type), 0);
}

static void end_stream(struct story *s, struct camera *c)
{
    assert_true(media_guest_close(&s->frontend, c->session) >= 0);
    for (uint32_t i = 0; i < BUFFERS; i++)
        assert_int_equal(media_guest_munmap(&s->frontend, c->offset[i]), 0);
}

static void next_event(struct story *s, struct virtio_media_event_dqbuf *event)
{
    assert_int_equal(media_guest_event(&s->frontend, event, FRONTEND_PATIENCE), sizeof(*event));
    assert_int_equal(event->hdr.event, VIRTIO_MEDIA_EVT_DQBUF);
}

/* The next frame is number 'n' of what was written, every byte of it. */
static void expect(struct story *s, struct camera *c, uint32_t sequence, uint32_t n)
{
    struct virtio_media_event_dqbuf event;
    const uint8_t *bytes;

    next_event(s, &event);
    assert_int_equal(event.buffer.bytesused, SIZE);
    assert_int_equal(event.buffer.sequence, sequence);
    bytes = guest_window_at(&s->frontend.window, c->offset[event.buffer.index], SIZE);
    assert_non_null(bytes);
    for (uint32_t i = 0; i < SIZE; i++)
        if (bytes[i] != byte_of(n, i))
            fail_msg("frame %u: byte %u is %u, not %u", n, i, bytes[i], byte_of(n, i));
    queue(s, c, event.buffer.index);
}

/* A camera whose film has so many frames, with one more option or NULL, and a guest. */
static void open_film(struct story *s, struct camera *c, uint32_t frames, const char *option)
{
    char line[80];
    int fd;

    camera_init(c);
    fd = open(c->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    snprintf(line, sizeof(line), "YUV4MPEG2 W%u H%u F60:1 C420\n", WIDTH, HEIGHT);
    write_all(fd, line, strlen(line));
    write_frames(fd, 0, frames, true);
    close(fd);
    story_start(s, (const char *const[]){"--kind=file", c->option, option, NULL});
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, 16), 0);
}

static void a_film_is_a_camera(void **state)
{
    struct story *s = story(state);
    struct virtio_media_event_dqbuf event;
    struct camera c;

    open_film(s, &c, 12, NULL);
    for (unsigned round = 0; round < 2; round++) {
        begin_stream(s, &c);
        for (uint32_t n = 0; n < 12; n++)
            expect(s, &c, n, n);
        next_event(s, &event);
        assert_true(event.buffer.flags & V4L2_BUF_FLAG_LAST);
        assert_int_equal(event.buffer.bytesused, 0);
        end_stream(s, &c);
    }
    story_end(s);
    camera_finish(&c);
}

/* Workers die, and every frame comes once, from the first to the last, and then the end. */
static void a_film_goes_on(void **state)
{
    struct story *s = story(state);
    struct virtio_media_event_dqbuf event;
    struct camera c;

    open_film(s, &c, 90, NULL);
    begin_stream(s, &c);
    for (uint32_t n = 0; n < 90; n++) {
        if (n % 15 == 14)
            kill(story_worker(s), SIGKILL);
        expect(s, &c, n, n);
    }
    next_event(s, &event);
    assert_true(event.buffer.flags & V4L2_BUF_FLAG_LAST);
    kill(story_worker(s), SIGKILL);
    end_stream(s, &c);
    story_end(s);
    camera_finish(&c);
}

/* The program is exchanged under it, twice, and no frame is missing. */
static void a_film_goes_on_in_another_program(void **state)
{
    struct story *s = story(state);
    struct camera c;
    uint32_t n = 0;

    open_film(s, &c, 12, "--loop");
    begin_stream(s, &c);
    for (unsigned turn = 0; turn < 2; turn++) {
        pid_t pid = upgrade_begin(s, "--seconds=60");

        for (; !upgrade_is_made(s, pid); n++)
            expect(s, &c, n, n % 12);
        for (uint32_t end = n + 5; n < end; n++)
            expect(s, &c, n, n % 12);
    }
    end_stream(s, &c);
    story_end(s);
    camera_finish(&c);
}

static int open_writer(const struct camera *c)
{
    int fd = -1;

    for (unsigned i = 0; fd < 0 && i < 500; i++) {
        fd = open(c->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            usleep(10000);
    }
    assert_true(fd >= 0);
    fcntl(fd, F_SETFL, 0);
    return fd;
}

static void open_fifo(struct story *s, struct camera *c)
{
    char size[32];

    camera_init(c);
    assert_int_equal(mkfifo(c->path, 0600), 0);
    snprintf(size, sizeof(size), "--size=%ux%u", WIDTH, HEIGHT);
    story_start(s,
                (const char *const[]){"--kind=file", c->option, "--file-format=YU12", size, NULL});
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, 16), 0);
}

/* The worker dies with half a frame in hand. Its successor opens the FIFO again, and whoever writes
 * then is read from his first byte on. */
static void a_fifo_outlives_a_worker(void **state)
{
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct story *s = story(state);
    struct camera c;
    pid_t worker;
    int fd;

    open_fifo(s, &c);
    fd = open_writer(&c);
    begin_stream(s, &c);
    write_frames(fd, 0, 3, false);
    for (uint32_t n = 0; n < 3; n++)
        expect(s, &c, n, n);
    write_all(fd, "half a frame", 12);
    worker = story_worker(s);
    kill(worker, SIGKILL);
    assert_int_equal(media_guest_ioctl(&s->frontend, c.session, VIDIOC_G_FMT, &format), 0);
    assert_int_not_equal(story_worker(s), worker);
    close(fd);
    usleep(100000); /* the rest of the first writer's is gone */
    fd = open_writer(&c);
    write_frames(fd, 7, 3, false);
    for (uint32_t n = 0; n < 3; n++)
        expect(s, &c, 3 + n, 7 + n);
    close(fd);
    end_stream(s, &c);
    story_end(s);
    camera_finish(&c);
}

/* Whoever writes does not notice that the program is exchanged meanwhile. */
static void a_fifo_outlives_a_program(void **state)
{
    struct story *s = story(state);
    struct camera c;
    int fd;

    open_fifo(s, &c);
    fd = open_writer(&c);
    begin_stream(s, &c);
    for (uint32_t n = 0; n < 6; n++) {
        if (n == 2 || n == 4)
            upgrade_well(s);
        write_frames(fd, n, 1, false);
        expect(s, &c, n, n);
    }
    close(fd);
    end_stream(s, &c);
    story_end(s);
    camera_finish(&c);
}

/* What cannot be served is said at once, with what to do about it. */
static void what_cannot_be_read_is_refused(void **state)
{
    static const struct {
        const char *arguments, *says;
    } rows[] = {
        {"--kind=file", "give --file=PATH"},
        {"--kind=file --file=/nonexistent/film", "no such file"},
        {"--kind=file --file=/tmp", "neither a file"},
        {"--kind=file --file=/dev/null", "neither a file"},
        {"--kind=file --file=/dev/zero --file-format=NV12", "--size=WIDTHxHEIGHT"},
        {"--kind=file --file=/etc/passwd --file-format=y4m", "YUV4MPEG2"},
        {"--kind=file --file=x --loop --follow", "leave one out"},
        {"--kind=file --file=x --size=13x7", "two even numbers"},
        {"--kind=file --file=x --size=1280", "WIDTHxHEIGHT"},
        {"--kind=file --file=x --rate=0", "frames per second"},
        {"--kind=file --file=x --rate=30/", "frames per second"},
        {"--kind=file --file=x --pace=fast", "auto, rate or guest"},
        {"--kind=file --file=x --file-format=XVID", "YU12"},
    };
    char output[16384], arguments[300];

    story(state)->ended = true;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int status;

        snprintf(arguments, sizeof(arguments), "--socket-path=none %s", rows[i].arguments);
        status = story_run(story(state), arguments, output, sizeof(output));
        if (status == 0 || status >= 124 || strstr(output, rows[i].says) == NULL)
            fail_msg("'%s' gives status %d and says: %s", rows[i].arguments, status, output);
    }
    assert_int_equal(story_run(story(state), "--check --kind=file --file=/nonexistent/film", output,
                               sizeof(output)),
                     0);
    assert_non_null(strstr(output, "no such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_film_is_a_camera, media_qemu),
        STORY(a_film_is_a_camera, media_crosvm),
        STORY(a_film_goes_on, media_qemu),
        STORY(a_film_goes_on_in_another_program, media_qemu),
        STORY(a_fifo_outlives_a_worker, media_qemu),
        STORY(a_fifo_outlives_a_program, media_qemu),
        STORY(what_cannot_be_read_is_refused, media_qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
