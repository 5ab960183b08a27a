/* SPDX-License-Identifier: MIT */
/* A film's pictures in the format and size that a guest has set. */
#include "tests/unit/fd_count.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "media/av_scale.h"

#define SIDE 32

static const struct av_library *av;

/* Of one colour; its memory is libavutil's. */
static AVFrame *frame_of(enum AVPixelFormat format, int width, int height, uint8_t value)
{
    AVFrame *frame = av->av_frame_alloc();

    assert_non_null(frame);
    frame->format = format;
    frame->width = width;
    frame->height = height;
    assert_int_equal(av->av_frame_get_buffer(frame, 64), 0);
    for (unsigned i = 0; i < 4 && frame->data[i] != NULL; i++)
        memset(frame->data[i], value, (size_t)frame->linesize[i] * (size_t)(i > 0 ? 1 : height));
    return frame;
}

static void a_frame_has_its_nearest_picture(void **state)
{
    static const struct {
        enum AVPixelFormat from;
        uint32_t to;
    } rows[] = {
        {AV_PIX_FMT_YUYV422, V4L2_PIX_FMT_YUYV},     {AV_PIX_FMT_UYVY422, V4L2_PIX_FMT_UYVY},
        {AV_PIX_FMT_NV12, V4L2_PIX_FMT_NV12},        {AV_PIX_FMT_P010LE, V4L2_PIX_FMT_P010},
        {AV_PIX_FMT_YUV420P10LE, V4L2_PIX_FMT_P010}, {AV_PIX_FMT_YUV422P, V4L2_PIX_FMT_YUV422P},
        {AV_PIX_FMT_YUVJ422P, V4L2_PIX_FMT_YUV422P}, {AV_PIX_FMT_GRAY8, V4L2_PIX_FMT_GREY},
        {AV_PIX_FMT_RGB24, V4L2_PIX_FMT_RGB24},      {AV_PIX_FMT_YUV420P, V4L2_PIX_FMT_YUV420},
        {AV_PIX_FMT_YUVJ420P, V4L2_PIX_FMT_YUV420},  {AV_PIX_FMT_YUV444P, V4L2_PIX_FMT_YUV420},
        {AV_PIX_FMT_YUVJ444P, V4L2_PIX_FMT_YUV420},  {AV_PIX_FMT_BGRA, V4L2_PIX_FMT_YUV420},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const AVFrame frame = {.format = rows[i].from, .width = 33, .height = 17};
        struct picture picture;

        assert_true(av_scale_shape(&frame, &picture));
        assert_ptr_equal(picture.format, pixel_format_find(rows[i].to));
        assert_int_equal(picture.width, 32);
        assert_int_equal(picture.height, 16);
    }
}

static void impossible_sizes_have_none(void **state)
{
    static const int sizes[][2] = {{1, 16}, {16, 1}, {0, 0}, {-2, 16}, {16386, 16}, {16, 16386}};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const AVFrame frame = {
            .format = AV_PIX_FMT_NV12, .width = sizes[i][0], .height = sizes[i][1]};
        struct picture picture;

        assert_false(av_scale_shape(&frame, &picture));
    }
}

static void a_full_range_is_known(void **state)
{
    assert_true(av_scale_is_full(&(AVFrame){.format = AV_PIX_FMT_YUVJ420P}));
    assert_true(av_scale_is_full(&(AVFrame){.format = AV_PIX_FMT_YUVJ440P}));
    assert_true(av_scale_is_full(
        &(AVFrame){.format = AV_PIX_FMT_YUV420P, .color_range = AVCOL_RANGE_JPEG}));
    assert_false(av_scale_is_full(
        &(AVFrame){.format = AV_PIX_FMT_YUV420P, .color_range = AVCOL_RANGE_MPEG}));
}

/* Makes a picture of GREY or YUV420 of a frame, and checks what its luma is. */
static void assert_luma(const AVFrame *frame, uint32_t width, uint32_t height, int expected)
{
    static uint8_t bytes[4 * SIDE * SIDE * 2];
    uint8_t *planes[PICTURE_MAX_PLANES] = {bytes};
    struct picture picture;
    struct av_scale scale;

    av_scale_init(&scale, av);
    picture_init(&picture, pixel_format_find(V4L2_PIX_FMT_YUV420), width, height);
    assert_true(picture_size(&picture) <= sizeof(bytes));
    memset(bytes, 0xee, sizeof(bytes));
    for (unsigned round = 0; round < 2; round++) { /* the second with what the first has made */
        assert_int_equal(av_scale_run(&scale, frame, &picture, planes), 0);
        for (uint32_t i = 0; i < width * height; i++)
            assert_in_range(bytes[i] + 2, expected, expected + 4);
    }
    assert_int_equal(bytes[picture_size(&picture)], 0xee); /* not a byte beyond */
    av_scale_finish(&scale);
}

static void equal_pictures_are_copied(void **state)
{
    AVFrame *frame = frame_of(AV_PIX_FMT_YUV420P, SIDE, SIDE, 77);

    assert_luma(frame, SIDE, SIDE, 77);
    av->av_frame_free(&frame);
}

static void others_are_converted_and_scaled(void **state)
{
    AVFrame *grey = frame_of(AV_PIX_FMT_GRAY8, SIDE + 1, SIDE, 200);
    AVFrame *full = frame_of(AV_PIX_FMT_YUVJ420P, SIDE, SIDE, 255);

    grey->color_range = AVCOL_RANGE_MPEG;
    assert_luma(grey, SIDE * 2, SIDE, 200);
    assert_luma(full, SIDE, SIDE / 2, 235); /* white, in the limited range */
    full->colorspace = AVCOL_SPC_BT709;
    assert_luma(full, SIDE, SIDE, 235);
    av->av_frame_free(&grey);
    av->av_frame_free(&full);
}

static void what_cannot_be_read_is_refused(void **state)
{
    const AVFrame hardware = {.format = AV_PIX_FMT_VAAPI, .width = SIDE, .height = SIDE};
    const AVFrame tiny = {.format = AV_PIX_FMT_NV12, .width = 1, .height = 1};
    uint8_t byte, *planes[PICTURE_MAX_PLANES] = {&byte};
    struct picture picture;
    struct av_scale scale;

    av_scale_init(&scale, av);
    picture_init(&picture, pixel_format_find(V4L2_PIX_FMT_NV12), SIDE, SIDE);
    assert_int_equal(av_scale_run(&scale, &hardware, &picture, planes), -ENOTSUP);
    assert_int_equal(av_scale_run(&scale, &tiny, &picture, planes), -EOPNOTSUPP);
    av_scale_finish(&scale);
    av_scale_finish(&scale);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_frame_has_its_nearest_picture), FD_TEST(impossible_sizes_have_none),
        FD_TEST(a_full_range_is_known),           FD_TEST(equal_pictures_are_copied),
        FD_TEST(others_are_converted_and_scaled), FD_TEST(what_cannot_be_read_is_refused),
    };
    const char *why = "";

    av = av_library_load(AV_LIBRARY_SCALE, &why);
    if (av == NULL) {
        print_message("skipped: %s\n", why);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
