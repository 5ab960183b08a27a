/* SPDX-License-Identifier: MIT */
#include "file_camera.h"

#include "media/file_options.h"
#include "media/y4m.h"

/* Frames of regular files, byte for byte. */
#define LINE "YUV4MPEG2 W160 H98 F100:1 Ip C420jpeg XCOMMENT\n"
#define SIZE (160u * 98 * 3 / 2)

static uint64_t time_of(const struct file_camera *c)
{
    return (uint64_t)c->event.buffer.timestamp.tv_sec * 1000000000u +
           (uint64_t)c->event.buffer.timestamp.tv_usec * 1000u;
}

/* At the file's own rate, from the first to the last; and again at the next STREAMON. */
static void test_y4m(void **state)
{
    struct file_camera *c = *state;

    file_camera_film(c, LINE, 20, SIZE);
    file_camera_open(c);
    assert_int_equal(c->picture.format->fourcc, V4L2_PIX_FMT_YUV420);
    assert_int_equal(c->picture.width, 160);
    assert_int_equal(c->picture.height, 98);
    file_camera_subscribe(c, V4L2_EVENT_EOS);
    for (unsigned round = 0; round < 2; round++) {
        uint64_t last = 0, before = units_now_ns();

        file_camera_start(c, 4);
        for (uint32_t i = 0; i < 20; i++) {
            file_camera_expect(c, i, i);
            assert_true(time_of(c) > last); /* the first may be late on a busy machine */
            last = time_of(c);
            assert_true(time_of(c) > before - 1000 && time_of(c) <= units_now_ns());
        }
        /* No faster than the clock, whatever the machine was busy with. */
        assert_true(units_now_ns() - before >= 200000000);
        file_camera_expect_event(c, V4L2_EVENT_EOS);
        file_camera_expect_end(c);
        file_camera_stop(c);
    }
    assert_int_equal(c->f->stats.frames, 40);
}

/* One interval and one size, and nothing else. */
static void test_what_it_offers(void **state)
{
    static const uint32_t fourccs[] = {V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUYV};
    struct v4l2_frmsizeenum size = {.pixel_format = V4L2_PIX_FMT_NV12};
    struct v4l2_frmivalenum interval = {
        .pixel_format = V4L2_PIX_FMT_NV12, .width = 160, .height = 98};
    struct file_camera *c = *state;
    struct v4l2_format format;

    file_camera_film(c, LINE, 1, SIZE);
    file_camera_open(c);
    for (unsigned i = 0; i < 3; i++) {
        struct v4l2_fmtdesc desc = {.index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};

        assert_int_equal(MEDIA_IOCTL(c->f, c->session, ENUM_FMT, &desc), 0);
        assert_int_equal(desc.pixelformat, fourccs[i]);
    }
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, ENUM_FRAMESIZES, &size), 0);
    assert_int_equal(size.type, V4L2_FRMSIZE_TYPE_DISCRETE);
    assert_int_equal(size.discrete.width, 160);
    assert_int_equal(size.discrete.height, 98);
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, ENUM_FRAMEINTERVALS, &interval), 0);
    assert_int_equal(interval.type, V4L2_FRMIVAL_TYPE_DISCRETE);
    assert_int_equal(interval.discrete.numerator, 1);
    assert_int_equal(interval.discrete.denominator, 100);
    format = (struct v4l2_format){.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    format.fmt.pix.width = 1920;
    format.fmt.pix.height = 1080;
    format.fmt.pix.pixelformat = V4L2_PIX_FMT_NV12;
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, S_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, 160);
    assert_int_equal(format.fmt.pix.height, 98);
    assert_int_equal(format.fmt.pix.pixelformat, V4L2_PIX_FMT_NV12);
}

static void set_fourcc(struct file_camera *c, uint32_t fourcc)
{
    struct v4l2_format format = {.type = media_type(c->f)};

    format.fmt.pix.pixelformat = fourcc; /* lies in the same place for both types */
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, S_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.pixelformat, fourcc);
}

/* The sample of a 4:2:0 frame of the file that pixel x, y has. */
static uint8_t sample(uint32_t n, unsigned part, uint32_t x, uint32_t y)
{
    uint64_t luma = 160ull * 98;

    if (part == 0)
        return file_byte(n, y * 160ull + x);
    return file_byte(n, luma + (part - 1) * luma / 4 + y / 2 * 80ull + x / 2);
}

/* The byte of the guest's frame where that sample is to be. */
static uint64_t place(uint32_t fourcc, unsigned part, uint32_t x, uint32_t y)
{
    uint64_t luma = 160ull * 98;

    if (fourcc == V4L2_PIX_FMT_YUYV)
        return y * 320ull + (part == 0 ? 2 * x : x / 2 * 4 + (part == 1 ? 1 : 3));
    if (part == 0)
        return y * 160ull + x;
    if (fourcc == V4L2_PIX_FMT_YUV420 || fourcc == V4L2_PIX_FMT_YUV420M)
        return luma + (part - 1) * luma / 4 + y / 2 * 80ull + x / 2;
    return luma + y / 2 * 160ull + x / 2 * 2 + (part - 1);
}

static void check_made(const struct file_camera *c, uint32_t n)
{
    uint32_t fourcc = c->picture.format->fourcc;

    for (uint32_t y = 0; y < 98; y++)
        for (uint32_t x = 0; x < 160; x++)
            for (unsigned part = 0; part < 3; part++)
                assert_int_equal(c->frame[place(fourcc, part, x, y)], sample(n, part, x, y));
}

static void make_formats(struct file_camera *c, const uint32_t *fourccs, unsigned count)
{
    file_camera_film(c, LINE, 3, SIZE);
    c->options.pace = MEDIA_PACE_GUEST;
    file_camera_open(c);
    for (unsigned i = 0; i < count; i++) {
        set_fourcc(c, fourccs[i]);
        file_camera_start(c, 2);
        for (uint32_t n = 0; n < 3; n++) {
            file_camera_take(c);
            assert_int_equal(c->used, picture_size(&c->picture));
            check_made(c, n);
            file_camera_give(c);
        }
        file_camera_expect_end(c);
        file_camera_stop(c);
    }
}

static void test_formats(void **state)
{
    static const uint32_t fourccs[] = {V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_YUV420};

    make_formats(*state, fourccs, 3);
}

static void test_formats_multi(void **state)
{
    static const uint32_t fourccs[] = {V4L2_PIX_FMT_NV12M, V4L2_PIX_FMT_YUV420M, V4L2_PIX_FMT_NV12,
                                       V4L2_PIX_FMT_YUV420};
    struct file_camera *c = *state;

    c->options.multiplanar = true;
    make_formats(c, fourccs, 4);
}

/* 4:2:2 and mono have formats of their own. */
static void test_other_chroma(void **state)
{
    static const struct {
        const char *line;
        uint32_t fourcc, size;
    } rows[] = {
        {"YUV4MPEG2 W64 H48 F25:1 C422\n", V4L2_PIX_FMT_YUV422P, 64 * 48 * 2},
        {"YUV4MPEG2 H48 W64 Cmono\n", V4L2_PIX_FMT_GREY, 64 * 48},
        {"YUV4MPEG2 W64 H48\n", V4L2_PIX_FMT_YUV420, 64 * 48 * 3 / 2},
    };
    struct file_camera *c = *state;

    c->options.pace = MEDIA_PACE_GUEST;
    for (unsigned i = 0; i < 3; i++) {
        int fd = file_camera_create(c, rows[i].line);

        file_write_frames(fd, 0, 4, rows[i].size, true);
        close(fd);
        file_camera_open(c);
        assert_int_equal(c->picture.format->fourcc, rows[i].fourcc);
        file_camera_start(c, 3);
        for (uint32_t n = 0; n < 4; n++)
            file_camera_expect(c, n, n);
        file_camera_expect_end(c);
        media_fixture_destroy(c->f);
        c->f = NULL;
    }
}

/* In every raw format; a frame that is cut off at the end is none. */
static void test_raw(void **state)
{
    struct file_camera *c = *state;
    const struct pixel_format *format;

    c->options.width = 66;
    c->options.height = 34;
    c->options.pace = MEDIA_PACE_GUEST;
    for (unsigned i = 0; (format = pixel_format_at(i)) != NULL; i++) {
        struct picture picture;
        uint32_t size;
        int fd;

        if (format->planes > 1)
            continue;
        picture_init(&picture, format, 66, 34);
        size = (uint32_t)picture_size(&picture);
        fd = file_camera_create(c, "");
        file_write_frames(fd, 0, 3, size, false);
        file_write_frames(fd, 3, 1, size - 1, false);
        close(fd);
        c->options.file_format = format;
        file_camera_open(c);
        assert_ptr_equal(c->picture.format, format);
        file_camera_start(c, 2);
        for (uint32_t n = 0; n < 3; n++)
            file_camera_expect(c, n, n);
        file_camera_expect_end(c);
        media_fixture_destroy(c->f);
        c->f = NULL;
    }
}

/* Somebody writes it while it is read, in pieces that have nothing to do with frames. */
static void test_growing(void **state)
{
    uint8_t *bytes = malloc(SIZE);
    struct file_camera *c = *state;
    int fd = file_camera_create(c, LINE);

    c->options.follow = true;
    file_write_frames(fd, 0, 2, SIZE, true);
    file_camera_open(c);
    file_camera_start(c, 4);
    file_camera_expect(c, 0, 0);
    file_camera_expect(c, 1, 1);
    for (uint32_t n = 2; n < 6; n++) {
        assert_false(file_camera_event(c, 60));
        file_write_text(fd, "FRA");
        assert_false(file_camera_event(c, 20));
        file_write_text(fd, "ME\n");
        file_bytes(bytes, n, SIZE);
        file_write(fd, bytes, 5000);
        assert_false(file_camera_event(c, 30));
        file_write(fd, bytes + 5000, SIZE - 5000);
        file_camera_expect(c, n, n);
    }
    close(fd);
    free(bytes);
    file_camera_stop(c);
}

/* A guest without a buffer loses nothing; the frames come when it has one. */
static void test_slow_guest(void **state)
{
    struct file_camera *c = *state;
    uint64_t dropped;

    file_camera_film(c, LINE, 6, SIZE);
    file_camera_open(c);
    file_camera_start(c, 1);
    for (uint32_t n = 0; n < 6; n++) {
        file_camera_take(c);
        assert_int_equal(c->event.buffer.sequence, n);
        assert_int_equal(c->frame[0], file_byte(n, 0));
        dropped = c->f->stats.frames_dropped; /* the clock ticks in vain */
        FILE_CAMERA_AWAIT(c, c->f->stats.frames_dropped >= dropped + 3);
        assert_false(file_camera_event(c, 0));
        file_camera_give(c);
    }
    file_camera_expect_end(c);
}

/* It is another file at the next STREAMON: the guest hears of it, and sets its format anew. */
static void test_replaced(void **state)
{
    struct file_camera *c = *state;
    int fd;

    file_camera_film(c, LINE, 2, SIZE);
    c->options.pace = MEDIA_PACE_GUEST;
    file_camera_open(c);
    file_camera_subscribe(c, V4L2_EVENT_SOURCE_CHANGE);
    fd = file_camera_create(c, "YUV4MPEG2 W320 H240 F25:1 C420jpeg\n");
    file_write_frames(fd, 0, 2, 320 * 240 * 3 / 2, true);
    close(fd);
    file_camera_start(c, 2);
    file_camera_expect_event(c, V4L2_EVENT_SOURCE_CHANGE);
    assert_false(file_camera_event(c, 50));
    file_camera_stop(c);
    file_camera_start(c, 2);
    assert_int_equal(c->picture.width, 320);
    file_camera_expect(c, 0, 0);
    file_camera_expect(c, 1, 1);
    file_camera_expect_end(c);
}

/* Ends in the middle of what a thread does, by every way out. */
static void test_ends_at_any_time(void **state)
{
    struct file_camera *c = *state;

    file_camera_film(c, LINE, 3, SIZE);
    file_camera_open_loop(c);
    for (unsigned i = 0; i < 60; i++) {
        file_camera_start(c, 4);
        for (unsigned n = 0; n < i % 7; n++)
            file_camera_expect(c, n, n % 3);
        if (i % 3 == 0) {
            file_camera_stop(c);
        } else if (i % 3 == 1) {
            media_close(c->f, c->session);
            file_camera_drain(c);
            for (uint32_t b = 0; b < c->count; b++)
                assert_int_equal(media_munmap(c->f, c->at[b][0]), 0);
            c->session = media_session(c->f);
        } else {
            media_fixture_reboot(c->f);
            media_assert_empty(c->f);
            media_post_events(c->f, 16, 608);
            c->session = media_session(c->f);
        }
    }
    file_camera_start(c, 4);
}

/* What cannot be read is said before anybody is served, and why. */
static void test_refusals(void **state)
{
    struct file_camera *c = *state;
    char text[MEDIA_KIND_TEXT];

    assert_true(file_options_check(&(struct media_options){0}, text));
    assert_false(file_options_check(&c->options, text));
    assert_non_null(strstr(text, "no such file"));
    assert_int_equal(mkdir(c->path, 0700), 0);
    assert_false(file_options_check(&c->options, text));
    assert_non_null(strstr(text, "neither a file"));
    rmdir(c->path);
    close(file_camera_create(c, ""));
    assert_false(file_options_check(&c->options, text));
    assert_non_null(strstr(text, "not one frame"));
    close(file_camera_create(c, LINE));
    assert_false(file_options_check(&c->options, text));
    close(file_camera_create(c, "\x89PNG\r\n\x1a\nwhat do I know\n"));
    assert_false(file_options_check(&c->options, text));
    assert_true(strlen(text) > strlen(c->path) + 10);
    c->options.file_format = pixel_format_find(V4L2_PIX_FMT_NV12);
    assert_false(file_options_check(&c->options, text));
    assert_non_null(strstr(text, "--size"));
    c->options.width = c->options.height = 2;
    assert_true(file_options_check(&c->options, text));
    assert_non_null(strstr(text, "2x2"));
    c->options.loop = c->options.follow = true;
    assert_false(file_options_check(&c->options, text));
}

/* A plane's size has to fit 32 bits. */
static void test_largest_size(void **state)
{
    static const char good[] = "YUV4MPEG2 W16384 H16384", bad[] = "YUV4MPEG2 W2 H16386";
    struct y4m y4m;

    assert_null(y4m_parse(&y4m, good, sizeof(good) - 1));
    assert_int_equal(y4m.picture.plane_size[0], 3u << 27);
    assert_non_null(y4m_parse(&y4m, bad, sizeof(bad) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_y4m),          FILE_TEST(test_what_it_offers),
        FILE_TEST(test_formats),      FILE_TEST(test_formats_multi),
        FILE_TEST(test_other_chroma), FILE_TEST(test_raw),
        FILE_TEST(test_growing),      FILE_TEST(test_slow_guest),
        FILE_TEST(test_replaced),     FILE_TEST(test_ends_at_any_time),
        FILE_TEST(test_refusals),     cmocka_unit_test(test_largest_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
