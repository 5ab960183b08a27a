/* SPDX-License-Identifier: MIT */
#include "decoder_fixture.h"

/* Every format, bit for bit. */
static void test_h264(void **state)
{
    play(*state, &h264);
}

/* A codec's own pictures are counted. Without room for one, what should become one comes back as an
 * error. */
static void test_memory(void **state)
{
    struct media_fixture *f = *state;
    struct quota_numbers *memory = &f->numbers[MEDIA_QUOTA_CODEC_MEMORY];
    struct virtio_media_event_dqbuf event;
    struct codec_stream stream;
    struct player p;

    if (!codec_stream_make(&stream, h264.source, h264.how, h264.frames, h264.layout))
        skip();
    play(f, &h264);
    assert_true(memory->peak >= 320 * 240 * 3 / 2);
    assert_int_equal(memory->used, 0);
    memory->limit = 320 * 240;
    player_open(&p, f, &stream, h264.codec, h264.fourcc);
    player_send(&p);
    codec_event(&p.codec, &event);
    assert_int_equal(codec_event_type(&event), p.codec.output);
    assert_true(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
    assert_true(memory->refused > 0);
    player_close(&p);
    assert_int_equal(memory->used, 0);
    codec_stream_free(&stream);
}

/* Pictures come in another order than their packets. */
static void test_h264_b_frames(void **state)
{
    play(*state, &(struct stream_case){"size=640x360:rate=25",
                                       "-c:v libx264 -preset fast -pix_fmt yuv420p -bf 3 -f h264",
                                       V4L2_PIX_FMT_H264, "h264", YUV420, 40});
}

/* Decoded in place: in one plane of memory, where the codec's size is the one that is shown, and in
 * three. */
static void test_direct(void **state)
{
    static const char slow[] = "-c:v libx264 -preset fast -pix_fmt yuv420p -bf 3 -refs 4 -f h264";

    play(*state, &(struct stream_case){"size=640x352:rate=25", X264 "-bf 0 -f h264",
                                       V4L2_PIX_FMT_H264, "h264", YUV420, 30, true});
    play(*state, &(struct stream_case){"size=640x352:rate=25", slow, V4L2_PIX_FMT_H264, "h264",
                                       YUV420, 40, true});
    play(*state, &(struct stream_case){"size=640x360:rate=25", slow, V4L2_PIX_FMT_H264, "h264",
                                       V4L2_PIX_FMT_YUV420M, "yuv420p", 40, true});
    play(*state, &(struct stream_case){"size=384x216:rate=25", X265 "-pix_fmt yuv420p -f hevc",
                                       V4L2_PIX_FMT_HEVC, "hevc", V4L2_PIX_FMT_YUV420M, "yuv420p",
                                       20, true});
    play(*state, &(struct stream_case){"size=256x144:rate=25", VP8 "-f ivf", V4L2_PIX_FMT_VP8,
                                       "vp8", V4L2_PIX_FMT_YUV420M, "yuv420p", 20, true});
    play(*state,
         &(struct stream_case){"size=256x144:rate=25",
                               "-c:v libvpx-vp9 -deadline good -cpu-used 5 -auto-alt-ref 1 "
                               "-lag-in-frames 10 -f ivf",
                               V4L2_PIX_FMT_VP9, "vp9", V4L2_PIX_FMT_YUV420M, "yuv420p", 20, true});
}

/* In one plane of memory, a block that reaches below the last line would reach into the chroma. */
static void test_blocks_below(void **state)
{
    play(*state, &(struct stream_case){"size=640x360:rate=25", VP8 "-f ivf", V4L2_PIX_FMT_VP8,
                                       "vp8", YUV420, 10});
    play(*state, &(struct stream_case){"size=640x360:rate=25", VP9 "-f ivf", V4L2_PIX_FMT_VP9,
                                       "vp9", YUV420, 10});
    play(*state, &(struct stream_case){"size=640x360:rate=25", X265 "-pix_fmt yuv420p -f hevc",
                                       V4L2_PIX_FMT_HEVC, "hevc", YUV420, 10});
    play(*state, &(struct stream_case){"size=640x352:rate=25", VP8 "-f ivf", V4L2_PIX_FMT_VP8,
                                       "vp8", YUV420, 10, true});
    play(*state, &(struct stream_case){"size=640x352:rate=25", VP9 "-f ivf", V4L2_PIX_FMT_VP9,
                                       "vp9", YUV420, 10, true});
}

/* Sizes that are no multiple of anything: cropped in the stream. */
static void test_h264_cropped(void **state)
{
    play(*state, &(struct stream_case){"size=1918x1078:rate=25", X264 "-bf 0 -f h264",
                                       V4L2_PIX_FMT_H264, "h264", NV12, 4});
}

static void test_h264_planes(void **state)
{
    play(*state, &(struct stream_case){"size=320x240:rate=25", X264 "-bf 2 -f h264",
                                       V4L2_PIX_FMT_H264, "h264", V4L2_PIX_FMT_NV12M, "nv12", 10});
    play(*state,
         &(struct stream_case){"size=322x242:rate=25", X264 "-bf 2 -f h264", V4L2_PIX_FMT_H264,
                               "h264", V4L2_PIX_FMT_YUV420M, "yuv420p", 10});
}

static void test_h264_10_bits(void **state)
{
    play(*state,
         &(struct stream_case){"size=320x240:rate=25",
                               "-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le -f h264",
                               V4L2_PIX_FMT_H264, "h264", P010, 10});
}

/* Chroma that is not 4:2:0 goes through libswscale. */
static void test_h264_422(void **state)
{
    play(*state, &(struct stream_case){"size=320x240:rate=25",
                                       "-c:v libx264 -preset ultrafast -pix_fmt yuv422p -f h264",
                                       V4L2_PIX_FMT_H264, "h264", NV12, 5});
}

static void test_hevc(void **state)
{
    play(*state, &(struct stream_case){"size=416x240:rate=25", X265 "-pix_fmt yuv420p -f hevc",
                                       V4L2_PIX_FMT_HEVC, "hevc", NV12, 20});
    play(*state, &(struct stream_case){"size=416x240:rate=25", X265 "-pix_fmt yuv420p10le -f hevc",
                                       V4L2_PIX_FMT_HEVC, "hevc", P010, 10});
}

static void test_vp8(void **state)
{
    play(*state, &(struct stream_case){"size=318x238:rate=25", VP8 "-f ivf", V4L2_PIX_FMT_VP8,
                                       "vp8", NV12, 15});
}

/* Also with pictures that are never shown, and with 10 bits. */
static void test_vp9(void **state)
{
    play(*state, &(struct stream_case){"size=352x288:rate=25", VP9 "-f ivf", V4L2_PIX_FMT_VP9,
                                       "vp9", YUV420, 15});
    play(*state, &(struct stream_case){"size=256x144:rate=25",
                                       "-c:v libvpx-vp9 -deadline good -cpu-used 5 -auto-alt-ref 1 "
                                       "-lag-in-frames 10 -f ivf",
                                       V4L2_PIX_FMT_VP9, "vp9", NV12, 20});
    play(*state, &(struct stream_case){"size=176x144:rate=25",
                                       VP9 "-profile:v 2 -pix_fmt yuv420p10le -f ivf",
                                       V4L2_PIX_FMT_VP9, "vp9", P010, 6});
}

static void test_av1(void **state)
{
    play(*state, &(struct stream_case){"size=320x240:rate=25", AV1 "-f ivf", V4L2_PIX_FMT_AV1,
                                       "libdav1d", NV12, 6});
    play(*state, &(struct stream_case){"size=176x144:rate=25", AV1 "-pix_fmt yuv420p10le -f ivf",
                                       V4L2_PIX_FMT_AV1, "libdav1d", P010, 4});
}

static void test_mpeg2(void **state)
{
    play(*state,
         &(struct stream_case){"size=352x288:rate=25", "-c:v mpeg2video -bf 2 -f mpeg2video",
                               V4L2_PIX_FMT_MPEG2, "mpeg2video", NV12, 20});
}

static void test_mjpeg(void **state)
{
    play(*state,
         &(struct stream_case){"size=320x240:rate=25", "-c:v mjpeg -pix_fmt yuvj420p -f mjpeg",
                               V4L2_PIX_FMT_MJPEG, "mjpeg", V4L2_PIX_FMT_YUV420, "yuvj420p", 8});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DECODER_TEST(test_h264),
        DECODER_SINGLE_TEST(test_h264),
        DECODER_TEST(test_memory),
        DECODER_TEST(test_h264_b_frames),
        DECODER_TEST(test_direct),
        DECODER_TEST(test_blocks_below),
        DECODER_SINGLE_TEST(test_h264_cropped),
        DECODER_TEST(test_h264_planes),
        DECODER_TEST(test_h264_10_bits),
        DECODER_TEST(test_h264_422),
        DECODER_TEST(test_hevc),
        DECODER_TEST(test_vp8),
        DECODER_TEST(test_vp9),
        DECODER_TEST(test_av1),
        DECODER_TEST(test_mpeg2),
        DECODER_SINGLE_TEST(test_mjpeg),
    };

    if (!decoder_can_be_tested())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
