/* SPDX-License-Identifier: MIT */
#include "file_camera.h"

#include <spawn.h>
#include <sys/wait.h>

#include "media/av_library.h"
#include "media/file_options.h"

/* What FFmpeg's libraries read for a camera: films made by the ffmpeg program, some of them without
 * loss, so that every byte can be told. */
#define SIZE (64u * 48 * 3 / 2)

extern char **environ;

static bool have_ffmpeg(void)
{
    return system("ffmpeg -hide_banner -encoders >/dev/null 2>&1") == 0;
}

/* Runs a line of the shell with $in, frames of 64x48 in YUV 4:2:0, and $out, the camera's file. */
static pid_t begin_shell(struct file_camera *c, const char *line)
{
    char in[80], out[110], *argv[] = {(char *)"sh", (char *)"-c", (char *)line, NULL};
    pid_t pid;

    snprintf(in, sizeof(in), "%s/raw", c->dir);
    snprintf(out, sizeof(out), "%s", c->path);
    setenv("in", in, 1);
    setenv("out", out, 1);
    setenv("raw", "-f rawvideo -pix_fmt yuv420p -s 64x48 -r 50 -i", 1);
    assert_int_equal(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ), 0);
    return pid;
}

static int end_shell(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void make_raw(struct file_camera *c, uint32_t first, unsigned frames)
{
    char path[96];
    int fd;

    snprintf(path, sizeof(path), "%s/raw", c->dir);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    file_write_frames(fd, first, frames, SIZE, false);
    close(fd);
}

static void drop_raw(struct file_camera *c)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/raw", c->dir);
    unlink(path);
}

#define QUIET "ffmpeg -y -nostdin -loglevel error $raw $in "

/* A lossless film in Matroska: each byte, the rate and the end. And again, and in a loop. */
static void test_film(void **state)
{
    struct v4l2_streamparm parm = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct file_camera *c = *state;
    uint64_t before;

    if (!have_ffmpeg())
        skip();
    make_raw(c, 0, 12);
    assert_int_equal(end_shell(begin_shell(c, QUIET "-c:v ffv1 -f matroska $out")), 0);
    drop_raw(c);
    file_camera_open(c);
    assert_int_equal(c->picture.format->fourcc, V4L2_PIX_FMT_YUV420);
    assert_int_equal(c->picture.width, 64);
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, G_PARM, &parm), 0);
    assert_int_equal(parm.parm.capture.timeperframe.denominator,
                     50 * parm.parm.capture.timeperframe.numerator);
    for (unsigned round = 0; round < 2; round++) {
        file_camera_start(c, 4);
        before = units_now_ns();
        for (uint32_t n = 0; n < 12; n++)
            file_camera_expect(c, n, n);
        assert_true(units_now_ns() - before >= 200000000);
        file_camera_expect_end(c);
        file_camera_stop(c);
    }
    media_fixture_destroy(c->f);
    file_camera_open_loop(c);
    file_camera_start(c, 3);
    for (uint32_t n = 0; n < 40; n++)
        file_camera_expect(c, n, n % 12);
    file_camera_stop(c);
}

/* The bytes of all frames that ffmpeg itself makes of the film. */
static uint8_t *decode(struct file_camera *c, const char *line, size_t *size)
{
    uint8_t *bytes;
    char path[96];
    int fd;

    assert_int_equal(end_shell(begin_shell(c, line)), 0);
    snprintf(path, sizeof(path), "%s/raw", c->dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    *size = (size_t)lseek(fd, 0, SEEK_END);
    bytes = malloc(*size);
    assert_int_equal(pread(fd, bytes, *size, 0), *size);
    close(fd);
    drop_raw(c);
    return bytes;
}

/* A film as people have them: B frames, sound beside it, MP4. Every picture as ffmpeg decodes it,
 * in the guest's format. */
static void test_film_with_sound(void **state)
{
    struct file_camera *c = *state;
    uint8_t *bytes;
    size_t size;
    pid_t pid;

    if (!have_ffmpeg())
        skip();
    pid =
        begin_shell(c, "ffmpeg -y -nostdin -loglevel error -f lavfi -i testsrc=s=176x144:d=1:r=25 "
                       "-f lavfi -i sine=d=1 -pix_fmt yuv420p -c:v mpeg4 -bf 2 -b:v 1M -c:a aac "
                       "-f mp4 $out");
    if (end_shell(pid) != 0)
        skip();
    bytes = decode(c, "ffmpeg -y -nostdin -loglevel error -i $out -pix_fmt nv12 -f rawvideo $in",
                   &size);
    c->options.pace = MEDIA_PACE_GUEST;
    file_camera_open(c);
    for (unsigned i = 0; i < 2; i++) {
        struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
        uint32_t n = 0;

        format.fmt.pix.pixelformat = V4L2_PIX_FMT_NV12;
        assert_int_equal(MEDIA_IOCTL(c->f, c->session, S_FMT, &format), 0);
        file_camera_start(c, 3);
        assert_int_equal(c->picture.width, 176);
        for (;; n++) {
            file_camera_take(c);
            if (c->event.buffer.flags & V4L2_BUF_FLAG_LAST)
                break;
            assert_true((n + 1) * (size_t)c->used <= size);
            assert_memory_equal(c->frame, bytes + n * (size_t)c->used, c->used);
            file_camera_give(c);
        }
        assert_int_equal(n, 25);
        file_camera_stop(c);
    }
    free(bytes);
}

/* Y4M that is not read here itself: 4:4:4, and an odd size. */
static void test_other_y4m(void **state)
{
    struct file_camera *c = *state;
    uint8_t frame[35 * 21 * 3];
    int fd = file_camera_create(c, "YUV4MPEG2 W35 H21 F25:1 C444\n");

    memset(frame, 100, 35 * 21);
    memset(frame + 35 * 21, 90, 35 * 21);
    memset(frame + 35 * 21 * 2, 200, 35 * 21);
    for (unsigned i = 0; i < 3; i++) {
        file_write_text(fd, "FRAME\n");
        file_write(fd, frame, sizeof(frame));
    }
    close(fd);
    file_camera_open(c);
    assert_int_equal(c->picture.width, 34);
    assert_int_equal(c->picture.height, 20);
    file_camera_start(c, 2);
    for (unsigned i = 0; i < 3; i++) {
        file_camera_take(c);
        assert_int_equal(c->used, 34 * 20 * 3 / 2);
        for (uint32_t b = 0; b < c->used; b++) {
            int should = b < 34 * 20 ? 100 : b < 34 * 20 * 5 / 4 ? 90 : 200;

            assert_in_range(c->frame[b] + 1, should, should + 2);
        }
        file_camera_give(c);
    }
    file_camera_expect_end(c);
}

/* Writers come and go at a FIFO; the device sleeps meanwhile. */
static void test_film_in_a_fifo(void **state)
{
    struct file_camera *c = *state;
    uint32_t sequence = 0;

    if (!have_ffmpeg())
        skip();
    assert_int_equal(mkfifo(c->path, 0600), 0);
    c->options.file_av = true;
    file_camera_open(c);
    file_camera_subscribe(c, V4L2_EVENT_SOURCE_CHANGE);
    for (uint32_t round = 0; round < 2; round++) {
        pid_t pid;

        make_raw(c, round * 20, 8);
        file_camera_sleeps(c, 50);
        pid = begin_shell(c, QUIET "-c:v ffv1 -f matroska - >$out");
        if (round == 0) {
            file_camera_expect_event(c, V4L2_EVENT_SOURCE_CHANGE);
            file_camera_start(c, 4);
            assert_int_equal(c->picture.width, 64);
        }
        for (uint32_t n = 0; n < 8; n++)
            file_camera_expect(c, sequence++, round * 20 + n);
        assert_int_equal(end_shell(pid), 0);
        file_camera_notices(c);
    }
    drop_raw(c);
    file_camera_stop(c);
}

/* Cut off in the middle, and with bytes turned over: what there is comes, and then the end. */
static void test_broken_film(void **state)
{
    struct file_camera *c = *state;
    char text[MEDIA_KIND_TEXT];
    struct stat st;
    int fd;

    if (!have_ffmpeg())
        skip();
    make_raw(c, 0, 30);
    assert_int_equal(end_shell(begin_shell(c, QUIET "-c:v ffv1 -g 1 -f matroska $out")), 0);
    drop_raw(c);
    c->options.pace = MEDIA_PACE_GUEST;
    for (unsigned round = 0; round < 3; round++) {
        uint32_t n = 0;

        fd = open(c->path, O_RDWR | O_CLOEXEC);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(ftruncate(fd, st.st_size * 2 / 3), 0);
        for (off_t at = st.st_size / 3; round > 0 && at < st.st_size * 2 / 3; at += 97)
            assert_int_equal(pwrite(fd, "\xff", 1, at), 1);
        close(fd);
        file_camera_open(c);
        file_camera_start(c, 2);
        for (;;) {
            file_camera_take(c);
            if (c->event.buffer.flags & V4L2_BUF_FLAG_LAST)
                break;
            assert_true(n++ < 30);
            file_camera_give(c);
        }
        assert_true(round > 0 || n > 10);
        media_fixture_destroy(c->f);
        c->f = NULL;
    }
    fd = file_camera_create(c,
                            "\x1a\x45\xdf\xa3\x01 is how Matroska begins, but not how it goes on");
    close(fd);
    assert_false(file_options_check(&c->options, text));
    assert_true(strlen(text) > strlen(c->path) + 10);
}

/* A playlist that names other files opens none of them. */
static void test_playlist(void **state)
{
    struct file_camera *c = *state;
    char text[MEDIA_KIND_TEXT], line[256];

    snprintf(line, sizeof(line),
             "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://%s/raw\n#EXT-X-ENDLIST\n",
             c->dir);
    make_raw(c, 0, 3);
    close(file_camera_create(c, line));
    assert_false(file_options_check(&c->options, text));
    drop_raw(c);
}

/* The stream ends while the thread decodes, waits for a writer, or for the guest. */
static void test_ends_at_any_time(void **state)
{
    struct file_camera *c = *state;

    if (!have_ffmpeg())
        skip();
    make_raw(c, 0, 5);
    assert_int_equal(end_shell(begin_shell(c, QUIET "-c:v ffv1 -f matroska $out")), 0);
    drop_raw(c);
    file_camera_open_loop(c);
    for (unsigned i = 0; i < 20; i++) {
        file_camera_start(c, 3);
        for (uint32_t n = 0; n < i % 7; n++)
            file_camera_expect(c, n, n % 5);
        if (i % 2 == 0) {
            file_camera_stop(c);
            continue;
        }
        media_fixture_reboot(c->f);
        media_assert_empty(c->f);
        media_post_events(c->f, 16, 608);
        c->session = media_session(c->f);
    }
    file_camera_start(c, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_film),
        FILE_TEST(test_film_with_sound),
        FILE_TEST(test_other_y4m),
        FILE_TEST(test_film_in_a_fifo),
        FILE_TEST(test_broken_film),
        FILE_TEST(test_playlist),
        FILE_TEST(test_ends_at_any_time),
    };
    const char *why;

    /* FFmpeg's threads and tables stay: before the descriptors are counted. */
    if (av_library_load(AV_LIBRARY_SCALE | AV_LIBRARY_FORMAT, &why) == NULL) {
        fprintf(stderr, "skipped: %s\n", why);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
