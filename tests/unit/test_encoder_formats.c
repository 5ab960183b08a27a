/* SPDX-License-Identifier: MIT */
#include "encoder_fixture.h"

/* The formats, colours and rectangles of both queues. */
static uint32_t selection(struct codec *c, uint32_t number, uint32_t target, uint32_t flags,
                          struct v4l2_rect *rect)
{
    struct v4l2_selection s = {
        .type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .target = target, .flags = flags, .r = *rect};
    uint32_t status = media_ioctl_raw(c->f, c->session, number, &s, sizeof(s));

    *rect = s.r;
    return status;
}

#define GET(c, target, rect) selection(c, _IOC_NR(VIDIOC_G_SELECTION), target, 0, rect)
#define SET(c, flags, rect)                                                                        \
    selection(c, _IOC_NR(VIDIOC_S_SELECTION), V4L2_SEL_TGT_CROP, flags, rect)

static void assert_rect(const struct v4l2_rect *r, int32_t left, int32_t top, uint32_t width,
                        uint32_t height)
{
    assert_int_equal(r->left, left);
    assert_int_equal(r->top, top);
    assert_int_equal(r->width, width);
    assert_int_equal(r->height, height);
}

static void test_crop(void **state)
{
    struct v4l2_rect rect = {100, 50, 322, 202};
    struct film film, decoded;
    struct recorder r;

    film_make(&film, 640, 480, 10);
    recorder_open(&r, *state, &film, V4L2_PIX_FMT_H264);
    assert_int_equal(SET(&r.codec, 0, &rect), 0);
    assert_rect(&rect, 100, 50, 322, 202);
    recorder_begin(&r);
    assert_int_equal(SET(&r.codec, 0, &rect), EBUSY);
    recorder_send(&r, 10);
    recorder_stop(&r);
    decode(&r, 322, 202, &decoded);
    assert_true(psnr(&film, &decoded, 100, 50) > GOOD);
    film_free(&decoded);
    recorder_close(&r);
    film_free(&film);
}

static void test_selection(void **state)
{
    struct v4l2_format format;
    struct v4l2_rect rect = {0};
    struct codec c;

    codec_open(&c, *state);
    set_format(&c, c.output, V4L2_PIX_FMT_NV12, 1920, 1088, &format);
    assert_int_equal(GET(&c, V4L2_SEL_TGT_CROP_BOUNDS, &rect), 0);
    assert_rect(&rect, 0, 0, 1920, 1088);
    assert_int_equal(GET(&c, V4L2_SEL_TGT_CROP_DEFAULT, &rect), 0);
    assert_rect(&rect, 0, 0, 1920, 1088);
    assert_int_equal(GET(&c, V4L2_SEL_TGT_COMPOSE, &rect), EINVAL);
    rect = (struct v4l2_rect){0, 0, 1920, 1080};
    assert_int_equal(SET(&c, V4L2_SEL_FLAG_GE | V4L2_SEL_FLAG_LE, &rect), 0);
    assert_int_equal(GET(&c, V4L2_SEL_TGT_CROP, &rect), 0);
    assert_rect(&rect, 0, 0, 1920, 1080);
    /* Odd, out of bounds, tiny, and negative. */
    rect = (struct v4l2_rect){1901, -7, 101, 5000};
    assert_int_equal(SET(&c, 0, &rect), 0);
    assert_rect(&rect, 1820, 0, 100, 1088);
    rect = (struct v4l2_rect){INT32_MAX, INT32_MIN, 1, UINT32_MAX};
    assert_int_equal(SET(&c, 0, &rect), 0);
    assert_rect(&rect, 1904, 0, 16, 1088);
    rect = (struct v4l2_rect){0, 0, 101, 101};
    assert_int_equal(SET(&c, V4L2_SEL_FLAG_GE, &rect), 0);
    assert_rect(&rect, 0, 0, 102, 102);
    rect = (struct v4l2_rect){0, 0, 101, 101};
    assert_int_equal(SET(&c, V4L2_SEL_FLAG_GE | V4L2_SEL_FLAG_LE, &rect), ERANGE);
    rect = (struct v4l2_rect){0, 0, 2000, 100};
    assert_int_equal(SET(&c, V4L2_SEL_FLAG_GE, &rect), ERANGE);
    /* A new format is encoded whole. */
    set_format(&c, c.output, V4L2_PIX_FMT_NV12, 640, 480, &format);
    assert_int_equal(GET(&c, V4L2_SEL_TGT_CROP, &rect), 0);
    assert_rect(&rect, 0, 0, 640, 480);
    assert_int_equal(media_close(c.f, c.session), NO_ANSWER);
}

static void test_formats(void **state)
{
    struct v4l2_format format, coded;
    struct v4l2_fmtdesc desc = {0};
    struct codec c;

    codec_open(&c, *state);
    desc.type = c.capture;
    for (; MEDIA_IOCTL(c.f, c.session, ENUM_FMT, &desc) == 0; desc.index++)
        assert_int_equal(desc.flags,
                         V4L2_FMT_FLAG_COMPRESSED | V4L2_FMT_FLAG_ENC_CAP_FRAME_INTERVAL);
    assert_in_range(desc.index, 1, 3);
    /* Sides go up to the next even number, into what there is. */
    set_format(&c, c.output, V4L2_PIX_FMT_YUV420, 1365, 767, &format);
    assert_int_equal(format.fmt.pix.width, 1366);
    assert_int_equal(format.fmt.pix.height, 768);
    set_format(&c, c.output, V4L2_PIX_FMT_YUYV, 1, 100000, &format);
    assert_int_equal(format.fmt.pix.width, 16);
    assert_int_equal(format.fmt.pix.height, 4096);
    /* An unknown format becomes a known one. */
    format.fmt.pix.pixelformat = v4l2_fourcc('N', 'O', 'P', 'E');
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.pixelformat, V4L2_PIX_FMT_NV12);
    /* What the colours are goes from the raw pictures to the stream, but for JPEGs. */
    format.fmt.pix_mp.colorspace = V4L2_COLORSPACE_BT2020;
    format.fmt.pix_mp.ycbcr_enc = V4L2_YCBCR_ENC_BT2020;
    format.fmt.pix_mp.quantization = V4L2_QUANTIZATION_FULL_RANGE;
    format.fmt.pix_mp.xfer_func = V4L2_XFER_FUNC_SMPTE2084;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_FMT, &format), 0);
    set_format(&c, c.capture, V4L2_PIX_FMT_MJPEG, 0, 0, &coded);
    assert_int_equal(coded.fmt.pix_mp.colorspace, V4L2_COLORSPACE_JPEG);
    assert_int_equal(coded.fmt.pix_mp.quantization, V4L2_QUANTIZATION_DEFAULT);
    set_format(&c, c.capture, V4L2_PIX_FMT_H264, 0, 0, &coded);
    assert_int_equal(coded.fmt.pix_mp.colorspace, V4L2_COLORSPACE_BT2020);
    assert_int_equal(coded.fmt.pix_mp.ycbcr_enc, V4L2_YCBCR_ENC_BT2020);
    assert_int_equal(coded.fmt.pix_mp.quantization, V4L2_QUANTIZATION_FULL_RANGE);
    assert_int_equal(coded.fmt.pix_mp.xfer_func, V4L2_XFER_FUNC_SMPTE2084);
    assert_int_equal(media_close(c.f, c.session), NO_ANSWER);
}

/* Colours that nobody chose follow the coded format; those that the guest chose stay. */
static void test_usual_colours(void **state)
{
    struct v4l2_format raw, coded;
    struct codec c;

    codec_open(&c, *state);
    set_format(&c, c.capture, V4L2_PIX_FMT_MJPEG, 0, 0, &coded);
    raw = (struct v4l2_format){.type = c.output};
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, G_FMT, &raw), 0);
    assert_int_equal(raw.fmt.pix_mp.colorspace, V4L2_COLORSPACE_SRGB);
    set_format(&c, c.output, V4L2_PIX_FMT_NV12, 64, 64, &raw);
    assert_int_equal(raw.fmt.pix_mp.colorspace, V4L2_COLORSPACE_SRGB);
    set_format(&c, c.capture, V4L2_PIX_FMT_H264, 0, 0, &coded);
    assert_int_equal(coded.fmt.pix_mp.colorspace, V4L2_COLORSPACE_REC709);
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, G_FMT, &raw), 0);
    assert_int_equal(raw.fmt.pix_mp.colorspace, V4L2_COLORSPACE_REC709);
    raw.fmt.pix_mp.colorspace = V4L2_COLORSPACE_SMPTE170M;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_FMT, &raw), 0);
    set_format(&c, c.capture, V4L2_PIX_FMT_MJPEG, 0, 0, &coded);
    assert_int_equal(coded.fmt.pix_mp.colorspace, V4L2_COLORSPACE_JPEG);
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, G_FMT, &raw), 0);
    assert_int_equal(raw.fmt.pix_mp.colorspace, V4L2_COLORSPACE_SMPTE170M);
    assert_int_equal(media_close(c.f, c.session), NO_ANSWER);
}

/* The wish for larger buffers is heard; the coded format stays while there are buffers. */
static void test_coded_format(void **state)
{
    struct v4l2_format raw, coded;
    struct codec c;

    codec_open(&c, *state);
    set_format(&c, c.output, V4L2_PIX_FMT_NV12, 640, 480, &raw);
    coded = (struct v4l2_format){.type = c.capture};
    coded.fmt.pix_mp.pixelformat = V4L2_PIX_FMT_MJPEG;
    coded.fmt.pix_mp.width = 17;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_FMT, &coded), 0);
    assert_int_equal(coded.fmt.pix_mp.pixelformat, V4L2_PIX_FMT_MJPEG);
    assert_int_equal(coded.fmt.pix_mp.width, 640);
    assert_int_equal(coded.fmt.pix_mp.height, 480);
    assert_int_equal(coded.fmt.pix_mp.num_planes, 1);
    assert_in_range(coded.fmt.pix_mp.plane_fmt[0].sizeimage, 65536, 640 * 480 * 3 / 2);
    coded.fmt.pix_mp.plane_fmt[0].sizeimage = 1234567;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_FMT, &coded), 0);
    assert_int_equal(coded.fmt.pix_mp.plane_fmt[0].sizeimage, 1234567);
    assert_int_equal(codec_reqbufs(&c, c.capture, 2), 0);
    assert_int_equal(codec_size(&c, c.capture, 0, 0), 1234567);
    assert_int_equal(codec_reqbufs(&c, c.capture, 0), 0);
    /* It stands when the size is set after it, as GStreamer does. */
    set_format(&c, c.output, V4L2_PIX_FMT_NV12, 320, 240, &raw);
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, G_FMT, &coded), 0);
    assert_int_equal(coded.fmt.pix_mp.width, 320);
    assert_int_equal(coded.fmt.pix_mp.plane_fmt[0].sizeimage, 1234567);
    assert_int_equal(codec_reqbufs(&c, c.output, 2), 0);
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_FMT, &coded), EBUSY);
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_FMT, &raw), EBUSY);
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, TRY_FMT, &coded), 0);
    assert_int_equal(media_close(c.f, c.session), NO_ANSWER);
}

/* A node of JPEGs alone has no rates and no buffers' control: these are of streams. */
static void test_jpeg_alone(void **state)
{
    struct v4l2_fmtdesc desc = {0};
    struct v4l2_frmivalenum intervals = {
        .pixel_format = V4L2_PIX_FMT_MJPEG, .width = 640, .height = 480};
    struct v4l2_streamparm parm = {0};
    struct v4l2_query_ext_ctrl query = {.id = V4L2_CID_MIN_BUFFERS_FOR_OUTPUT};
    struct codec c;

    codec_open(&c, *state);
    desc.type = c.capture;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, ENUM_FMT, &desc), 0);
    assert_int_equal(desc.pixelformat, V4L2_PIX_FMT_MJPEG);
    assert_int_equal(desc.flags, V4L2_FMT_FLAG_COMPRESSED);
    desc.index = 1;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, ENUM_FMT, &desc), EINVAL);
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, ENUM_FRAMEINTERVALS, &intervals), ENOTTY);
    parm.type = c.output;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, G_PARM, &parm), ENOTTY);
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_PARM, &parm), ENOTTY);
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, QUERY_EXT_CTRL, &query), EINVAL);
    query.id = V4L2_CID_MPEG_VIDEO_BITRATE;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, QUERY_EXT_CTRL, &query), EINVAL);
    assert_int_equal(set(&c, V4L2_CID_JPEG_COMPRESSION_QUALITY, 90), 0);
    assert_int_equal(get(&c, V4L2_CID_JPEG_COMPRESSION_QUALITY), 90);
    assert_int_equal(media_close(c.f, c.session), NO_ANSWER);
    record(*state, V4L2_PIX_FMT_MJPEG, 320, 240, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENCODER_TEST(test_crop),         ENCODER_TEST(test_selection),
        ENCODER_TEST(test_formats),      ENCODER_TEST(test_usual_colours),
        ENCODER_TEST(test_coded_format), ENCODER_JPEG_TEST(test_jpeg_alone),
    };

    return cmocka_run_group_tests(tests, NULL, unmake);
}
