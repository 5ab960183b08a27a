/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FILE_CAMERA_H
#define TESTS_UNIT_FILE_CAMERA_H

/* A camera that reads a file, a FIFO or a socket in a folder of its own, with a guest's program
 * that streams from it: the tests of kind 'file' begin with this. */
#include "media_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/capture.h"
#include "media/picture.h"

/* Milliseconds that anything may take which has to come, on however busy a machine. */
#define FILE_CAMERA_PATIENCE 60000u

struct file_camera {
    struct media_fixture *f; /* NULL before file_camera_open */
    char dir[64], path[96];
    struct media_options options;
    uint32_t session;
    uint32_t count;
    struct picture picture; /* as the guest has set it */
    uint64_t at[8][PICTURE_MAX_PLANES];
    struct virtio_media_event_dqbuf event; /* the last frame's */
    uint8_t *frame;                        /* its bytes, the planes in a row */
    uint32_t used;                         /* how many */
};

/* Byte 'i' of frame number 'n' of a file: no frame, and no part of one, looks like another. */
static inline uint8_t file_byte(uint32_t n, uint64_t i)
{
    return (uint8_t)((n + 1) * 37 + i * 5 + (i >> 8) * 11 + (i >> 16) * 3);
}

static inline void file_bytes(uint8_t *to, uint32_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = file_byte(n, i);
}

static inline int file_camera_setup(void **state)
{
    struct file_camera *c = calloc(1, sizeof(*c));

    fd_count_setup(state);
    signal(SIGPIPE, SIG_IGN);
    snprintf(c->dir, sizeof(c->dir), "/tmp/hostblob-file-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    snprintf(c->path, sizeof(c->path), "%s/in", c->dir);
    c->options = (struct media_options){.kind = "file", .file = c->path};
    *state = c;
    return 0;
}

static inline int file_camera_teardown(void **state)
{
    struct file_camera *c = *state;

    if (c->f != NULL)
        media_fixture_destroy(c->f);
    unlink(c->path);
    rmdir(c->dir);
    free(c->frame);
    free(c);
    return fd_count_teardown(state);
}

#define FILE_TEST(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, file_camera_setup, file_camera_teardown)

/* Writes all, or fails the test. */
static inline void file_write(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)bytes + done, size - done);

        assert_true(n > 0);
        done += (size_t)n;
    }
}

static inline void file_write_text(int fd, const char *text)
{
    file_write(fd, text, strlen(text));
}

/* Frames from number 'first' on, of 'size' bytes each, with Y4M's line before each if 'y4m'. */
static inline void file_write_frames(int fd, uint32_t first, unsigned count, size_t size, bool y4m)
{
    uint8_t *bytes = malloc(size);

    for (unsigned i = 0; i < count; i++) {
        if (y4m)
            file_write_text(fd, "FRAME\n");
        file_bytes(bytes, first + i, size);
        file_write(fd, bytes, size);
    }
    free(bytes);
}

/* The camera's file, for writing, with this as its first line. */
static inline int file_camera_create(struct file_camera *c, const char *line)
{
    int fd = open(c->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    file_write_text(fd, line);
    return fd;
}

/* A whole film: its line, and so many frames of 'size' bytes. */
static inline void file_camera_film(struct file_camera *c, const char *line, unsigned frames,
                                    size_t size)
{
    int fd = file_camera_create(c, line);

    file_write_frames(fd, 0, frames, size, true);
    close(fd);
}

static inline void file_camera_get_format(struct file_camera *c)
{
    struct v4l2_format format = {.type = media_type(c->f)};
    const struct pixel_format *row;

    assert_int_equal(MEDIA_IOCTL(c->f, c->session, G_FMT, &format), 0);
    row = pixel_format_find(format.fmt.pix.pixelformat);
    assert_non_null(row);
    picture_init(&c->picture, row, format.fmt.pix.width, format.fmt.pix.height);
}

/* The device, and a program that has opened its node. */
static inline void file_camera_open(struct file_camera *c)
{
    c->f = media_fixture_create(&c->options, EXPORTER_ARENA);
    c->session = media_session(c->f);
    media_post_events(c->f, 16, 608);
    file_camera_get_format(c);
}

/* A loop, as fast as the guest takes it. */
static inline void file_camera_open_loop(struct file_camera *c)
{
    c->options.loop = true;
    c->options.pace = MEDIA_PACE_GUEST;
    file_camera_open(c);
}

/* What came before the stream ended is of no interest any more. */
static inline void file_camera_drain(struct file_camera *c)
{
    while (media_event(c->f, &c->event))
        media_post_events(c->f, 1, 608);
}

/* Buffers, mapped and queued, and STREAMON. */
static inline void file_camera_start(struct file_camera *c, uint32_t count)
{
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(media_type(c->f));
    struct virtio_media_resp_mmap answer;
    struct media_buffer_payload b;

    file_camera_get_format(c);
    c->count = count;
    free(c->frame);
    c->frame = malloc(picture_size(&c->picture));
    assert_int_equal(media_reqbufs(c->f, c->session, &c->count), 0);
    assert_int_equal(c->count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(media_querybuf(c->f, c->session, i, &b), 0);
        for (unsigned p = 0; p < c->picture.format->planes; p++) {
            uint32_t offset = multi ? b.planes[p].m.mem_offset : b.buffer.m.offset;

            assert_int_equal(media_mmap(c->f, c->session, offset, &answer), 0);
            c->at[i][p] = answer.shm_offset;
        }
        assert_int_equal(media_qbuf(c->f, c->session, i), 0);
    }
    assert_int_equal(media_streamon(c->f, c->session), 0);
}

/* STREAMOFF, and the buffers are gone. */
static inline void file_camera_stop(struct file_camera *c)
{
    uint32_t none = 0;

    assert_int_equal(media_streamoff(c->f, c->session), 0);
    file_camera_drain(c);
    for (uint32_t i = 0; i < c->count; i++)
        for (unsigned p = 0; p < c->picture.format->planes; p++)
            assert_int_equal(media_munmap(c->f, c->at[i][p]), 0);
    assert_int_equal(media_reqbufs(c->f, c->session, &none), 0);
}

static inline void copy_frame(struct file_camera *c)
{
    const struct v4l2_buffer *b = &c->event.buffer;
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(b->type);

    assert_true(b->index < c->count);
    c->used = 0;
    for (unsigned p = 0; p < c->picture.format->planes; p++) {
        uint32_t used = multi ? c->event.planes[p].bytesused : b->bytesused;
        const uint8_t *data = media_window_at(c->f, c->at[b->index][p]);

        assert_non_null(data);
        assert_true(used <= c->picture.plane_size[p]);
        memcpy(c->frame + c->used, data, used);
        c->used += used;
    }
}

/* Runs the loop until an event comes, of any sort. False after 'ms'. */
static inline bool file_camera_event(struct file_camera *c, unsigned ms)
{
    uint64_t end = units_now_ns() + ms * 1000000ull;

    while (!media_event(c->f, &c->event)) {
        if (units_now_ns() >= end)
            return false;
        assert_true(sd_event_run(c->f->loop, 1000) >= 0);
    }
    media_post_events(c->f, 1, 608);
    return true;
}

/* The device goes on until that is so. */
#define FILE_CAMERA_AWAIT(c, condition) MEDIA_AWAIT((c)->f, condition)

/* Whether a descriptor of this process is the FIFO's end for reading, and has seen writers go. */
static inline bool file_camera_is_forsaken(int fd, const struct stat *fifo)
{
    struct pollfd end = {.fd = fd, .events = POLLIN};
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_ino == fifo->st_ino && st.st_dev == fifo->st_dev &&
           poll(&end, 1, 0) == 1 && (end.revents & POLLHUP);
}

/* Whether the device has the FIFO open, and has noticed that its last writer is gone. */
static inline bool file_camera_has_noticed(const struct file_camera *c)
{
    struct stat fifo;

    assert_int_equal(stat(c->path, &fifo), 0);
    for (int fd = 0; fd < 256; fd++)
        if (file_camera_is_forsaken(fd, &fifo))
            return false;
    return true;
}

/* The FIFO's writer has gone: waits until the device has noticed. One that comes before goes on
 * where this one has stopped, as a FIFO has it. */
static inline void file_camera_notices(struct file_camera *c)
{
    FILE_CAMERA_AWAIT(c, file_camera_has_noticed(c));
}

/* What is still to do is done; then nothing wakes the loop, or a thread, for 'ms'. */
static inline void file_camera_sleeps(struct file_camera *c, unsigned ms)
{
    unsigned wakes = 0;

    while (sd_event_run(c->f->loop, ms * 1000ull) > 0)
        assert_true(++wakes < 50);
}

/* Takes the next frame and copies it; its buffer stays with the guest. */
static inline void file_camera_take(struct file_camera *c)
{
    assert_true(file_camera_event(c, FILE_CAMERA_PATIENCE));
    assert_int_equal(c->event.hdr.event, VIRTIO_MEDIA_EVT_DQBUF);
    copy_frame(c);
}

/* And gives the buffer back. */
static inline void file_camera_give(struct file_camera *c)
{
    assert_int_equal(media_qbuf(c->f, c->session, c->event.buffer.index), 0);
}

/* The next frame is number 'n' of the file, in the file's own format. */
static inline void file_camera_expect(struct file_camera *c, uint32_t sequence, uint32_t n)
{
    file_camera_take(c);
    assert_false(c->event.buffer.flags & (V4L2_BUF_FLAG_ERROR | V4L2_BUF_FLAG_LAST));
    assert_int_equal(c->event.buffer.sequence, sequence);
    assert_int_equal(c->used, picture_size(&c->picture));
    for (uint32_t i = 0; i < c->used; i++)
        if (c->frame[i] != file_byte(n, i))
            fail_msg("frame %u: byte %u is %u, not %u", n, i, c->frame[i], file_byte(n, i));
    file_camera_give(c);
}

/* The stream is over: an empty buffer, the last, and nothing behind it. */
static inline void file_camera_expect_end(struct file_camera *c)
{
    file_camera_take(c);
    assert_int_equal(c->used, 0);
    assert_true(c->event.buffer.flags & V4L2_BUF_FLAG_LAST);
    assert_false(file_camera_event(c, 100));
}

static inline void file_camera_subscribe(struct file_camera *c, uint32_t type)
{
    struct v4l2_event_subscription wish = {.type = type};

    assert_int_equal(MEDIA_IOCTL(c->f, c->session, SUBSCRIBE_EVENT, &wish), 0);
}

/* The next event is this V4L2 event. */
static inline void file_camera_expect_event(struct file_camera *c, uint32_t type)
{
    struct virtio_media_event_event event;

    assert_true(file_camera_event(c, FILE_CAMERA_PATIENCE));
    memcpy(&event, &c->event, sizeof(event));
    assert_int_equal(event.hdr.event, VIRTIO_MEDIA_EVT_EVENT);
    assert_int_equal(event.event.type, type);
}

#endif
