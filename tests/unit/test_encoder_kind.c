/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media_test.h"

#include "codec_fixture.h"
#include "codec_stream.h"
#include "moving_picture.h"

#include "media/encoder_context.h"

#define SOURCES 4u
#define TARGETS 4u
#define GOOD 35.0 /* dB */

static int setup_with(void **state, bool multiplanar, enum exporter_kind kind, const char *codecs)
{
    codec_stream_library(); /* before descriptors are counted */
    return media_setup_with(
        state,
        &(struct media_options){.kind = "encoder", .multiplanar = multiplanar, .codecs = codecs},
        kind);
}

static int setup(void **state)
{
    return setup_with(state, true, EXPORTER_ARENA, "h264,vp8,mjpeg");
}

static int setup_single(void **state)
{
    return setup_with(state, false, EXPORTER_MEMFD, "h264,vp8,mjpeg");
}

static int setup_jpeg(void **state)
{
    return setup_with(state, true, EXPORTER_ARENA, "mjpeg");
}

#define ENCODER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, media_teardown)
#define ENCODER_SINGLE_TEST(function)                                                              \
    cmocka_unit_test_setup_teardown(function, setup_single, media_teardown)
#define ENCODER_JPEG_TEST(function)                                                                \
    cmocka_unit_test_setup_teardown(function, setup_jpeg, media_teardown)

/* ---- pictures of ffmpeg's ---- */

/* What there is to encode, as NV12 without gaps. */
struct film {
    uint32_t width, height;
    unsigned frames;
    uint8_t *pictures;
};

static size_t picture_bytes(const struct film *film)
{
    return (size_t)film->width * film->height * 3 / 2;
}

static void make_path(char *path)
{
    int fd;

    strcpy(path, "/tmp/hostblob-film-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

/* Runs ffmpeg with 'how', which ends where the name of its output belongs. */
static uint8_t *ffmpeg(const char *how, size_t *size)
{
    char path[64], command[512];
    uint8_t *data = NULL;

    make_path(path);
    snprintf(command, sizeof(command), "ffmpeg -v error -nostdin -y %s %s", how, path);
    if (codec_stream_shell(command))
        data = codec_stream_slurp(path, size);
    unlink(path);
    return data;
}

/* The last one made, for tests that want the same. */
static struct film made;

static int unmake(void **state)
{
    free(made.pictures);
    return 0;
}

static void make(uint32_t width, uint32_t height, unsigned frames)
{
    char how[256];
    size_t size = 0;

    if (made.width == width && made.height == height && made.frames >= frames)
        return;
    free(made.pictures);
    made = (struct film){0};
    snprintf(how, sizeof(how),
             "-f lavfi -i testsrc2=size=%ux%u:rate=30 -frames:v %u -pix_fmt nv12 -f rawvideo",
             width, height, frames);
    made.pictures = ffmpeg(how, &size);
    if (made.pictures == NULL)
        skip(); /* the program is missing, as it said */
    made = (struct film){width, height, frames, made.pictures};
    assert_int_equal(size, frames * picture_bytes(&made));
}

static void film_make(struct film *film, uint32_t width, uint32_t height, unsigned frames)
{
    size_t size;

    make(width, height, frames);
    *film = (struct film){width, height, frames, NULL};
    size = frames * picture_bytes(film);
    film->pictures = malloc(size);
    assert_non_null(film->pictures);
    memcpy(film->pictures, made.pictures, size);
}

static void film_free(struct film *film)
{
    free(film->pictures);
}

/* ---- a guest's program that encodes ---- */

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

static void set_format(struct codec *c, uint32_t type, uint32_t fourcc, uint32_t width,
                       uint32_t height, struct v4l2_format *format)
{
    *format = (struct v4l2_format){.type = type};
    format->fmt.pix.width = width;
    format->fmt.pix.height = height;
    format->fmt.pix.pixelformat = fourcc;
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, S_FMT, format), 0);
    assert_int_equal(format->fmt.pix.pixelformat, fourcc);
}

static uint32_t set(struct codec *c, uint32_t id, int32_t value)
{
    struct v4l2_control control = {.id = id, .value = value};

    return MEDIA_IOCTL(c->f, c->session, S_CTRL, &control);
}

static int32_t get(struct codec *c, uint32_t id)
{
    struct v4l2_control control = {.id = id};

    assert_int_equal(MEDIA_IOCTL(c->f, c->session, G_CTRL, &control), 0);
    return control.value;
}

static void recorder_open(struct recorder *r, struct media_fixture *f, const struct film *film,
                          uint32_t coded)
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

static void recorder_begin(struct recorder *r)
{
    struct codec *c = &r->codec;

    assert_int_equal(codec_reqbufs(c, c->output, SOURCES), 0);
    assert_int_equal(codec_reqbufs(c, c->capture, TARGETS), 0);
    for (uint32_t i = 0; i < TARGETS; i++)
        assert_int_equal(codec_qbuf(c, c->capture, i, 0, 0), 0);
    assert_int_equal(codec_streamon(c, c->output), 0);
    assert_int_equal(codec_streamon(c, c->capture), 0);
}

static void send_one(struct recorder *r)
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

static void take_picture(struct recorder *r, const struct virtio_media_event_dqbuf *event)
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

static void take(struct recorder *r, const struct virtio_media_event_dqbuf *event)
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

static void wait_for(struct recorder *r, const unsigned *what, unsigned count)
{
    struct virtio_media_event_dqbuf event;

    while (*what < count) {
        codec_event(&r->codec, &event);
        take(r, &event);
    }
}

/* Sends the pictures up to number 'end'. */
static void recorder_send(struct recorder *r, unsigned end)
{
    while (r->sent < end) {
        if (r->free_sources == 0)
            wait_for(r, &r->given_back, r->given_back + 1);
        send_one(r);
    }
}

/* Drains, until the LAST buffer and the EOS event are there. */
static void recorder_stop(struct recorder *r)
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

static void recorder_close(struct recorder *r)
{
    struct media_fixture *f = r->codec.f;

    assert_int_equal(media_close(f, r->codec.session), NO_ANSWER);
    media_assert_empty(f);
    free(r->stream);
}

/* ---- what the ffmpeg program makes of it ---- */

/* VP8 has no stream of its own: IVF, frame by frame. */
static void write_ivf(FILE *file, const struct recorder *r)
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

static const char *container_of(uint32_t coded)
{
    return coded == V4L2_PIX_FMT_H264 ? "h264" : coded == V4L2_PIX_FMT_VP8 ? "ivf" : "mjpeg";
}

/* The pictures that came, as NV12 of that size. */
static void decode(struct recorder *r, uint32_t width, uint32_t height, struct film *decoded)
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

/* The luma's, of picture 'n' of 'film' from 'left', 'top' on; of all pictures. */
static double psnr(const struct film *film, const struct film *decoded, uint32_t left, uint32_t top)
{
    uint64_t error = 0, samples = (uint64_t)decoded->frames * decoded->width * decoded->height;

    for (unsigned n = 0; n < decoded->frames; n++) {
        const uint8_t *was = film->pictures + n * picture_bytes(film);
        const uint8_t *is = decoded->pictures + n * picture_bytes(decoded);

        for (uint32_t y = 0; y < decoded->height; y++) {
            for (uint32_t x = 0; x < decoded->width; x++) {
                int difference =
                    is[y * decoded->width + x] - was[(y + top) * film->width + x + left];

                error += (uint64_t)(difference * difference);
            }
        }
    }
    return moving_psnr(error, samples);
}

/* ---- the tests ---- */

static const uint32_t all_codecs[] = {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_VP8, V4L2_PIX_FMT_MJPEG};

static void record(struct media_fixture *f, uint32_t coded, uint32_t width, uint32_t height,
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

/* What comes out at the defaults is what went in, whatever reads it. */
static void test_codecs(void **state)
{
    for (unsigned i = 0; i < 3; i++)
        record(*state, all_codecs[i], 640, 480, 30);
}

static void test_sizes(void **state)
{
    static const uint32_t sizes[][2] = {{16, 16}, {178, 146}, {1280, 720}};

    for (unsigned i = 0; i < 3; i++)
        for (unsigned c = 0; c < 3; c++)
            record(*state, all_codecs[c], sizes[i][0], sizes[i][1], 3);
}

/* The picture that is queued after the wish is a key picture, whatever waits before it. */
static void test_forced_key(void **state)
{
    for (unsigned c = 0; c < 2; c++) {
        struct recorder r;
        struct film film;

        film_make(&film, 320, 240, 24);
        recorder_open(&r, *state, &film, all_codecs[c]);
        assert_int_equal(set(&r.codec, V4L2_CID_MPEG_VIDEO_GOP_SIZE, 100), 0);
        recorder_begin(&r);
        while (r.sent < 24) {
            recorder_send(&r, r.sent + 1);
            if (r.sent == 7 || r.sent == 9 || r.sent == 16)
                assert_int_equal(set(&r.codec, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1), 0);
        }
        recorder_stop(&r);
        assert_int_equal(r.came, 24);
        for (unsigned i = 0; i < 24; i++)
            assert_int_equal((r.flags[i] & V4L2_BUF_FLAG_KEYFRAME) != 0,
                             i == 0 || i == 7 || i == 9 || i == 16);
        recorder_close(&r);
        film_free(&film);
    }
}

static void test_groups(void **state)
{
    struct recorder r;
    struct film film;

    film_make(&film, 320, 240, 20);
    recorder_open(&r, *state, &film, V4L2_PIX_FMT_H264);
    assert_int_equal(set(&r.codec, V4L2_CID_MPEG_VIDEO_GOP_SIZE, 5), 0);
    recorder_begin(&r);
    recorder_send(&r, 20);
    recorder_stop(&r);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal((r.flags[i] & V4L2_BUF_FLAG_KEYFRAME) != 0, i % 5 == 0);
    recorder_close(&r);
    film_free(&film);
}

/* B pictures come after those that they lean on, each with the time of its own source; a drain
 * brings out what was held back. */
static void test_b_frames(void **state)
{
    struct film film, decoded;
    unsigned b_frames = 0;
    bool seen[30] = {false};
    struct recorder r;

    film_make(&film, 320, 240, 30);
    recorder_open(&r, *state, &film, V4L2_PIX_FMT_H264);
    assert_int_equal(set(&r.codec, V4L2_CID_MPEG_VIDEO_B_FRAMES, 2), 0);
    recorder_begin(&r);
    recorder_send(&r, 30);
    recorder_stop(&r);
    assert_int_equal(r.came, 30);
    for (unsigned i = 0; i < 30; i++) {
        unsigned n = (unsigned)((r.times[i] - 1000000) / 33333);

        assert_true(n < 30 && !seen[n]);
        seen[n] = true;
        b_frames += (r.flags[i] & V4L2_BUF_FLAG_BFRAME) != 0;
    }
    assert_in_range(b_frames, 15, 20);
    decode(&r, 320, 240, &decoded);
    assert_true(psnr(&film, &decoded, 0, 0) > GOOD);
    film_free(&decoded);
    recorder_close(&r);
    film_free(&film);
}

/* After a drain a START goes on, without a key picture where nothing had to be closed. */
static void test_drain_and_start(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct film film, decoded;
    struct recorder r;
    struct codec *c = &r.codec;

    film_make(&film, 320, 240, 20);
    recorder_open(&r, *state, &film, V4L2_PIX_FMT_H264);
    recorder_begin(&r);
    recorder_send(&r, 10);
    recorder_stop(&r);
    assert_int_equal(r.came, 10);
    /* What is queued now waits. */
    recorder_send(&r, 12);
    assert_false(codec_event_within(c, 50, &event));
    for (uint32_t i = 0; i < TARGETS; i++)
        if (c->m2m->capture.buffers[i]->state == QUEUE_BUFFER_IDLE)
            assert_int_equal(codec_qbuf(c, c->capture, i, 0, 0), 0);
    assert_false(codec_event_within(c, 50, &event));
    assert_int_equal(codec_encoder_cmd(c, V4L2_ENC_CMD_START), 0);
    recorder_send(&r, 20);
    recorder_stop(&r);
    assert_int_equal(r.came, 20);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal((r.flags[i] & V4L2_BUF_FLAG_KEYFRAME) != 0, i == 0);
    decode(&r, 320, 240, &decoded);
    assert_true(psnr(&film, &decoded, 0, 0) > GOOD);
    film_free(&decoded);
    recorder_close(&r);
    film_free(&film);
}

/* A stream after a stop of the capture queue can be decoded by itself. */
static void test_capture_restart(void **state)
{
    for (unsigned c = 0; c < 3; c++) {
        struct film film, decoded;
        struct recorder r;

        film_make(&film, 320, 240, 20);
        recorder_open(&r, *state, &film, all_codecs[c]);
        recorder_begin(&r);
        recorder_send(&r, 10);
        recorder_stop(&r);
        assert_int_equal(codec_streamoff(&r.codec, r.codec.capture), 0);
        for (uint32_t i = 0; i < TARGETS; i++)
            assert_int_equal(codec_qbuf(&r.codec, r.codec.capture, i, 0, 0), 0);
        r.size = r.came = 0;
        assert_int_equal(codec_streamon(&r.codec, r.codec.capture), 0);
        recorder_send(&r, 20);
        recorder_stop(&r);
        assert_int_equal(r.came, 10);
        assert_true(r.flags[0] & V4L2_BUF_FLAG_KEYFRAME);
        decode(&r, 320, 240, &decoded);
        film.pictures += 10 * picture_bytes(&film);
        assert_true(psnr(&film, &decoded, 0, 0) > GOOD);
        film.pictures -= 10 * picture_bytes(&film);
        film_free(&decoded);
        recorder_close(&r);
        film_free(&film);
    }
}

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

/* Few capture buffers are more than were asked for, so that the program may keep some. */
static void test_capture_count(void **state)
{
    struct v4l2_requestbuffers request = {.count = 4, .memory = V4L2_MEMORY_MMAP};
    struct v4l2_format coded;
    struct codec c;

    codec_open(&c, *state);
    set_format(&c, c.capture, V4L2_PIX_FMT_VP8, 0, 0, &coded);
    request.type = c.capture;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, REQBUFS, &request), 0);
    assert_int_equal(request.count, ENCODER_CAPTURE_BUFFERS);
    request.count = ENCODER_CAPTURE_BUFFERS + 3;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, REQBUFS, &request), 0);
    assert_int_equal(request.count, ENCODER_CAPTURE_BUFFERS + 3);
    request.type = c.output;
    request.count = 1;
    assert_int_equal(MEDIA_IOCTL(c.f, c.session, REQBUFS, &request), 0);
    assert_int_equal(request.count, 1);
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

/* Noise at the finest quantizer does not fit: that picture is lost, with a sign, and what comes
 * after is whole. */
static void test_too_large(void **state)
{
    uint32_t seed = 1;
    struct recorder r;
    struct film film;

    film_make(&film, 640, 480, 4);
    for (size_t i = 0; i < picture_bytes(&film); i++)
        film.pictures[picture_bytes(&film) + i] =
            (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    recorder_open(&r, *state, &film, V4L2_PIX_FMT_H264);
    assert_int_equal(set(&r.codec, V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE, 0), 0);
    assert_int_equal(set(&r.codec, V4L2_CID_MPEG_VIDEO_H264_I_FRAME_QP, 4), 0);
    assert_int_equal(set(&r.codec, V4L2_CID_MPEG_VIDEO_H264_P_FRAME_QP, 4), 0);
    recorder_begin(&r);
    recorder_send(&r, 4);
    recorder_stop(&r);
    assert_int_equal(r.errors, 1);
    assert_int_equal(r.bad, 0);
    assert_int_equal(r.came, 3);
    assert_true(r.flags[0] & V4L2_BUF_FLAG_KEYFRAME);
    assert_true(r.flags[1] & V4L2_BUF_FLAG_KEYFRAME);
    assert_int_equal(r.times[1], 1000000 + 2 * 33333);
    recorder_close(&r);
    film_free(&film);
}

/* A picture that is not all there is no picture. */
static void test_too_short(void **state)
{
    struct recorder r;
    struct film film;

    film_make(&film, 320, 240, 3);
    recorder_open(&r, *state, &film, V4L2_PIX_FMT_H264);
    recorder_begin(&r);
    recorder_send(&r, 1);
    assert_int_equal(codec_qbuf(&r.codec, r.codec.output, 2, 320 * 240, 0), 0);
    wait_for(&r, &r.bad, 1);
    recorder_send(&r, 3);
    recorder_stop(&r);
    assert_int_equal(r.bad, 1);
    assert_int_equal(r.came, 3);
    recorder_close(&r);
    film_free(&film);
}

/* The device begins anew while a picture is worked on. */
static void test_reset(void **state)
{
    struct media_fixture *f = *state;
    struct recorder r;
    struct film film;

    film_make(&film, 1280, 720, 8);
    for (unsigned c = 0; c < 3; c++) {
        recorder_open(&r, f, &film, all_codecs[c]);
        recorder_begin(&r);
        recorder_send(&r, 4);
        media_fixture_reboot(f);
        media_assert_empty(f);
        free(r.stream);
    }
    film_free(&film);
}

#define SESSIONS 6u

/* Takes one event, for whichever session it is. */
static void take_any(struct recorder *r)
{
    struct virtio_media_event_dqbuf event;

    codec_event(&r[0].codec, &event);
    for (unsigned i = 0; i < SESSIONS; i++)
        if (r[i].codec.session == event.hdr.session_id)
            take(&r[i], &event);
}

/* Several sessions side by side, each with a stream of its own. */
static void test_sessions(void **state)
{
    struct recorder r[SESSIONS];
    unsigned done = 0;
    struct film film;

    film_make(&film, 320, 240, 20);
    for (unsigned i = 0; i < SESSIONS; i++) {
        recorder_open(&r[i], *state, &film, all_codecs[i % 3]);
        recorder_begin(&r[i]);
    }
    while (done < SESSIONS) {
        done = 0;
        for (unsigned i = 0; i < SESSIONS; i++) {
            while (r[i].sent < film.frames && r[i].free_sources != 0)
                send_one(&r[i]);
            if (r[i].sent == film.frames && !r[i].stopped)
                assert_int_equal(codec_encoder_cmd(&r[i].codec, V4L2_ENC_CMD_STOP), 0);
            r[i].stopped = r[i].sent == film.frames;
            done += r[i].ended && r[i].last == 1;
        }
        if (done < SESSIONS)
            take_any(r);
    }
    for (unsigned i = 0; i < SESSIONS; i++) {
        struct film decoded;

        assert_int_equal(r[i].came, film.frames);
        decode(&r[i], 320, 240, &decoded);
        assert_true(psnr(&film, &decoded, 0, 0) > GOOD);
        film_free(&decoded);
        assert_int_equal(media_close(r[i].codec.f, r[i].codec.session), NO_ANSWER);
        free(r[i].stream);
    }
    media_assert_empty(*state);
    film_free(&film);
}

/* A guest's program gives memory of its own: pages that lie anywhere. */
#define USER_WIDTH 64u
#define USER_HEIGHT 48u
#define USER_SIZE (USER_WIDTH * USER_HEIGHT * 3 / 2)
#define USER_PAGES 2u

struct user_call {
    struct v4l2_buffer buffer;
    struct virtio_media_sg pieces[USER_PAGES];
};

static uint64_t user_page(unsigned buffer, unsigned page)
{
    return RING_DRIVER_GPA + RING_DRIVER_RAM - (1 + USER_PAGES * buffer + page) * 2 * 4096u;
}

static void user_qbuf(struct codec *c, uint32_t type, uint32_t index, unsigned buffer)
{
    struct user_call call = {.buffer = {.index = index,
                                        .type = type,
                                        .memory = V4L2_MEMORY_USERPTR,
                                        .bytesused = type == c->output ? USER_SIZE : 0,
                                        .length = USER_SIZE,
                                        .m.userptr = 0x7fff00000000}};

    call.pieces[0] = (struct virtio_media_sg){user_page(buffer, 0), 4096, 0};
    call.pieces[1] = (struct virtio_media_sg){user_page(buffer, 1), USER_SIZE - 4096, 0};
    assert_int_equal(media_ioctl_raw(c->f, c->session, _IOC_NR(VIDIOC_QBUF), &call, sizeof(call)),
                     0);
}

static void user_copy(struct codec *c, unsigned buffer, uint8_t *bytes, bool to_guest)
{
    for (unsigned i = 0; i < USER_PAGES; i++) {
        uint8_t *page = ring_driver_at(&c->f->driver, user_page(buffer, i));
        size_t size = i == 0 ? 4096 : USER_SIZE - 4096;

        memcpy(to_guest ? page : bytes + i * 4096, to_guest ? bytes + i * 4096 : page, size);
    }
}

static void test_user_memory(void **state)
{
    struct v4l2_requestbuffers request = {.count = 2, .memory = V4L2_MEMORY_USERPTR};
    struct virtio_media_event_dqbuf event;
    struct film film, decoded;
    struct recorder r;
    struct codec *c = &r.codec;

    film_make(&film, USER_WIDTH, USER_HEIGHT, 10);
    recorder_open(&r, *state, &film, V4L2_PIX_FMT_H264);
    request.type = c->output;
    assert_int_equal(MEDIA_IOCTL(c->f, c->session, REQBUFS, &request), 0);
    assert_int_equal(codec_reqbufs(c, c->capture, 2), 0);
    assert_int_equal(codec_streamon(c, c->output), 0);
    assert_int_equal(codec_streamon(c, c->capture), 0);
    for (unsigned i = 0; i < film.frames; i++) {
        user_copy(c, i % 2, film.pictures + i * USER_SIZE, true);
        user_qbuf(c, c->output, i % 2, i % 2);
        assert_int_equal(codec_qbuf(c, c->capture, i % 2, 0, 0), 0);
        codec_event(c, &event);
        assert_int_equal(event.buffer.type, c->output);
        assert_false(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
        codec_event(c, &event);
        assert_int_equal(event.buffer.type, c->capture);
        memcpy(r.stream + r.size, codec_bytes(c, c->capture, i % 2, 0), codec_used(&event, 0));
        r.size += codec_used(&event, 0);
        r.came++;
    }
    decode(&r, USER_WIDTH, USER_HEIGHT, &decoded);
    assert_true(psnr(&film, &decoded, 0, 0) > GOOD);
    film_free(&decoded);
    recorder_close(&r);
    film_free(&film);
}

static void test_single_planar(void **state)
{
    record(*state, V4L2_PIX_FMT_H264, 320, 240, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENCODER_TEST(test_codecs),
        ENCODER_TEST(test_sizes),
        ENCODER_SINGLE_TEST(test_single_planar),
        ENCODER_SINGLE_TEST(test_user_memory),
        ENCODER_TEST(test_forced_key),
        ENCODER_TEST(test_groups),
        ENCODER_TEST(test_b_frames),
        ENCODER_TEST(test_drain_and_start),
        ENCODER_TEST(test_capture_restart),
        ENCODER_TEST(test_rates),
        ENCODER_TEST(test_intervals),
        ENCODER_TEST(test_coded_interval),
        ENCODER_TEST(test_crop),
        ENCODER_TEST(test_selection),
        ENCODER_TEST(test_formats),
        ENCODER_TEST(test_usual_colours),
        ENCODER_TEST(test_coded_format),
        ENCODER_TEST(test_level),
        ENCODER_TEST(test_controls),
        ENCODER_TEST(test_capture_count),
        ENCODER_JPEG_TEST(test_jpeg_alone),
        ENCODER_TEST(test_too_large),
        ENCODER_TEST(test_too_short),
        ENCODER_TEST(test_reset),
        ENCODER_TEST(test_sessions),
    };

    return cmocka_run_group_tests(tests, NULL, unmake);
}
