/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "media_test.h"

#include "codec_fixture.h"
#include "codec_stream.h"

#include "media/decoder_context.h"

#define SOURCES 4u
#define TARGETS 8u

static int setup_with(void **state, bool multiplanar, enum exporter_kind kind)
{
    codec_stream_library(); /* before descriptors are counted */
    return media_setup_with(state,
                            &(struct media_options){.kind = "decoder",
                                                    .multiplanar = multiplanar,
                                                    .codecs = "h264,hevc,vp8,vp9,av1,mpeg2,mjpeg"},
                            kind);
}

static int setup(void **state)
{
    return setup_with(state, true, EXPORTER_ARENA);
}

static int setup_single(void **state)
{
    return setup_with(state, false, EXPORTER_MEMFD);
}

#define DECODER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, media_teardown)
#define DECODER_SINGLE_TEST(function)                                                              \
    cmocka_unit_test_setup_teardown(function, setup_single, media_teardown)

/* A guest's program that decodes a stream from beginning to end. */
struct player {
    struct codec codec;
    const struct codec_stream *stream;
    uint32_t fourcc;       /* of the pictures */
    unsigned sent;         /* packets */
    uint32_t free_sources; /* bits */
    bool changed, stopped; /* SOURCE_CHANGE has come; STOP was sent */
    bool ended;            /* the LAST picture has come, and the EOS event */
    bool lossy;            /* pictures may be missing */
    unsigned last;         /* LAST buffers */
    unsigned changes;
    unsigned pictures;
    size_t compared; /* bytes of stream->pictures */
    unsigned order[CODEC_STREAM_MAX];
    struct v4l2_format format;
};

static uint32_t set_format(struct codec *c, uint32_t type, uint32_t fourcc,
                           struct v4l2_format *format)
{
    *format = (struct v4l2_format){.type = type};
    format->fmt.pix.pixelformat = fourcc;
    return MEDIA_IOCTL(c->f, c->session, S_FMT, format);
}

static void player_open(struct player *p, struct media_fixture *f,
                        const struct codec_stream *stream, uint32_t codec, uint32_t fourcc)
{
    struct codec *c = &p->codec;
    struct v4l2_format format;

    *p = (struct player){.stream = stream, .fourcc = fourcc, .free_sources = (1u << SOURCES) - 1};
    codec_open(c, f);
    assert_int_equal(codec_subscribe(c, V4L2_EVENT_SOURCE_CHANGE), 0);
    assert_int_equal(codec_subscribe(c, V4L2_EVENT_EOS), 0);
    assert_int_equal(set_format(c, c->output, codec, &format), 0);
    assert_int_equal(format.fmt.pix.pixelformat, codec);
    assert_int_equal(codec_reqbufs(c, c->output, SOURCES), 0);
    assert_int_equal(codec_streamon(c, c->output), 0);
}

static void player_send(struct player *p)
{
    struct codec *c = &p->codec;

    while (p->sent < p->stream->count && p->free_sources != 0) {
        const struct codec_packet *packet = &p->stream->packets[p->sent];
        uint32_t index = (uint32_t)__builtin_ctz(p->free_sources);

        assert_true(packet->size <= codec_size(c, c->output, index, 0));
        memcpy(codec_bytes(c, c->output, index, 0), packet->data, packet->size);
        assert_int_equal(codec_qbuf(c, c->output, index, packet->size, p->sent * 1000u), 0);
        p->free_sources &= ~(1u << index);
        p->sent++;
    }
    if (p->sent == p->stream->count && !p->stopped && c->m2m->capture_on) {
        assert_int_equal(codec_decoder_cmd(c, V4L2_DEC_CMD_STOP), 0);
        p->stopped = true;
    }
}

/* Buffers for the format that the device has found. */
static void player_begin_capture(struct player *p)
{
    struct codec *c = &p->codec;

    if (c->m2m->capture_on)
        assert_int_equal(codec_streamoff(c, c->capture), 0);
    assert_int_equal(codec_reqbufs(c, c->capture, 0), 0);
    assert_int_equal(set_format(c, c->capture, p->fourcc, &p->format), 0);
    assert_int_equal(p->format.fmt.pix.pixelformat, p->fourcc);
    assert_int_equal(codec_reqbufs(c, c->capture, TARGETS), 0);
    for (uint32_t i = 0; i < TARGETS; i++)
        assert_int_equal(codec_qbuf(c, c->capture, i, 0, 0), 0);
    assert_int_equal(codec_streamon(c, c->capture), 0);
    p->changed = false;
}

/* From now on pictures may be missing: each is compared with the one of its time. */
static void break_order(struct player *p)
{
    p->lossy = true;
}

/* Goes on to the picture that the time names. */
static void player_skip(struct player *p, uint64_t time)
{
    size_t size = p->stream->picture_bytes / p->stream->count;

    while (p->pictures < p->stream->count && p->order[p->pictures] * 1000u != time) {
        p->pictures++;
        p->compared += size;
    }
}

/* The picture is what ffmpeg makes of it, byte for byte, and has the time of its packet. */
static void player_compare(struct player *p, const struct virtio_media_event_dqbuf *event)
{
    struct codec *c = &p->codec;
    unsigned planes = V4L2_TYPE_IS_MULTIPLANAR(c->capture) ? p->format.fmt.pix_mp.num_planes : 1u;

    if (p->lossy)
        player_skip(p, codec_time(event));
    for (unsigned i = 0; i < planes; i++) {
        uint32_t used = codec_used(event, i);

        assert_true(used <= codec_size(c, c->capture, event->buffer.index, i));
        assert_true(p->compared + used <= p->stream->picture_bytes);
        assert_memory_equal(codec_bytes(c, c->capture, event->buffer.index, i),
                            p->stream->pictures + p->compared, used);
        p->compared += used;
    }
    assert_int_equal(codec_time(event), p->order[p->pictures] * 1000u);
    p->pictures++;
}

static void player_take(struct player *p, const struct virtio_media_event_dqbuf *event)
{
    struct codec *c = &p->codec;
    uint32_t type = codec_event_type(event), flags = event->buffer.flags;

    if (type == (V4L2_EVENT_SOURCE_CHANGE | CODEC_IS_EVENT)) {
        p->changes++;
        p->changed = true;
        if (!c->m2m->capture_on)
            player_begin_capture(p);
    } else if (type == (V4L2_EVENT_EOS | CODEC_IS_EVENT)) {
        p->ended = true;
    } else if (type == c->output) {
        assert_false(flags & V4L2_BUF_FLAG_ERROR);
        p->free_sources |= 1u << event->buffer.index;
    } else {
        assert_false(flags & V4L2_BUF_FLAG_ERROR);
        if (codec_used(event, 0) > 0)
            player_compare(p, event);
        p->last += (flags & V4L2_BUF_FLAG_LAST) != 0;
        if ((flags & V4L2_BUF_FLAG_LAST) && p->changed)
            player_begin_capture(p);
        else if (!(flags & V4L2_BUF_FLAG_LAST))
            assert_int_equal(codec_qbuf(c, c->capture, event->buffer.index, 0, 0), 0);
    }
}

/* Until the LAST picture and the EOS event are there. */
static void player_run(struct player *p)
{
    struct virtio_media_event_dqbuf event;

    while (!p->ended) {
        player_send(p);
        codec_event(&p->codec, &event);
        player_take(p, &event);
    }
}

static void player_close(struct player *p)
{
    assert_int_equal(media_close(p->codec.f, p->codec.session), NO_ANSWER);
}

struct stream_case {
    const char *source, *how;
    uint32_t codec;
    const char *decoder; /* of libavcodec */
    uint32_t fourcc;
    const char *layout; /* the same, in ffmpeg's words */
    unsigned frames;
    bool direct; /* some of the pictures are to be decoded in place */
};

/* Decodes a stream, and compares every picture. */
static void play(struct media_fixture *f, const struct stream_case *with)
{
    const struct decoder *decoder;
    struct codec_stream stream;
    struct player p;

    if (!codec_stream_make(&stream, with->source, with->how, with->frames, with->layout))
        skip();
    player_open(&p, f, &stream, with->codec, with->fourcc);
    assert_int_equal(codec_stream_order(&stream, with->decoder, p.order), with->frames);
    player_run(&p);
    assert_int_equal(p.pictures, with->frames);
    assert_int_equal(p.compared, stream.picture_bytes);
    assert_int_equal(p.last, 1);
    assert_int_equal(p.changes, 1);
    decoder = &decoder_context_of(&p.codec.m2m->context)->decoder;
    assert_int_equal(decoder->direct + decoder->copied, with->frames);
    if (with->direct)
        assert_true(decoder->direct > 2);
    else
        assert_int_equal(decoder->direct, 0);
    player_close(&p);
    media_assert_empty(f);
    codec_stream_free(&stream);
}

#define X264 "-c:v libx264 -preset ultrafast -pix_fmt yuv420p "

#define X265 "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3 "
#define VP8 "-c:v libvpx -deadline realtime -cpu-used 8 "
#define VP9 "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 "
#define AV1 "-c:v libaom-av1 -usage realtime -cpu-used 8 "

#define NV12 V4L2_PIX_FMT_NV12, "nv12"
#define YUV420 V4L2_PIX_FMT_YUV420, "yuv420p"
#define P010 V4L2_PIX_FMT_P010, "p010le"

static const struct stream_case h264 = {
    "size=320x240:rate=25", X264 "-bf 0 -f h264", V4L2_PIX_FMT_H264, "h264", NV12, 30};

static void test_h264(void **state)
{
    play(*state, &h264);
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
        DECODER_TEST(test_h264),
        DECODER_SINGLE_TEST(test_h264),
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
        DECODER_TEST(test_h264_changes),
        DECODER_TEST(test_hevc_changes),
        DECODER_TEST(test_vp8_changes),
        DECODER_TEST(test_vp9_changes),
        DECODER_TEST(test_av1_changes),
        DECODER_TEST(test_mpeg2_changes),
        DECODER_TEST(test_mjpeg_changes),
        DECODER_TEST(test_early_capture),
        DECODER_TEST(test_seek),
        DECODER_TEST(test_broken),
        DECODER_TEST(test_reboot),
        DECODER_TEST(test_direct_orphans),
        DECODER_TEST(test_formats),
        DECODER_TEST(test_selection),
        DECODER_TEST(test_controls),
        cmocka_unit_test_setup_teardown(test_controls_pictures, setup_pictures, media_teardown),
        DECODER_TEST(test_sessions),
        DECODER_SINGLE_TEST(test_user_memory),
    };
    const char *why;

    if (av_library_load(AV_LIBRARY_SCALE | AV_LIBRARY_FORMAT, &why) == NULL) {
        fprintf(stderr, "skipped: %s\n", why);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
