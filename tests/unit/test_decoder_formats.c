/* SPDX-License-Identifier: MIT */
#include "decoder_fixture.h"

/* The formats of both queues, the guest's own memory, and several sessions. */
/* The machine is reset at any moment: while a thread decodes into its buffers, and between. */
static void test_reboot(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_event_dqbuf event;
    struct codec_stream stream;
    struct player p;

    if (!codec_stream_make(&stream, "size=640x360:rate=25",
                           "-c:v libx264 -preset fast -pix_fmt yuv420p -bf 3 -refs 4 -f h264", 30,
                           "yuv420p"))
        skip();
    for (unsigned events = 1; events < 40; events += 3) {
        player_open(&p, f, &stream, V4L2_PIX_FMT_H264, V4L2_PIX_FMT_YUV420M);
        codec_stream_order(&stream, "h264", p.order);
        for (unsigned i = 0; i < events && !p.ended; i++) {
            player_send(&p);
            codec_event(&p.codec, &event);
            player_take(&p, &event);
        }
        media_fixture_reboot(f);
        media_assert_empty(f);
    }
    codec_stream_free(&stream);
}

static void test_formats(void **state)
{
    struct v4l2_format format;
    struct v4l2_fmtdesc desc;
    struct codec c;

    codec_open(&c, *state);
    desc = (struct v4l2_fmtdesc){.type = c.output};
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, ENUM_FMT, &desc), 0);
    assert_int_equal(desc.pixelformat, V4L2_PIX_FMT_H264);
    assert_true(desc.flags & V4L2_FMT_FLAG_COMPRESSED);
    desc = (struct v4l2_fmtdesc){.type = c.output, .index = 7};
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, ENUM_FMT, &desc), EINVAL);
    assert_int_equal(set_format(&c, c.output, V4L2_PIX_FMT_VP9, &format), 0);
    assert_int_equal(format.fmt.pix_mp.pixelformat, V4L2_PIX_FMT_VP9);
    assert_int_equal(format.fmt.pix_mp.plane_fmt[0].sizeimage, 1048576);
    assert_int_equal(format.fmt.pix_mp.colorspace, V4L2_COLORSPACE_REC709);
    format.fmt.pix_mp.width = 641;
    format.fmt.pix_mp.height = 0xffffffff;
    format.fmt.pix_mp.plane_fmt[0].sizeimage = 0xffffffff;
    format.fmt.pix_mp.colorspace = V4L2_COLORSPACE_BT2020;
    format.fmt.pix_mp.xfer_func = V4L2_XFER_FUNC_SMPTE2084;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, S_FMT, &format), 0);
    assert_int_equal(format.fmt.pix_mp.width, 641);
    assert_int_equal(format.fmt.pix_mp.height, 8192);
    assert_int_equal(format.fmt.pix_mp.plane_fmt[0].sizeimage, 32u << 20);
    format = (struct v4l2_format){.type = c.capture};
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, G_FMT, &format), 0);
    assert_int_equal(format.fmt.pix_mp.width, 642);
    assert_int_equal(format.fmt.pix_mp.height, 8192);
    assert_int_equal(format.fmt.pix_mp.colorspace, V4L2_COLORSPACE_BT2020);
    assert_int_equal(format.fmt.pix_mp.xfer_func, V4L2_XFER_FUNC_SMPTE2084);
    assert_int_equal(set_format(&c, c.capture, V4L2_PIX_FMT_YUYV, &format), 0);
    assert_int_equal(format.fmt.pix_mp.pixelformat, V4L2_PIX_FMT_NV12); /* as near as it gets */
    assert_int_equal(media_close(c.f, c.session), NO_ANSWER);
}

/* What is to be seen of pictures of odd sizes, and the control for the least number of buffers. */
static void test_selection(void **state)
{
    struct v4l2_selection selection = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                       .target = V4L2_SEL_TGT_COMPOSE};
    struct virtio_media_event_dqbuf event;
    struct codec_stream stream;
    struct player p;

    if (!codec_stream_make(&stream, "size=176x144:rate=25",
                           "-vf scale=175:143 -c:v mjpeg -pix_fmt yuvj420p -f mjpeg", 2,
                           "yuvj420p"))
        skip();
    player_open(&p, *state, &stream, V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_NV12);
    player_send(&p);
    do
        codec_event(&p.codec, &event);
    while (event.hdr.event != VIRTIO_MEDIA_EVT_EVENT);
    p.format = (struct v4l2_format){.type = p.codec.capture};
    assert_int_equal(MEDIA_IOCTL(p.codec.f, p.codec.session, G_FMT, &p.format), 0);
    assert_int_equal(p.format.fmt.pix_mp.width, 176);
    assert_int_equal(p.format.fmt.pix_mp.height, 144);
    assert_int_equal(p.format.fmt.pix_mp.quantization, V4L2_QUANTIZATION_FULL_RANGE);
    assert_int_equal(MEDIA_IOCTL(p.codec.f, p.codec.session, G_SELECTION, &selection), 0);
    assert_int_equal(selection.r.width, 175);
    assert_int_equal(selection.r.height, 143);
    selection.target = V4L2_SEL_TGT_COMPOSE_BOUNDS;
    assert_int_equal(MEDIA_IOCTL(p.codec.f, p.codec.session, G_SELECTION, &selection), 0);
    assert_int_equal(selection.r.width, 176);
    selection.target = V4L2_SEL_TGT_COMPOSE;
    selection.r = (struct v4l2_rect){5, 5, 10, 10};
    assert_int_equal(MEDIA_IOCTL(p.codec.f, p.codec.session, S_SELECTION, &selection), 0);
    assert_int_equal(selection.r.width, 175);
    selection.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    assert_int_equal(MEDIA_IOCTL(p.codec.f, p.codec.session, G_SELECTION, &selection), EINVAL);
    player_begin_capture(&p);
    do
        codec_event(&p.codec, &event);
    while (codec_event_type(&event) != p.codec.capture);
    assert_int_equal(codec_used(&event, 0), 176 * 144 * 3 / 2);
    for (unsigned y = 0; y < 143; y++)
        assert_memory_equal(codec_bytes(&p.codec, p.codec.capture, event.buffer.index, 0) + y * 176,
                            stream.pictures + y * 175, 175);
    player_close(&p);
    codec_stream_free(&stream);
}

/* Packets and pictures in memory of the guest's own, in pages that lie apart. */
struct user_call {
    struct v4l2_buffer buffer;
    struct virtio_media_sg pieces[16];
};

static uint64_t user_page(unsigned buffer, unsigned page)
{
    return RING_DRIVER_GPA + RING_DRIVER_RAM - (1 + 16 * buffer + page) * 2 * 4096u;
}

static void user_qbuf(struct codec *c, uint32_t type, unsigned buffer, uint32_t used, uint32_t size)
{
    struct user_call call = {.buffer = {.type = type,
                                        .memory = V4L2_MEMORY_USERPTR,
                                        .bytesused = used,
                                        .length = size,
                                        .m.userptr = 0x7fff00000000}};

    for (unsigned i = 0; i < size / 4096; i++)
        call.pieces[i] = (struct virtio_media_sg){user_page(buffer, i), 4096, 0};
    assert_int_equal(media_ioctl_raw(c->f, c->session, _IOC_NR(VIDIOC_QBUF), &call,
                                     sizeof(call.buffer) + size / 4096 * sizeof(call.pieces[0])),
                     0);
}

static void test_user_memory(void **state)
{
    struct v4l2_requestbuffers request = {.count = 1, .memory = V4L2_MEMORY_USERPTR};
    struct virtio_media_event_dqbuf event;
    struct codec_stream stream;
    struct v4l2_format format;
    struct player p = {.fourcc = V4L2_PIX_FMT_YUV420};
    struct codec *c = &p.codec;

    if (!codec_stream_make(&stream, "size=128x64:rate=25", "-c:v mjpeg -pix_fmt yuvj420p -f mjpeg",
                           1, "yuvj420p"))
        skip();
    codec_open(c, *state);
    format = (struct v4l2_format){.type = c->output};
    format.fmt.pix.pixelformat = V4L2_PIX_FMT_MJPEG;
    format.fmt.pix.width = 128;
    format.fmt.pix.height = 64;
    format.fmt.pix.sizeimage = 65536;
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, S_FMT, &format), 0);
    assert_int_equal(set_format(c, c->capture, V4L2_PIX_FMT_YUV420, &format), 0);
    request.type = c->output;
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, REQBUFS, &request), 0);
    request.type = c->capture;
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, REQBUFS, &request), 0);
    assert_true(stream.packets[0].size <= 65536 && format.fmt.pix.sizeimage <= 65536);
    for (uint32_t at = 0; at < stream.packets[0].size; at += 4096)
        memcpy(ring_driver_at(&c->f->driver, user_page(0, at / 4096)), stream.packets[0].data + at,
               stream.packets[0].size - at < 4096 ? stream.packets[0].size - at : 4096);
    user_qbuf(c, c->capture, 1, 0, 65536);
    user_qbuf(c, c->output, 0, stream.packets[0].size, 65536);
    assert_int_equal(codec_streamon(c, c->output), 0);
    assert_int_equal(codec_streamon(c, c->capture), 0);
    do
        codec_event(c, &event);
    while (codec_event_type(&event) != c->capture);
    assert_int_equal(codec_used(&event, 0), 128 * 64 * 3 / 2);
    for (uint32_t at = 0; at < 128 * 64 * 3 / 2; at += 4096)
        assert_memory_equal(ring_driver_at(&c->f->driver, user_page(1, at / 4096)),
                            stream.pictures + at, 4096);
    player_close(&p);
    media_assert_empty(*state);
    codec_stream_free(&stream);
}

/* How many buffers a decoder needs is told by one of streams, and not by one of pictures. */
static void assert_tells_buffers(struct media_fixture *f, bool does)
{
    struct v4l2_query_ext_ctrl query = {.id = V4L2_CID_MIN_BUFFERS_FOR_CAPTURE};
    struct codec c;

    codec_open(&c, f);
    assert_int_equal(MEDIA_IOCTL(f, c.session, QUERY_EXT_CTRL, &query), does ? 0 : EINVAL);
    assert_int_equal(media_close(f, c.session), NO_ANSWER);
}

static int setup_pictures(void **state)
{
    codec_stream_library();
    return media_setup_with(
        state, &(struct media_options){.kind = "decoder", .multiplanar = true, .codecs = "mjpeg"},
        EXPORTER_ARENA);
}

static void test_controls(void **state)
{
    assert_tells_buffers(*state, true);
}

static void test_controls_pictures(void **state)
{
    assert_tells_buffers(*state, false);
}

/* Many streams at once, each in its own session, on the same threads. */
static void test_sessions(void **state)
{
    struct player p[4];
    struct codec_stream stream;
    struct virtio_media_event_dqbuf event;
    unsigned ended = 0;

    if (!codec_stream_make(&stream, h264.source, h264.how, 20, h264.layout))
        skip();
    for (unsigned i = 0; i < 4; i++) {
        player_open(&p[i], *state, &stream, h264.codec, h264.fourcc);
        codec_stream_order(&stream, h264.decoder, p[i].order);
        player_send(&p[i]);
    }
    while (ended < 4) {
        struct player *whose = p;

        codec_event(&p[0].codec, &event);
        while (whose->codec.session != event.hdr.session_id)
            whose++;
        ended -= whose->ended;
        player_take(whose, &event);
        ended += whose->ended;
        player_send(whose);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(p[i].compared, stream.picture_bytes);
        player_close(&p[i]);
    }
    media_assert_empty(*state);
    codec_stream_free(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DECODER_TEST(test_reboot),
        DECODER_TEST(test_formats),
        DECODER_TEST(test_selection),
        DECODER_TEST(test_controls),
        cmocka_unit_test_setup_teardown(test_controls_pictures, setup_pictures, media_teardown),
        DECODER_TEST(test_sessions),
        DECODER_SINGLE_TEST(test_user_memory),
    };

    if (!decoder_can_be_tested())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
