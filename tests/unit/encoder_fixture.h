/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_ENCODER_FIXTURE_H
#define TESTS_UNIT_ENCODER_FIXTURE_H

/* An encoder with a guest's program that records a film: what the tests of kind 'encoder' begin
 * with. */
#include "encoder_film.h"
#include "media_test.h"

#include "codec_fixture.h"

#include "media/encoder_context.h"

#define SOURCES 4u
#define TARGETS 4u
#define GOOD 35.0 /* dB */

static inline int setup_with(void **state, bool multiplanar, enum exporter_kind kind,
                             const char *codecs)
{
    codec_stream_library(); /* before descriptors are counted */
    return media_setup_with(
        state,
        &(struct media_options){.kind = "encoder", .multiplanar = multiplanar, .codecs = codecs},
        kind);
}

static inline int setup(void **state)
{
    return setup_with(state, true, EXPORTER_ARENA, "h264,vp8,mjpeg");
}

static inline int setup_single(void **state)
{
    return setup_with(state, false, EXPORTER_MEMFD, "h264,vp8,mjpeg");
}

static inline int setup_jpeg(void **state)
{
    return setup_with(state, true, EXPORTER_ARENA, "mjpeg");
}

#define ENCODER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, media_teardown)
#define ENCODER_SINGLE_TEST(function)                                                              \
    cmocka_unit_test_setup_teardown(function, setup_single, media_teardown)
#define ENCODER_JPEG_TEST(function)                                                                \
    cmocka_unit_test_setup_teardown(function, setup_jpeg, media_teardown)

struct recorder {
    struct codec codec;
    const struct film *film;
    uint32_t coded;
    struct v4l2_format raw_format, coded_format;
    unsigned sent, given_back, came; /* pictures */
    uint32_t free_sources;           /* bits */
    bool ended;
    bool stopped;        /* of many: STOP was sent */
    unsigned last;       /* LAST buffers */
    unsigned errors;     /* of the capture queue */
    unsigned bad;        /* of the output queue */
    uint32_t flags[256]; /* of the pictures that came, those without bytes apart */
    uint64_t times[256]; /* us */
    uint8_t *stream;     /* all of them */
    size_t size, ends[256];
};

static inline void set_format(struct codec *c, uint32_t type, uint32_t fourcc, uint32_t width,
                              uint32_t height, struct v4l2_format *format)
{
    *format = (struct v4l2_format){.type = type};
    format->fmt.pix.width = width;
    format->fmt.pix.height = height;
    format->fmt.pix.pixelformat = fourcc;
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, S_FMT, format), 0);
    assert_int_equal(format->fmt.pix.pixelformat, fourcc);
}

static inline uint32_t set(struct codec *c, uint32_t id, int32_t value)
{
    struct v4l2_control control = {.id = id, .value = value};

    return MEDIA_IOCTL(c->f, c->session, S_CTRL, &control);
}

static inline int32_t get(struct codec *c, uint32_t id)
{
    struct v4l2_control control = {.id = id};

    assert_int_equal(MEDIA_IOCTL(c->f, c->session, G_CTRL, &control), 0);
    return control.value;
}

static inline void recorder_open(struct recorder *r, struct media_fixture *f,
                                 const struct film *film, uint32_t coded)
{
    struct codec *c = &r->codec;

    *r = (struct recorder){.film = film, .coded = coded, .free_sources = (1u << SOURCES) - 1};
    codec_open(c, f);
    assert_int_equal(codec_subscribe(c, V4L2_EVENT_EOS), 0);
    set_format(c, c->capture, coded, 0, 0, &r->coded_format);
    set_format(c, c->output, V4L2_PIX_FMT_NV12, film->width, film->height, &r->raw_format);
    assert_int_equal(r->raw_format.fmt.pix.width, film->width);
    assert_int_equal(r->raw_format.fmt.pix.height, film->height);
    r->stream = malloc(64u << 20);
    assert_non_null(r->stream);
}

static inline void recorder_begin(struct recorder *r)
{
    struct codec *c = &r->codec;

    assert_int_equal(codec_reqbufs(c, c->output, SOURCES), 0);
    assert_int_equal(codec_reqbufs(c, c->capture, TARGETS), 0);
    for (uint32_t i = 0; i < TARGETS; i++)
        assert_int_equal(codec_qbuf(c, c->capture, i, 0, 0), 0);
    assert_int_equal(codec_streamon(c, c->output), 0);
    assert_int_equal(codec_streamon(c, c->capture), 0);
}

static inline void send_one(struct recorder *r)
{
    struct codec *c = &r->codec;
    uint32_t index = (uint32_t)__builtin_ctz(r->free_sources);
    size_t size = picture_bytes(r->film);

    assert_true(size <= codec_size(c, c->output, index, 0));
    memcpy(codec_bytes(c, c->output, index, 0), r->film->pictures + r->sent * size, size);
    assert_int_equal(codec_qbuf(c, c->output, index, (uint32_t)size, 1000000u + r->sent * 33333u),
                     0);
    r->free_sources &= ~(1u << index);
    r->sent++;
}

static inline void take_picture(struct recorder *r, const struct virtio_media_event_dqbuf *event)
{
    struct codec *c = &r->codec;
    uint32_t used = codec_used(event, 0), index = event->buffer.index;

    assert_int_equal(event->buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK,
                     V4L2_BUF_FLAG_TIMESTAMP_COPY);
    if (event->buffer.flags & V4L2_BUF_FLAG_ERROR)
        r->errors++;
    if (used > 0) {
        memcpy(r->stream + r->size, codec_bytes(c, c->capture, index, 0), used);
        r->size += used;
        assert_true(r->came < 256);
        r->ends[r->came] = r->size;
        r->flags[r->came] = event->buffer.flags;
        r->times[r->came++] = codec_time(event);
    }
    if (event->buffer.flags & V4L2_BUF_FLAG_LAST)
        r->last++;
    else
        assert_int_equal(codec_qbuf(c, c->capture, index, 0, 0), 0);
}

static inline void take(struct recorder *r, const struct virtio_media_event_dqbuf *event)
{
    uint32_t type = codec_event_type(event);

    if (type == (V4L2_EVENT_EOS | CODEC_IS_EVENT)) {
        r->ended = true;
    } else if (type == r->codec.output) {
        r->bad += (event->buffer.flags & V4L2_BUF_FLAG_ERROR) != 0;
        r->free_sources |= 1u << event->buffer.index;
        r->given_back++;
    } else {
        take_picture(r, event);
    }
}

static inline void wait_for(struct recorder *r, const unsigned *what, unsigned count)
{
    struct virtio_media_event_dqbuf event;

    while (*what < count) {
        codec_event(&r->codec, &event);
        take(r, &event);
    }
}

/* Sends the pictures up to number 'end'. */
static inline void recorder_send(struct recorder *r, unsigned end)
{
    while (r->sent < end) {
        if (r->free_sources == 0)
            wait_for(r, &r->given_back, r->given_back + 1);
        send_one(r);
    }
}

/* Drains, until the LAST buffer and the EOS event are there. */
static inline void recorder_stop(struct recorder *r)
{
    struct virtio_media_event_dqbuf event;
    unsigned last = r->last;

    r->ended = false;
    assert_int_equal(codec_encoder_cmd(&r->codec, V4L2_ENC_CMD_STOP), 0);
    while (!r->ended || r->last == last) {
        codec_event(&r->codec, &event);
        take(r, &event);
    }
    assert_int_equal(r->last, last + 1);
}

static inline void recorder_close(struct recorder *r)
{
    struct media_fixture *f = r->codec.f;

    assert_int_equal(media_close(f, r->codec.session), NO_ANSWER);
    media_assert_empty(f);
    free(r->stream);
}

/* VP8 has no stream of its own: IVF, frame by frame. */
static inline void write_ivf(FILE *file, const struct recorder *r)
{
    uint8_t header[32] = "DKIF\0\0\x20\0VP80";
    uint16_t sides[2] = {(uint16_t)r->coded_format.fmt.pix.width,
                         (uint16_t)r->coded_format.fmt.pix.height};

    memcpy(header + 12, sides, sizeof(sides));
    memcpy(header + 16, &(uint32_t){30}, 4);
    memcpy(header + 20, &(uint32_t){1}, 4);
    memcpy(header + 24, &(uint32_t){r->came}, 4);
    assert_int_equal(fwrite(header, 1, sizeof(header), file), sizeof(header));
    for (unsigned i = 0; i < r->came; i++) {
        size_t from = i > 0 ? r->ends[i - 1] : 0;
        uint32_t head[3] = {(uint32_t)(r->ends[i] - from), i, 0};

        assert_int_equal(fwrite(head, 1, sizeof(head), file), sizeof(head));
        assert_int_equal(fwrite(r->stream + from, 1, head[0], file), head[0]);
    }
}

static inline const char *container_of(uint32_t coded)
{
    return coded == V4L2_PIX_FMT_H264 ? "h264" : coded == V4L2_PIX_FMT_VP8 ? "ivf" : "mjpeg";
}

/* The pictures that came, as NV12 of that size. */
static inline void decode(struct recorder *r, uint32_t width, uint32_t height, struct film *decoded)
{
    char path[64], how[256];
    size_t size = 0;
    FILE *file;

    assert_int_equal(MEDIA_IOCTL(r->codec.f, r->codec.session, G_FMT, &r->coded_format), 0);
    assert_int_equal(r->coded_format.fmt.pix.width, width);
    assert_int_equal(r->coded_format.fmt.pix.height, height);
    make_path(path);
    file = fopen(path, "wb");
    assert_non_null(file);
    if (r->coded == V4L2_PIX_FMT_VP8)
        write_ivf(file, r);
    else
        assert_int_equal(fwrite(r->stream, 1, r->size, file), r->size);
    fclose(file);
    /* '-xerror': one broken picture, and the whole run has failed. No size is asked for. */
    snprintf(how, sizeof(how),
             "-xerror -err_detect explode -f %s -i %s -fps_mode passthrough -sws_flags "
             "bicubic+accurate_rnd -pix_fmt nv12 -color_range tv -f rawvideo",
             container_of(r->coded), path);
    *decoded = (struct film){width, height, r->came, ffmpeg(how, &size)};
    unlink(path);
    assert_non_null(decoded->pictures);
    assert_int_equal(size, r->came * picture_bytes(decoded));
}

static const uint32_t all_codecs[] = {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_VP8, V4L2_PIX_FMT_MJPEG};

static inline void record(struct media_fixture *f, uint32_t coded, uint32_t width, uint32_t height,
                          unsigned frames)
{
    struct film film, decoded;
    struct recorder r;

    film_make(&film, width, height, frames);
    recorder_open(&r, f, &film, coded);
    recorder_begin(&r);
    recorder_send(&r, frames);
    recorder_stop(&r);
    assert_int_equal(r.came, frames);
    assert_int_equal(r.bad + r.errors, 0);
    for (unsigned i = 0; i < frames; i++)
        assert_int_equal(r.times[i], 1000000 + i * 33333);
    assert_true(r.flags[0] & V4L2_BUF_FLAG_KEYFRAME);
    decode(&r, width, height, &decoded);
    print_message("%s %ux%u: %.1f dB, %.2f Mbit/s\n", encoder_format_name(coded), width, height,
                  psnr(&film, &decoded, 0, 0), (double)r.size * 8 * 30 / frames / 1e6);
    assert_true(psnr(&film, &decoded, 0, 0) > GOOD);
    film_free(&decoded);
    recorder_close(&r);
    film_free(&film);
}

#endif
