/* SPDX-License-Identifier: MIT */
#include "file_camera.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Frames that somebody writes into a FIFO or a socket: writers come late, go, and come back. */
#define WIDTH 64u
#define HEIGHT 48u
#define SIZE (WIDTH * HEIGHT * 3 / 2)
#define LINE "YUV4MPEG2 W64 H48 F30:1\n"

static void make_fifo(struct file_camera *c)
{
    assert_int_equal(mkfifo(c->path, 0600), 0);
}

/* The device has the other end, but for the time after which it gets rid of a writer of garbage. */
static int writer(struct file_camera *c)
{
    int fd;

    FILE_CAMERA_AWAIT(c, (fd = open(c->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0);
    fcntl(fd, F_SETFL, 0);
    return fd;
}

/* What was written has been read. */
static bool is_read(int fd)
{
    int unread;

    assert_int_equal(ioctl(fd, FIONREAD, &unread), 0);
    return unread == 0;
}

static void raw_fifo(struct file_camera *c)
{
    make_fifo(c);
    c->options.file_format = pixel_format_find(V4L2_PIX_FMT_NV12);
    c->options.width = WIDTH;
    c->options.height = HEIGHT;
    file_camera_open(c);
}

static void test_writers_come_and_go(void **state)
{
    struct file_camera *c = *state;
    uint32_t sequence = 0;

    raw_fifo(c);
    file_camera_start(c, 4);
    file_camera_sleeps(c, 60);
    for (unsigned round = 0; round < 5; round++) {
        int fd = writer(c);

        file_write_frames(fd, round * 10, 3, SIZE, false);
        for (uint32_t n = 0; n < 3; n++)
            file_camera_expect(c, sequence++, round * 10 + n);
        file_camera_sleeps(c, 30); /* it is there, and has nothing to say */
        if (round % 2 == 0) {      /* and dies in the middle of a frame */
            file_write_frames(fd, 99, 1, SIZE / 2 + round, false);
            assert_false(file_camera_event(c, 20));
        }
        close(fd);
        file_camera_notices(c);
        assert_false(file_camera_event(c, 0));
        file_camera_sleeps(c, 60);
    }
    file_camera_stop(c);
}

/* A frame comes in pieces of every size. */
static void test_pieces(void **state)
{
    uint8_t *bytes = malloc(SIZE);
    struct file_camera *c = *state;
    unsigned seed = 1;
    int fd;

    raw_fifo(c);
    file_camera_start(c, 2);
    fd = writer(c);
    for (uint32_t n = 0; n < 12; n++) {
        file_bytes(bytes, n, SIZE);
        for (size_t done = 0; done < SIZE;) {
            size_t size = (seed = seed * 1103515245 + 12345) / 65536 % 1500 + 1;

            size = size < SIZE - done ? size : SIZE - done;
            file_write(fd, bytes + done, size);
            done += size;
            for (unsigned i = 0; i < 3; i++)
                sd_event_run(c->f->loop, 500);
        }
        file_camera_expect(c, n, n);
    }
    free(bytes);
    close(fd);
}

/* The guest stops in the middle of a frame: the next stream begins with the next one. */
static void test_stop_in_a_frame(void **state)
{
    uint8_t bytes[SIZE];
    struct file_camera *c = *state;
    int fd;

    raw_fifo(c);
    fd = writer(c);
    for (uint32_t n = 0; n < 8; n++) {
        file_camera_start(c, 2);
        file_write_frames(fd, n * 2, 1, SIZE, false);
        file_camera_expect(c, 0, n * 2);
        file_bytes(bytes, n * 2 + 1, SIZE);
        file_write(fd, bytes, 1 + n * 500);
        FILE_CAMERA_AWAIT(c, is_read(fd));
        assert_false(file_camera_event(c, 0));
        file_camera_stop(c);
        file_write(fd, bytes + 1 + n * 500, SIZE - 1 - n * 500);
    }
    close(fd);
}

/* While nobody streams, the writer waits. */
static void test_back_pressure(void **state)
{
    struct file_camera *c = *state;
    uint8_t bytes[SIZE] = {0};
    ssize_t written = 0, n;
    int fd;

    raw_fifo(c);
    fd = writer(c);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((n = write(fd, bytes, SIZE)) > 0)
        written += n;
    assert_int_equal(errno, EAGAIN);
    assert_true(written > (ssize_t)SIZE * 2);
    file_camera_sleeps(c, 50);
    assert_true(write(fd, bytes, SIZE) < 0);
    file_camera_start(c, 2);
    for (uint32_t i = 0; i < written / SIZE; i++) {
        file_camera_take(c);
        assert_int_equal(c->event.buffer.sequence, i);
        file_camera_give(c);
    }
    assert_false(file_camera_event(c, 20));
    assert_true(write(fd, bytes, SIZE) == SIZE);
    close(fd);
}

/* A clock gives out what a writer has sent all at once. */
static void test_clocked(void **state)
{
    struct file_camera *c = *state;
    uint64_t before;
    int fd;

    c->options.pace = MEDIA_PACE_RATE;
    c->options.rate = (struct v4l2_fract){100, 1};
    raw_fifo(c);
    fd = writer(c);
    file_write_frames(fd, 0, 10, SIZE, false);
    before = units_now_ns();
    file_camera_start(c, 4);
    for (uint32_t n = 0; n < 10; n++)
        file_camera_expect(c, n, n);
    assert_true(units_now_ns() - before >= 100000000);
    close(fd);
}

/* Y4M: the guest learns of the size as soon as there is a writer, before it streams. */
static void test_the_size_comes_late(void **state)
{
    struct file_camera *c = *state;
    uint32_t sequence = 0;
    int fd;

    make_fifo(c);
    file_camera_open(c);
    assert_int_equal(c->picture.width, 640);
    file_camera_sleeps(c, 60);
    file_camera_subscribe(c, V4L2_EVENT_SOURCE_CHANGE);
    fd = writer(c);
    file_write_text(fd, "YUV4MP");
    assert_false(file_camera_event(c, 20));
    file_write_text(fd, &LINE[6]);
    file_camera_expect_event(c, V4L2_EVENT_SOURCE_CHANGE);
    file_camera_sleeps(c, 30);
    for (unsigned round = 0; round < 3; round++) {
        file_camera_start(c, 3);
        assert_int_equal(c->picture.width, WIDTH);
        assert_int_equal(c->picture.height, HEIGHT);
        file_write_frames(fd, 0, 2, SIZE, true);
        for (uint32_t n = 0; n < 2; n++)
            file_camera_expect(c, n, n);
        file_camera_stop(c);
    }
    /* The next writer says it all again. */
    file_camera_start(c, 3);
    for (unsigned round = 0; round < 3; round++) {
        close(fd);
        file_camera_notices(c);
        assert_false(file_camera_event(c, 0));
        fd = writer(c);
        file_write_text(fd, LINE);
        file_write_frames(fd, round, 1, SIZE, true);
        file_camera_expect(c, sequence++, round);
    }
    close(fd);
    file_camera_stop(c);
}

/* There is no end between two writers, as one comes before the other goes: it says what its frames
 * are where a frame is expected. */
static void test_a_writer_comes_early(void **state)
{
    struct file_camera *c = *state;
    uint32_t sequence = 0;
    int fd, next;

    make_fifo(c);
    file_camera_open(c);
    file_camera_subscribe(c, V4L2_EVENT_SOURCE_CHANGE);
    fd = writer(c);
    file_write_text(fd, LINE);
    file_camera_expect_event(c, V4L2_EVENT_SOURCE_CHANGE);
    file_camera_start(c, 3);
    for (unsigned round = 0; round < 4; round++) {
        file_write_frames(fd, round, 2, SIZE, true);
        next = writer(c);
        close(fd);
        file_write_text(next, LINE);
        file_write_frames(next, round + 10, 1, SIZE, true);
        file_camera_expect(c, sequence++, round);
        file_camera_expect(c, sequence++, round + 1);
        file_camera_expect(c, sequence++, round + 10);
        fd = next;
    }
    /* Other frames: as when another file has taken the place of one. */
    file_write_text(fd, "YUV4MPEG2 W32 H32 F30:1\n");
    file_write_frames(fd, 7, 2, 32 * 32 * 3 / 2, true);
    file_camera_expect_event(c, V4L2_EVENT_SOURCE_CHANGE);
    file_camera_sleeps(c, 50);
    assert_false(file_camera_event(c, 0));
    file_camera_stop(c);
    file_camera_start(c, 3);
    assert_int_equal(c->picture.width, 32);
    file_camera_expect(c, 0, 7);
    file_camera_expect(c, 1, 8);
    close(fd);
}

/* The next writer has frames of another size: none of them is cut to the old one. */
static void test_another_size(void **state)
{
    struct file_camera *c = *state;
    int fd;

    make_fifo(c);
    file_camera_open(c);
    file_camera_subscribe(c, V4L2_EVENT_SOURCE_CHANGE);
    fd = writer(c);
    file_write_text(fd, LINE);
    file_camera_expect_event(c, V4L2_EVENT_SOURCE_CHANGE);
    file_camera_start(c, 3);
    file_write_frames(fd, 0, 1, SIZE, true);
    file_camera_expect(c, 0, 0);
    close(fd);
    file_camera_notices(c);
    fd = writer(c);
    file_write_text(fd, "YUV4MPEG2 W32 H32 F30:1\n");
    file_write_frames(fd, 7, 2, 32 * 32 * 3 / 2, true);
    file_camera_expect_event(c, V4L2_EVENT_SOURCE_CHANGE);
    file_camera_sleeps(c, 50);
    file_camera_stop(c);
    file_camera_start(c, 3);
    assert_int_equal(c->picture.width, 32);
    file_camera_expect(c, 0, 7);
    file_camera_expect(c, 1, 8);
    close(fd);
}

/* Who writes anything else hears EPIPE; the next one is welcome. */
static void test_garbage(void **state)
{
    static const char *const garbage[] = {
        "GIF89a is no video, and its bytes are passed over\n",
        LINE "FRAGE is no frame\n",
        "YUV4MPEG2 W100000 H2\n",
    };
    struct file_camera *c = *state;

    make_fifo(c);
    file_camera_open(c);
    file_camera_subscribe(c, V4L2_EVENT_SOURCE_CHANGE);
    for (unsigned i = 0; i < 3; i++) {
        bool streams = c->picture.width == WIDTH;
        int fd = writer(c);

        if (streams)
            file_camera_start(c, 2);
        file_write_text(fd, garbage[i]);
        FILE_CAMERA_AWAIT(c, write(fd, "x", 1) != 1);
        assert_int_equal(errno, EPIPE);
        assert_false(file_camera_event(c, 0));
        close(fd);
        fd = writer(c);
        file_write_text(fd, LINE);
        if (!streams) {
            file_camera_expect_event(c, V4L2_EVENT_SOURCE_CHANGE);
            file_camera_start(c, 2);
        }
        file_write_frames(fd, i, 2, SIZE, true);
        file_camera_expect(c, 0, i);
        file_camera_expect(c, 1, i + 1);
        file_camera_stop(c);
        close(fd);
    }
}

/* Another device beside it that no driver comes to, as one that is tried for an upgrade. */
static struct device *begin_another(struct file_camera *c)
{
    struct device *device = media_device_create(&c->f->host, &c->options);

    assert_non_null(device);
    device->impl->reset(device);
    return device;
}

/* It leaves the stream to the one that serves. */
static void test_another_is_tried(void **state)
{
    struct file_camera *c = *state;
    struct device *other;
    int fd, unread;

    make_fifo(c);
    file_camera_open(c);
    file_camera_subscribe(c, V4L2_EVENT_SOURCE_CHANGE);
    fd = writer(c);
    file_write_text(fd, LINE);
    file_write_frames(fd, 0, 1, SIZE, true);
    file_camera_expect_event(c, V4L2_EVENT_SOURCE_CHANGE);
    file_camera_start(c, 2);
    file_camera_expect(c, 0, 0);
    file_camera_stop(c);
    file_camera_sleeps(c, 30);
    other = begin_another(c);
    file_write_frames(fd, 1, 2, SIZE, true);
    file_camera_sleeps(c, 50);
    assert_int_equal(ioctl(fd, FIONREAD, &unread), 0);
    assert_true(unread >= (int)SIZE);
    other->impl->destroy(other);
    file_camera_start(c, 2);
    file_camera_expect(c, 0, 1);
    file_camera_expect(c, 1, 2);
    close(fd);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* Waits for the device to ask. */
static int next_writer(struct file_camera *c, int listener)
{
    struct pollfd asked = {.fd = listener, .events = POLLIN};
    int fd;

    FILE_CAMERA_AWAIT(c, poll(&asked, 1, 0) == 1);
    fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_false(file_camera_event(c, 0));
    return fd;
}

/* The socket's owner hangs up, goes, and comes back: it is asked again and again. */
static void test_socket(void **state)
{
    struct file_camera *c = *state;
    int listener = listen_at(c->path), fd;

    c->options.file_format = pixel_format_find(V4L2_PIX_FMT_YUYV);
    c->options.width = WIDTH;
    c->options.height = HEIGHT;
    file_camera_open(c);
    file_camera_start(c, 3);
    fd = next_writer(c, listener);
    file_write_frames(fd, 0, 2, WIDTH * HEIGHT * 2, false);
    file_camera_expect(c, 0, 0);
    file_camera_expect(c, 1, 1);
    file_write(fd, "half a frame", 12);
    close(fd);
    close(listener);
    unlink(c->path);
    assert_false(file_camera_event(c, 100));
    listener = listen_at(c->path);
    fd = next_writer(c, listener);
    file_write_frames(fd, 5, 2, WIDTH * HEIGHT * 2, false);
    file_camera_expect(c, 2, 5);
    file_camera_expect(c, 3, 6);
    close(fd);
    close(listener);
}

/* One writer is asked, by the device that serves. */
static void test_another_is_tried_at_a_socket(void **state)
{
    struct file_camera *c = *state;
    int listener = listen_at(c->path), fd;
    struct pollfd asked = {.fd = listener, .events = POLLIN};
    struct device *other;

    file_camera_open(c);
    fd = next_writer(c, listener);
    other = begin_another(c);
    file_camera_sleeps(c, 50);
    assert_int_equal(poll(&asked, 1, 0), 0);
    other->impl->set_features(other, 0);
    assert_int_equal(poll(&asked, 1, 0), 1);
    other->impl->destroy(other);
    close(fd);
    close(listener);
}

/* Nobody listens when the device starts: it waits. */
static void test_socket_comes_late(void **state)
{
    struct file_camera *c = *state;
    int listener = listen_at(c->path), fd;

    close(listener); /* the name stays */
    file_camera_open(c);
    file_camera_subscribe(c, V4L2_EVENT_SOURCE_CHANGE);
    assert_false(file_camera_event(c, 100));
    unlink(c->path);
    listener = listen_at(c->path);
    fd = next_writer(c, listener);
    file_write_text(fd, LINE);
    file_camera_expect_event(c, V4L2_EVENT_SOURCE_CHANGE);
    file_camera_start(c, 2);
    assert_int_equal(c->picture.width, WIDTH);
    file_write_frames(fd, 3, 1, SIZE, true);
    file_camera_expect(c, 0, 3);
    close(fd);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_writers_come_and_go),
        FILE_TEST(test_pieces),
        FILE_TEST(test_stop_in_a_frame),
        FILE_TEST(test_back_pressure),
        FILE_TEST(test_clocked),
        FILE_TEST(test_the_size_comes_late),
        FILE_TEST(test_a_writer_comes_early),
        FILE_TEST(test_another_size),
        FILE_TEST(test_garbage),
        FILE_TEST(test_another_is_tried),
        FILE_TEST(test_another_is_tried_at_a_socket),
        FILE_TEST(test_socket),
        FILE_TEST(test_socket_comes_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
