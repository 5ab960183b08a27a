/* SPDX-License-Identifier: MIT */
#include "decoder_fixture.h"

/* Streams that change, are broken, or are left for another place. */
/* A stream of three sizes: each time, all pictures before the change come out first. */
static void play_changes(struct media_fixture *f, const struct stream_case *with)
{
    static const char *const sources[] = {"size=320x240:rate=25", "size=640x480:rate=25",
                                          "size=176x144:rate=25"};
    unsigned order[CODEC_STREAM_MAX];
    struct codec_stream whole = {.count = 0}, part;
    struct player p;

    for (unsigned i = 0; i < 3; i++) {
        if (!codec_stream_make(&part, sources[i], with->how, with->frames, with->layout))
            skip();
        assert_int_equal(codec_stream_order(&part, with->decoder, &order[i * with->frames]),
                         with->frames);
        for (unsigned k = 0; k < with->frames; k++)
            order[i * with->frames + k] += whole.count;
        codec_stream_append(&whole, &part);
    }
    player_open(&p, f, &whole, with->codec, with->fourcc);
    memcpy(p.order, order, sizeof(order));
    player_run(&p);
    assert_int_equal(p.pictures, 3 * with->frames);
    assert_int_equal(p.compared, whole.picture_bytes);
    assert_int_equal(p.changes, 3);
    assert_int_equal(p.last, 3); /* two changes and the end */
    assert_int_equal(p.format.fmt.pix_mp.width, 176);
    player_close(&p);
    media_assert_empty(f);
    codec_stream_free(&whole);
}

static void test_h264_changes(void **state)
{
    play_changes(*state, &(struct stream_case){NULL, X264 "-bf 2 -f h264", V4L2_PIX_FMT_H264,
                                               "h264", NV12, 10});
}

static void test_hevc_changes(void **state)
{
    play_changes(*state, &(struct stream_case){NULL, X265 "-pix_fmt yuv420p -f hevc",
                                               V4L2_PIX_FMT_HEVC, "hevc", NV12, 6});
}

static void test_vp8_changes(void **state)
{
    play_changes(*state,
                 &(struct stream_case){NULL, VP8 "-f ivf", V4L2_PIX_FMT_VP8, "vp8", NV12, 6});
}

static void test_vp9_changes(void **state)
{
    play_changes(*state,
                 &(struct stream_case){NULL, VP9 "-f ivf", V4L2_PIX_FMT_VP9, "vp9", YUV420, 6});
}

static void test_av1_changes(void **state)
{
    play_changes(*state,
                 &(struct stream_case){NULL, AV1 "-f ivf", V4L2_PIX_FMT_AV1, "libdav1d", NV12, 4});
}

static void test_mpeg2_changes(void **state)
{
    play_changes(*state, &(struct stream_case){NULL, "-c:v mpeg2video -bf 2 -f mpeg2video",
                                               V4L2_PIX_FMT_MPEG2, "mpeg2video", NV12, 6});
}

static void test_mjpeg_changes(void **state)
{
    play_changes(*state, &(struct stream_case){NULL, "-c:v mjpeg -pix_fmt yuvj420p -f mjpeg",
                                               V4L2_PIX_FMT_MJPEG, "mjpeg", V4L2_PIX_FMT_YUV420,
                                               "yuvj420p", 4});
}

/* A guest that has buffers before the device has seen the stream, of the right size or not. */
static void test_early_capture(void **state)
{
    for (uint32_t width = 320; width <= 640; width += 320) {
        struct v4l2_format format;
        struct codec_stream stream;
        struct player p;

        if (!codec_stream_make(&stream, h264.source, h264.how, 10, h264.layout))
            skip();
        p = (struct player){.stream = &stream, .fourcc = h264.fourcc, .free_sources = 15};
        codec_open(&p.codec, *state);
        assert_int_equal(codec_subscribe(&p.codec, V4L2_EVENT_SOURCE_CHANGE), 0);
        assert_int_equal(codec_subscribe(&p.codec, V4L2_EVENT_EOS), 0);
        format = (struct v4l2_format){.type = p.codec.output};
        format.fmt.pix_mp.pixelformat = h264.codec;
        format.fmt.pix_mp.width = width;
        format.fmt.pix_mp.height = 240;
        assert_int_equal(MEDIA_IOCTL(p.codec.f, p.codec.session, S_FMT, &format), 0);
        assert_int_equal(codec_reqbufs(&p.codec, p.codec.output, SOURCES), 0);
        player_begin_capture(&p);
        assert_int_equal(p.format.fmt.pix_mp.width, width);
        assert_int_equal(codec_streamon(&p.codec, p.codec.output), 0);
        codec_stream_order(&stream, h264.decoder, p.order);
        player_run(&p);
        assert_int_equal(p.pictures, 10);
        assert_int_equal(p.changes, 1);
        assert_int_equal(p.last, width == 320 ? 1 : 2);
        player_close(&p);
        codec_stream_free(&stream);
    }
}

/* Somewhere else in the stream, and the picture is the one from there. */
static void test_seek(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct codec_stream stream;
    struct player p;

    if (!codec_stream_make(&stream, h264.source, X264 "-bf 2 -g 10 -f h264", 30, h264.layout))
        skip();
    player_open(&p, *state, &stream, h264.codec, h264.fourcc);
    codec_stream_order(&stream, h264.decoder, p.order);
    while (p.pictures < 5) {
        player_send(&p);
        codec_event(&p.codec, &event);
        player_take(&p, &event);
    }
    assert_int_equal(codec_streamoff(&p.codec, p.codec.output), 0);
    while (codec_event_within(&p.codec, 20, &event)) /* what was on its way */
        player_take(&p, &event);
    p.sent = 20;
    p.free_sources = (1u << SOURCES) - 1;
    p.compared = 20 * stream.picture_bytes / 30;
    p.pictures = 20;
    p.stopped = false;
    assert_int_equal(codec_streamon(&p.codec, p.codec.output), 0);
    player_run(&p);
    assert_int_equal(p.pictures, 30);
    assert_int_equal(p.compared, stream.picture_bytes);
    /* And once more from the start, after the end. */
    p.sent = p.pictures = 0;
    p.compared = 0;
    p.stopped = p.ended = false;
    player_begin_capture(&p);
    player_run(&p);
    assert_int_equal(p.pictures, 30);
    player_close(&p);
    codec_stream_free(&stream);
}

/* The guest takes its buffers away, again and again, while the codec still needs what lies in them.
 */
static void test_direct_orphans(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct codec_stream stream;
    struct player p;

    if (!codec_stream_make(&stream, "size=640x360:rate=25",
                           "-c:v libx264 -preset fast -pix_fmt yuv420p -bf 3 -refs 4 -f h264", 40,
                           "yuv420p"))
        skip();
    player_open(&p, *state, &stream, V4L2_PIX_FMT_H264, V4L2_PIX_FMT_YUV420M);
    codec_stream_order(&stream, "h264", p.order);
    for (unsigned target = 7; target < 40; target += 7) {
        while (p.pictures < target) {
            player_send(&p);
            codec_event(&p.codec, &event);
            player_take(&p, &event);
        }
        /* Pictures that are on their way are lost to the guest, and so they are here. */
        assert_int_equal(codec_streamoff(&p.codec, p.codec.capture), 0);
        while (codec_event_within(&p.codec, 0, &event))
            if (codec_event_type(&event) != p.codec.capture)
                player_take(&p, &event);
        if (target % 2 == 0)
            assert_int_equal(codec_reqbufs(&p.codec, p.codec.capture, 0), 0);
        else
            for (uint32_t i = 0; i < TARGETS; i++)
                assert_int_equal(codec_qbuf(&p.codec, p.codec.capture, i, 0, 0), 0);
        if (target % 2 == 0)
            player_begin_capture(&p);
        else
            assert_int_equal(codec_streamon(&p.codec, p.codec.capture), 0);
        p.stopped = false;
        break_order(&p);
    }
    player_run(&p);
    assert_true(p.pictures > 30);
    player_close(&p);
    media_assert_empty(*state);
    codec_stream_free(&stream);
}

/* Garbage, and streams with holes: errors are told, nothing breaks, and what is whole is shown. */
static void break_stream(struct media_fixture *f, const char *source, uint32_t fourcc)
{
    struct virtio_media_event_dqbuf event;
    struct codec_stream stream;
    unsigned rounds = 0;
    struct player p;
    uint32_t seed = 1;

    if (!codec_stream_make(&stream, source, X264 "-bf 2 -g 10 -f h264", 60, h264.layout))
        skip();
    for (unsigned i = 0; i < stream.count; i++)
        for (unsigned k = 0; k < 1 + i / 10; k++) {
            seed = seed * 1103515245 + 12345;
            stream.packets[i].data[(seed >> 8) % stream.packets[i].size] ^= (uint8_t)(seed >> 3);
        }
    player_open(&p, f, &stream, h264.codec, fourcc);
    memset(codec_bytes(&p.codec, p.codec.output, 0, 0), 0xa5, 1000);
    assert_int_equal(codec_qbuf(&p.codec, p.codec.output, 0, 1000, 0), 0);
    codec_event(&p.codec, &event);
    assert_true(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
    while (!p.ended && rounds++ < 1000) {
        uint32_t type;

        player_send(&p);
        if (!codec_event_within(&p.codec, 200, &event))
            break;
        type = codec_event_type(&event);
        if (type == p.codec.capture && codec_used(&event, 0) > 0) {
            p.pictures++;
            if (!(event.buffer.flags & V4L2_BUF_FLAG_LAST))
                codec_qbuf(&p.codec, type, event.buffer.index, 0, 0);
        } else if (type == p.codec.output) {
            p.free_sources |= 1u << event.buffer.index;
        } else {
            player_take(&p, &event);
        }
    }
    assert_true(p.ended);
    assert_true(p.pictures > 20);
    player_close(&p);
    media_assert_empty(f);
    codec_stream_free(&stream);
}

static void test_broken(void **state)
{
    break_stream(*state, h264.source, V4L2_PIX_FMT_NV12);
    break_stream(*state, "size=384x288:rate=25", V4L2_PIX_FMT_YUV420M);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DECODER_TEST(test_h264_changes),   DECODER_TEST(test_hevc_changes),
        DECODER_TEST(test_vp8_changes),    DECODER_TEST(test_vp9_changes),
        DECODER_TEST(test_av1_changes),    DECODER_TEST(test_mpeg2_changes),
        DECODER_TEST(test_mjpeg_changes),  DECODER_TEST(test_early_capture),
        DECODER_TEST(test_seek),           DECODER_TEST(test_broken),
        DECODER_TEST(test_direct_orphans),
    };

    if (!decoder_can_be_tested())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
