/* SPDX-License-Identifier: MIT */
#include "media_test.h"

#include "media/canvas.h"

static unsigned enumerate(struct media_fixture *f, uint32_t session, uint32_t *fourccs)
{
    struct v4l2_fmtdesc desc = {.type = media_type(f)};
    unsigned count = 0;

    memset(desc.reserved, 0xff, sizeof(desc.reserved));
    while (MEDIA_IOCTL(f, session, ENUM_FMT, &desc) == 0) {
        assert_true(strlen((char *)desc.description) > 3);
        assert_int_equal(desc.reserved[2], 0);
        fourccs[count++] = desc.pixelformat;
        desc.index++;
    }
    desc.index = 0;
    desc.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    assert_int_equal(MEDIA_IOCTL(f, session, ENUM_FMT, &desc), EINVAL);
    return count;
}

static void test_formats_single(void **state)
{
    uint32_t fourccs[8];

    assert_int_equal(enumerate(*state, media_session(*state), fourccs), 3);
    assert_int_equal(fourccs[0], V4L2_PIX_FMT_YUYV);
    assert_int_equal(fourccs[1], V4L2_PIX_FMT_NV12);
    assert_int_equal(fourccs[2], V4L2_PIX_FMT_RGB24);
}

static void test_formats_multi(void **state)
{
    uint32_t fourccs[8];

    assert_int_equal(enumerate(*state, media_session(*state), fourccs), 4);
    assert_int_equal(fourccs[3], V4L2_PIX_FMT_NV12M);
}

static uint32_t try_format(struct media_fixture *f, uint32_t session, uint32_t width,
                           uint32_t height, struct v4l2_format *format)
{
    memset(format, 0xab, sizeof(*format)); /* what a careless program sends */
    format->type = media_type(f);
    format->fmt.pix.width = width;
    format->fmt.pix.height = height;
    format->fmt.pix.pixelformat = V4L2_PIX_FMT_NV12;
    return MEDIA_IOCTL(f, session, TRY_FMT, format);
}

static void test_impossible_is_fixed(void **state)
{
    static const uint32_t wishes[][4] = {
        {0, 0, 128, 96},          {1, 5000, 128, 2160},     {0xffffffff, 0xffffffff, 4096, 2160},
        {1921, 1081, 1920, 1082}, {1923, 1080, 1920, 1080}, {1925, 1080, 1928, 1080},
        {4095, 2159, 4096, 2160},
    };
    struct media_fixture *f = *state;
    uint32_t session = media_session(f);
    struct v4l2_format format;

    for (unsigned i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        const struct v4l2_pix_format *pix = &format.fmt.pix;

        assert_int_equal(try_format(f, session, wishes[i][0], wishes[i][1], &format), 0);
        assert_int_equal(pix->width, wishes[i][2]);
        assert_int_equal(pix->height, wishes[i][3]);
        assert_int_equal(pix->pixelformat, V4L2_PIX_FMT_NV12);
        assert_int_equal(pix->field, V4L2_FIELD_NONE);
        assert_int_equal(pix->bytesperline, pix->width);
        assert_int_equal(pix->sizeimage, pix->width * pix->height * 3 / 2);
        assert_int_equal(pix->colorspace, V4L2_COLORSPACE_REC709);
        assert_int_equal(pix->flags, 0);
    }
    format.fmt.pix.pixelformat = 0x21212121;
    assert_int_equal(MEDIA_IOCTL(f, session, TRY_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.pixelformat, V4L2_PIX_FMT_YUYV);
    format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    assert_int_equal(MEDIA_IOCTL(f, session, TRY_FMT, &format), EINVAL);
    format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    assert_int_equal(MEDIA_IOCTL(f, session, G_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, 1280); /* trying changed nothing */
}

/* Every plane of every size in every format is a multiple of 8 bytes, as the stamp's sum needs. */
static void test_plane_sizes(void **state)
{
    static const uint32_t fourccs[] = {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_RGB24,
                                       V4L2_PIX_FMT_NV12M};

    for (unsigned i = 0; i < 4; i++) {
        for (uint32_t width = 128; width <= 4096; width += 8 * 31)
            for (uint32_t height = 96; height <= 2160; height += 2 * 7) {
                struct picture picture;

                picture_init(&picture, pixel_format_find(fourccs[i]), width, height);
                for (unsigned p = 0; p < picture.format->planes; p++) {
                    assert_int_equal(picture.plane_size[p] % 8, 0);
                    assert_true(picture.plane_size[p] > 0);
                }
            }
    }
}

/* The sizes that V4L2's description of each format gives, at a size of which nothing is a power of
 * two; and no plane's size overflows at the largest. */
static void test_sizes_of_formats(void **state)
{
    static const struct {
        uint32_t fourcc, stride, size[3];
    } rows[] = {
        {V4L2_PIX_FMT_YUYV, 1708, {1708 * 482}},
        {V4L2_PIX_FMT_UYVY, 1708, {1708 * 482}},
        {V4L2_PIX_FMT_NV12, 854, {854 * 723}},
        {V4L2_PIX_FMT_NV12M, 854, {854 * 482, 854 * 241}},
        {V4L2_PIX_FMT_P010, 1708, {1708 * 723}},
        {V4L2_PIX_FMT_YUV420, 854, {854 * 723}},
        {V4L2_PIX_FMT_YUV420M, 854, {854 * 482, 427 * 241, 427 * 241}},
        {V4L2_PIX_FMT_YUV422P, 854, {854 * 964}},
        {V4L2_PIX_FMT_GREY, 854, {854 * 482}},
        {V4L2_PIX_FMT_RGB24, 2562, {2562 * 482}},
    };
    struct picture picture;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_ptr_equal(pixel_format_find(rows[i].fourcc), pixel_format_at(i));
        picture_init(&picture, pixel_format_at(i), 854, 482);
        assert_int_equal(picture.bytes_per_line[0], rows[i].stride);
        assert_memory_equal(picture.plane_size, rows[i].size, sizeof(rows[i].size));
        assert_int_equal(picture_size(&picture),
                         rows[i].size[0] + rows[i].size[1] + rows[i].size[2]);
        picture_init(&picture, pixel_format_at(i), PICTURE_MAX_SIDE, PICTURE_MAX_SIDE);
        assert_true(picture_size(&picture) >= (uint64_t)PICTURE_MAX_SIDE * PICTURE_MAX_SIDE);
    }
    assert_null(pixel_format_at(sizeof(rows) / sizeof(rows[0])));
}

static void test_multi_planes(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f);
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE};
    struct v4l2_pix_format_mplane *mp = &format.fmt.pix_mp;

    mp->width = 1920;
    mp->height = 1080;
    mp->pixelformat = V4L2_PIX_FMT_NV12M;
    assert_int_equal(MEDIA_IOCTL(f, session, S_FMT, &format), 0);
    memset(&format.fmt, 0xff, sizeof(format.fmt));
    assert_int_equal(MEDIA_IOCTL(f, session, G_FMT, &format), 0);
    assert_int_equal(mp->num_planes, 2);
    assert_int_equal(mp->plane_fmt[0].sizeimage, 1920 * 1080);
    assert_int_equal(mp->plane_fmt[1].sizeimage, 1920 * 540);
    assert_int_equal(mp->plane_fmt[1].bytesperline, 1920);
    assert_int_equal(mp->plane_fmt[2].sizeimage, 0);
    mp->pixelformat = V4L2_PIX_FMT_NV12;
    assert_int_equal(MEDIA_IOCTL(f, session, S_FMT, &format), 0);
    assert_int_equal(mp->num_planes, 1);
    assert_int_equal(mp->plane_fmt[0].sizeimage, 1920 * 1620);
}

static void test_sizes_and_intervals(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f);
    struct v4l2_frmsizeenum sizes = {.pixel_format = V4L2_PIX_FMT_RGB24};
    struct v4l2_frmivalenum intervals = {
        .pixel_format = V4L2_PIX_FMT_RGB24, .width = 4096, .height = 2160};

    assert_int_equal(MEDIA_IOCTL(f, session, ENUM_FRAMESIZES, &sizes), 0);
    assert_int_equal(sizes.type, V4L2_FRMSIZE_TYPE_STEPWISE);
    assert_int_equal(sizes.stepwise.max_width, 4096);
    assert_int_equal(sizes.stepwise.max_height, 2160);
    sizes.index = 1;
    assert_int_equal(MEDIA_IOCTL(f, session, ENUM_FRAMESIZES, &sizes), EINVAL);
    sizes = (struct v4l2_frmsizeenum){.pixel_format = V4L2_PIX_FMT_H264};
    assert_int_equal(MEDIA_IOCTL(f, session, ENUM_FRAMESIZES, &sizes), EINVAL);

    assert_int_equal(MEDIA_IOCTL(f, session, ENUM_FRAMEINTERVALS, &intervals), 0);
    assert_int_equal(intervals.type, V4L2_FRMIVAL_TYPE_CONTINUOUS);
    assert_int_equal(intervals.stepwise.min.denominator, 120);
    assert_int_equal(intervals.stepwise.max.numerator, 1);
    intervals.width = 4097;
    assert_int_equal(MEDIA_IOCTL(f, session, ENUM_FRAMEINTERVALS, &intervals), EINVAL);
    intervals.width = 4096;
    intervals.index = 1;
    assert_int_equal(MEDIA_IOCTL(f, session, ENUM_FRAMEINTERVALS, &intervals), EINVAL);
}

static void check_parm(struct media_fixture *f, uint32_t session, struct v4l2_fract wish,
                       struct v4l2_fract get)
{
    struct v4l2_streamparm parm = {.type = media_type(f)};

    memset(&parm.parm, 0xff, sizeof(parm.parm));
    parm.parm.capture.timeperframe = wish;
    assert_int_equal(MEDIA_IOCTL(f, session, S_PARM, &parm), 0);
    memset(&parm.parm, 0xff, sizeof(parm.parm));
    assert_int_equal(MEDIA_IOCTL(f, session, G_PARM, &parm), 0);
    assert_int_equal(parm.parm.capture.timeperframe.numerator, get.numerator);
    assert_int_equal(parm.parm.capture.timeperframe.denominator, get.denominator);
    assert_int_equal(parm.parm.capture.capability, V4L2_CAP_TIMEPERFRAME);
    assert_int_equal(parm.parm.capture.readbuffers, 0);
    assert_int_equal(parm.parm.capture.reserved[3], 0);
}

static void test_parm(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f);
    struct v4l2_streamparm parm = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};

    check_parm(f, session, (struct v4l2_fract){1001, 30000}, (struct v4l2_fract){1001, 30000});
    check_parm(f, session, (struct v4l2_fract){0, 5}, (struct v4l2_fract){1, 30});
    check_parm(f, session, (struct v4l2_fract){5, 0}, (struct v4l2_fract){1, 30});
    check_parm(f, session, (struct v4l2_fract){1, 121}, (struct v4l2_fract){1, 120});
    check_parm(f, session, (struct v4l2_fract){7, 2}, (struct v4l2_fract){1, 1});
    check_parm(f, session, (struct v4l2_fract){0xffffffff, 0xffffffff},
               (struct v4l2_fract){0xffffffff, 0xffffffff});
    check_parm(f, session, (struct v4l2_fract){1, 0xffffffff}, (struct v4l2_fract){1, 120});
    assert_int_equal(MEDIA_IOCTL(f, session, S_PARM, &parm), EINVAL);
    assert_int_equal(MEDIA_IOCTL(f, session, G_PARM, &parm), EINVAL);
}

/* Draws in memory of just the picture's size, at sizes and places at the edge: a sanitizer sees the
 * rest. */
static void test_canvas_stays_inside(void **state)
{
    static const uint32_t sizes[][2] = {{128, 96}, {136, 98}, {128, 2160}, {4096, 96}, {1288, 722}};
    const struct pixel_format *format;

    for (unsigned i = 0; (format = pixel_format_at(i / 5)) != NULL; i++) {
        struct picture picture;
        struct canvas canvas = {.picture = &picture};

        picture_init(&picture, format, sizes[i % 5][0], sizes[i % 5][1]);
        for (unsigned p = 0; p < picture.format->planes; p++) {
            canvas.planes[p] = malloc(picture.plane_size[p]);
            memset(canvas.planes[p], 0xa5, picture.plane_size[p]);
        }
        canvas_test_card(&canvas, NULL);
        for (unsigned p = 0; p < picture.format->planes; p++)
            assert_null(memchr(canvas.planes[p], 0xa5, picture.plane_size[p])); /* all covered */
        canvas_fill(&canvas, 0xfffffff0, 4, 0xffffffff, 0xffffffff, CANVAS_RED);
        canvas_fill(&canvas, picture.width - 3, picture.height - 3, 99, 99, CANVAS_RED);
        canvas_number(&canvas, picture.width - 20, picture.height - 9, 6, 8, 1234567890);
        for (unsigned p = 0; p < picture.format->planes; p++)
            free(canvas.planes[p]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEDIA_TEST(test_formats_single),
        MEDIA_MPLANE_TEST(test_formats_multi),
        MEDIA_TEST(test_impossible_is_fixed),
        cmocka_unit_test(test_plane_sizes),
        cmocka_unit_test(test_sizes_of_formats),
        MEDIA_MPLANE_TEST(test_multi_planes),
        MEDIA_TEST(test_sizes_and_intervals),
        MEDIA_TEST(test_parm),
        cmocka_unit_test(test_canvas_stays_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
