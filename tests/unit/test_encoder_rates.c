/* SPDX-License-Identifier: MIT */
#include "encoder_fixture.h"

/* Bits and pictures per second, and what else the controls say. */
#define RATE_FRAMES 60u

/* Bits per second of film that came in 'mode' at 'rate'. */
static double rate_of(struct media_fixture *f, const struct film *film, uint32_t coded,
                      int32_t mode, int32_t rate)
{
    struct recorder r;
    double result;

    recorder_open(&r, f, film, coded);
    assert_int_equal(set(&r.codec, V4L2_CID_MPEG_VIDEO_BITRATE_MODE, mode), 0);
    assert_int_equal(set(&r.codec, V4L2_CID_MPEG_VIDEO_BITRATE, rate), 0);
    recorder_begin(&r);
    recorder_send(&r, RATE_FRAMES);
    recorder_stop(&r);
    assert_int_equal(r.came, RATE_FRAMES);
    result = (double)r.size * 8 * 30 / RATE_FRAMES;
    print_message("%s: %d bits/s asked for in mode %d, %.0f came\n", encoder_format_name(coded),
                  rate, mode, result);
    recorder_close(&r);
    return result;
}

static void test_rates(void **state)
{
    static const int32_t rates[] = {400000, 1200000};
    struct film film;

    film_make(&film, 480, 272, RATE_FRAMES);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t coded = all_codecs[i / 2];
        int32_t rate = rates[i % 2];
        double constant = rate_of(*state, &film, coded, V4L2_MPEG_VIDEO_BITRATE_MODE_CBR, rate);
        double variable = rate_of(*state, &film, coded, V4L2_MPEG_VIDEO_BITRATE_MODE_VBR, rate);

        assert_true(constant > 0.75 * rate && constant < 1.25 * rate);
        assert_true(variable > 0.7 * rate && variable < 1.3 * rate);
    }
    film_free(&film);
}

/* Half the rate at the same bits per second: twice the bits for a picture. */
static void test_intervals(void **state)
{
    struct v4l2_streamparm parm = {0};
    size_t sizes[2];

    for (unsigned i = 0; i < 2; i++) {
        struct recorder r;
        struct film film;
        struct codec *c = &r.codec;

        film_make(&film, 640, 360, 45);
        recorder_open(&r, *state, &film, V4L2_PIX_FMT_H264);
        parm.type = c->output;
        assert_int_equal(MEDIA_IOCTL(c->f, c->session, G_PARM, &parm), 0);
        assert_int_equal(parm.parm.output.capability, V4L2_CAP_TIMEPERFRAME);
        assert_int_equal(parm.parm.output.timeperframe.denominator, 30);
        parm.parm.output.timeperframe = (struct v4l2_fract){1, i == 0 ? 60 : 15};
        assert_int_equal(MEDIA_IOCTL(c->f, c->session, S_PARM, &parm), 0);
        /* Also that of the other queue. */
        parm.type = c->capture;
        assert_int_equal(MEDIA_IOCTL(c->f, c->session, G_PARM, &parm), 0);
        assert_int_equal(parm.parm.capture.timeperframe.denominator, i == 0 ? 60 : 15);
        assert_int_equal(set(c, V4L2_CID_MPEG_VIDEO_BITRATE_MODE, V4L2_MPEG_VIDEO_BITRATE_MODE_CBR),
                         0);
        assert_int_equal(set(c, V4L2_CID_MPEG_VIDEO_BITRATE, 500000), 0);
        recorder_begin(&r);
        recorder_send(&r, 45);
        recorder_stop(&r);
        sizes[i] = r.size;
        recorder_close(&r);
        film_free(&film);
    }
    assert_true(sizes[1] > 5 * sizes[0] / 2 && sizes[1] < 6 * sizes[0]);
}

static void test_coded_interval(void **state)
{
    struct v4l2_streamparm parm = {0};
    struct codec c;

    codec_open(&c, *state);
    parm.type = c.capture;
    parm.parm.capture.timeperframe = (struct v4l2_fract){1001, 24000};
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_PARM, &parm), 0);
    assert_int_equal(parm.parm.capture.timeperframe.numerator, 1001);
    parm.type = c.output;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, G_PARM, &parm), 0);
    assert_int_equal(parm.parm.output.timeperframe.denominator, 30);
    /* Zeros: the default; too short; and numbers that FFmpeg cannot count with. */
    parm.parm.output.timeperframe = (struct v4l2_fract){0, 0};
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_PARM, &parm), 0);
    assert_int_equal(parm.parm.output.timeperframe.denominator, 30);
    parm.parm.output.timeperframe = (struct v4l2_fract){1, 4000000000u};
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_PARM, &parm), 0);
    assert_int_equal(parm.parm.output.timeperframe.denominator, 1000);
    parm.parm.output.timeperframe = (struct v4l2_fract){4000000000u, 4000000001u};
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_PARM, &parm), 0);
    assert_true(parm.parm.output.timeperframe.denominator <= 1000000);
    assert_int_equal(parm.parm.output.timeperframe.denominator,
                     parm.parm.output.timeperframe.numerator);
    assert_int_equal(media_close(c.f, c.session), NO_ANSWER);
}

/* A level that is too low for the stream is raised, and the guest sees it. */
static void test_level(void **state)
{
    struct recorder r;
    struct film film;

    film_make(&film, 1280, 720, 2);
    recorder_open(&r, *state, &film, V4L2_PIX_FMT_H264);
    assert_int_equal(set(&r.codec, V4L2_CID_MPEG_VIDEO_H264_LEVEL, V4L2_MPEG_VIDEO_H264_LEVEL_1_1),
                     0);
    assert_int_equal(
        set(&r.codec, V4L2_CID_MPEG_VIDEO_H264_PROFILE, V4L2_MPEG_VIDEO_H264_PROFILE_MAIN), 0);
    assert_int_equal(get(&r.codec, V4L2_CID_MPEG_VIDEO_H264_LEVEL), V4L2_MPEG_VIDEO_H264_LEVEL_1_1);
    recorder_begin(&r);
    assert_int_equal(get(&r.codec, V4L2_CID_MPEG_VIDEO_H264_LEVEL), V4L2_MPEG_VIDEO_H264_LEVEL_3_1);
    recorder_send(&r, 2);
    recorder_stop(&r);
    /* A start code, the kind of NAL unit (a sequence parameter set), profile, constraints, level.
     */
    assert_memory_equal(r.stream, "\0\0\0\1\x67", 5);
    assert_int_equal(r.stream[5], 77);
    assert_int_equal(r.stream[7], 31);
    recorder_close(&r);
    film_free(&film);
}

static void test_controls(void **state)
{
    struct codec c;

    codec_open(&c, *state);
    assert_int_equal(get(&c, V4L2_CID_MIN_BUFFERS_FOR_OUTPUT), 1);
    assert_int_equal(get(&c, V4L2_CID_MPEG_VIDEO_BITRATE), 4000000);
    assert_int_equal(set(&c, V4L2_CID_MPEG_VIDEO_HEADER_MODE, V4L2_MPEG_VIDEO_HEADER_MODE_SEPARATE),
                     EINVAL);
    assert_int_equal(
        set(&c, V4L2_CID_MPEG_VIDEO_H264_PROFILE, V4L2_MPEG_VIDEO_H264_PROFILE_EXTENDED), EINVAL);
    assert_int_equal(set(&c, V4L2_CID_MPEG_VIDEO_H264_PROFILE, 17), ERANGE);
    assert_int_equal(media_close(c.f, c.session), NO_ANSWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENCODER_TEST(test_rates), ENCODER_TEST(test_intervals), ENCODER_TEST(test_coded_interval),
        ENCODER_TEST(test_level), ENCODER_TEST(test_controls),
    };

    return cmocka_run_group_tests(tests, NULL, unmake);
}
