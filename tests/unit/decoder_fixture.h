/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_DECODER_FIXTURE_H
#define TESTS_UNIT_DECODER_FIXTURE_H

/* A decoder with a guest's program that plays a stream, and compares each picture with what FFmpeg
 * makes of it: what the tests of kind 'decoder' begin with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "media_test.h"

#include "codec_fixture.h"
#include "codec_stream.h"

#include "media/decoder_context.h"

#define SOURCES 4u
#define TARGETS 8u

static inline int setup_with(void **state, bool multiplanar, enum exporter_kind kind)
{
    codec_stream_library(); /* before descriptors are counted */
    return media_setup_with(state,
                            &(struct media_options){.kind = "decoder",
                                                    .multiplanar = multiplanar,
                                                    .codecs = "h264,hevc,vp8,vp9,av1,mpeg2,mjpeg"},
                            kind);
}

static inline int setup(void **state)
{
    return setup_with(state, true, EXPORTER_ARENA);
}

static inline int setup_single(void **state)
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

static inline uint32_t set_format(struct codec *c, uint32_t type, uint32_t fourcc,
                                  struct v4l2_format *format)
{
    *format = (struct v4l2_format){.type = type};
    format->fmt.pix.pixelformat = fourcc;
    return MEDIA_IOCTL(c->f, c->session, S_FMT, format);
}

static inline void player_open(struct player *p, struct media_fixture *f,
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

static inline void player_send(struct player *p)
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
static inline void player_begin_capture(struct player *p)
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
static inline void break_order(struct player *p)
{
    p->lossy = true;
}

/* Goes on to the picture that the time names. */
static inline void player_skip(struct player *p, uint64_t time)
{
    size_t size = p->stream->picture_bytes / p->stream->count;

    while (p->pictures < p->stream->count && p->order[p->pictures] * 1000u != time) {
        p->pictures++;
        p->compared += size;
    }
}

/* The picture is what ffmpeg makes of it, byte for byte, and has the time of its packet. */
static inline void player_compare(struct player *p, const struct virtio_media_event_dqbuf *event)
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

static inline void player_take(struct player *p, const struct virtio_media_event_dqbuf *event)
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
static inline void player_run(struct player *p)
{
    struct virtio_media_event_dqbuf event;

    while (!p->ended) {
        player_send(p);
        codec_event(&p->codec, &event);
        player_take(p, &event);
    }
}

static inline void player_close(struct player *p)
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
static inline void play(struct media_fixture *f, const struct stream_case *with)
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

/* Whether FFmpeg is here; else a program says so, and is skipped with status 77. */
static inline bool decoder_can_be_tested(void)
{
    const char *why;

    if (av_library_load(AV_LIBRARY_SCALE | AV_LIBRARY_FORMAT, &why) != NULL)
        return true;
    fprintf(stderr, "skipped: %s\n", why);
    return false;
}

#endif
