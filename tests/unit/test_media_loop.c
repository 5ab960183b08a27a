/* SPDX-License-Identifier: MIT */
#include "file_camera.h"

#include "media/file_options.h"

/* A file over and over. */
#define LINE "YUV4MPEG2 W160 H98 F100:1 Ip C420jpeg XCOMMENT\n"
#define SIZE (160u * 98 * 3 / 2)

/* Three frames and a half, over and over: the half never shows. */
static void test_loop(void **state)
{
    struct file_camera *c = *state;
    int fd = file_camera_create(c, LINE);

    file_write_frames(fd, 0, 3, SIZE, true);
    file_write_text(fd, "FRAME\n");
    file_write_frames(fd, 3, 1, SIZE / 2, false);
    close(fd);
    file_camera_open_loop(c);
    file_camera_start(c, 3);
    for (uint32_t i = 0; i < 50; i++)
        file_camera_expect(c, i, i % 3);
    file_camera_stop(c);
}

/* It loses all its frames while it loops: that is its end, not a busy thread for ever. */
static void test_loop_of_nothing(void **state)
{
    struct file_camera *c = *state;

    file_camera_film(c, LINE, 2, SIZE);
    file_camera_open_loop(c);
    file_camera_start(c, 1);
    file_camera_expect(c, 0, 0);
    close(file_camera_create(c, LINE));
    for (;;) { /* those that were read before */
        file_camera_take(c);
        if (c->event.buffer.flags & V4L2_BUF_FLAG_LAST)
            break;
        assert_true(c->event.buffer.sequence < 3);
        file_camera_give(c);
    }
    assert_int_equal(c->used, 0);
}

/* Another worker goes on where this one would be after so many frames. */
static void go_on_after(struct file_camera *c, uint32_t frames)
{
    struct context *context = c->f->media->kind->shared;
    uint64_t estate[CONTEXT_MAX_ESTATE / 8];
    size_t size = context->impl->leave(context, estate);
    uint64_t *words = &estate[size / 8 - 4]; /* the position lies at its end */

    assert_int_equal(size % 8, 0);
    file_camera_stop(c);
    words[2] = (uint64_t)frames << 32;
    assert_int_equal(context->impl->resume(context, estate, size), 0);
    file_camera_start(c, 3);
}

/* The way to the place where another worker was is short, however long that one had been at it; and
 * the end of a round is no end. */
static void goes_on_anywhere(struct file_camera *c)
{
    static const uint32_t places[] = {3, 4, 6, 4000000001u};

    file_camera_film(c, LINE, 3, SIZE);
    file_camera_open_loop(c);
    file_camera_start(c, 3);
    file_camera_expect(c, 0, 0);
    for (unsigned i = 0; i < 4; i++) {
        go_on_after(c, places[i]);
        for (uint32_t n = 0; n < 7; n++)
            file_camera_expect(c, n, (uint32_t)(((uint64_t)places[i] + n) % 3));
    }
    file_camera_stop(c);
}

static void test_far_in_a_loop(void **state)
{
    goes_on_anywhere(*state);
}

static void test_far_in_a_film(void **state)
{
    struct file_camera *c = *state;
    struct frame_reader *reader;
    const char *why;

    c->options.file_av = true;
    reader = file_options_reader(&c->options, &why);
    if (reader == NULL)
        skip(); /* FFmpeg's libraries are not here */
    reader->impl->destroy(reader);
    goes_on_anywhere(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_loop),
        FILE_TEST(test_loop_of_nothing),
        FILE_TEST(test_far_in_a_loop),
        FILE_TEST(test_far_in_a_film),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
