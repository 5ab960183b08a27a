/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "media/av_library.h"
#include "media/encoder.h"
#include "media/h264_level.h"
#include "moving_picture.h"

#define WIDTH 320u
#define HEIGHT 240u
#define ROOM (1u << 20)
#define ROOM_BYTES ((WIDTH * HEIGHT * 3 + 0xffffu) & ~0xffffu) /* whole pages */
#define GOOD 35.0                                              /* dB */

static const struct av_library *av;

/* An encoder with its settings, and a decoder for what comes of it. */
struct tandem {
    struct encoder *encoder;
    struct quota memory;
    struct quota_numbers numbers;
    struct encoder_settings settings;
    uint8_t *room[PICTURE_MAX_PLANES], *planes[PICTURE_MAX_PLANES];
    AVCodecContext *decoder;
    AVFrame *frame;
    uint8_t *packet;
    unsigned put, taken, decoded; /* pictures */
    unsigned keys;
    uint64_t bytes;
    uint64_t error; /* of the luma */
    bool b_frames;
    struct encoder_output last;
};

static enum AVCodecID id_of(uint32_t coded)
{
    switch (coded) {
    case V4L2_PIX_FMT_H264:
        return AV_CODEC_ID_H264;
    case V4L2_PIX_FMT_VP8:
        return AV_CODEC_ID_VP8;
    default:
        return AV_CODEC_ID_MJPEG;
    }
}

static void defaults(struct encoder_settings *s, uint32_t coded)
{
    memset(s, 0, sizeof(*s));
    picture_init(&s->raw, pixel_format_find(V4L2_PIX_FMT_NV12), WIDTH, HEIGHT);
    s->coded = coded;
    s->crop = (struct v4l2_rect){0, 0, WIDTH, HEIGHT};
    s->interval = (struct v4l2_fract){1, 30};
    s->colours.colorspace = V4L2_COLORSPACE_REC709;
    s->colours.ycbcr_enc = V4L2_YCBCR_ENC_709;
    s->colours.quantization = V4L2_QUANTIZATION_LIM_RANGE;
    s->colours.xfer_func = V4L2_XFER_FUNC_709;
    s->rate = ENCODER_RATE_VARIABLE;
    s->bitrate = 2000000;
    s->peak = 4000000;
    s->quality = 80;
    s->gop = 30;
    s->max_qp = coded == V4L2_PIX_FMT_VP8 ? 63 : 51;
    s->i_qp = s->p_qp = 20;
    if (coded == V4L2_PIX_FMT_H264)
        s->profile = V4L2_MPEG_VIDEO_H264_PROFILE_HIGH;
    s->level = V4L2_MPEG_VIDEO_H264_LEVEL_4_0;
    s->threads = 2;
}

static const struct quota_row memory_row[] = {{"codec-memory", .bytes = true, .most = 1 << 30},
                                              {NULL}};

/* Skips the test where FFmpeg has no encoder for it. */
/* Memory of a plane, behind which there is nothing. */
static uint8_t *room_create(void)
{
    uint8_t *room = mmap(NULL, ROOM_BYTES + units_page_size(), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(room != MAP_FAILED);
    assert_int_equal(mprotect(room + ROOM_BYTES, units_page_size(), PROT_NONE), 0);
    return room;
}

/* At the end of their memory: not a byte beyond is read. */
static void lay_planes(struct tandem *t)
{
    for (unsigned i = 0; i < PICTURE_MAX_PLANES; i++)
        t->planes[i] = t->room[i] + ROOM_BYTES - t->settings.raw.plane_size[i];
}

static struct tandem *tandem_create(uint32_t coded)
{
    struct tandem *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    if (encoder_name(av, coded) == NULL)
        skip();
    defaults(&t->settings, coded);
    quotas_init(&t->memory, memory_row, &t->numbers, 0, NULL);
    t->encoder = encoder_create(av, &t->memory);
    t->decoder = av->avcodec_alloc_context3(av->avcodec_find_decoder(id_of(coded)));
    assert_non_null(t->decoder);
    assert_int_equal(av->avcodec_open2(t->decoder, NULL, NULL), 0);
    t->frame = av->av_frame_alloc();
    t->packet = malloc(ROOM);
    for (unsigned i = 0; i < PICTURE_MAX_PLANES; i++)
        t->room[i] = room_create();
    lay_planes(t);
    return t;
}

static void tandem_destroy(struct tandem *t)
{
    for (unsigned i = 0; i < PICTURE_MAX_PLANES; i++)
        munmap(t->room[i], ROOM_BYTES + units_page_size());
    free(t->packet);
    av->av_frame_free(&t->frame);
    av->avcodec_free_context(&t->decoder);
    encoder_destroy(t->encoder);
    assert_int_equal(t->numbers.used, 0);
    free(t);
}

/* Pictures come out of the decoder in their order. */
static void compare(struct tandem *t)
{
    while (av->avcodec_receive_frame(t->decoder, t->frame) == 0) {
        const struct v4l2_rect *crop = &t->settings.crop;

        assert_int_equal(t->frame->width, crop->width);
        assert_int_equal(t->frame->height, crop->height);
        t->error +=
            moving_luma_error(t->frame->data[0], (uint32_t)t->frame->linesize[0],
                              (uint32_t)crop->left, (uint32_t)crop->top, crop->width, crop->height,
                              t->decoded++, t->settings.coded == V4L2_PIX_FMT_MJPEG);
    }
}

static void decode(struct tandem *t, uint8_t *data, uint32_t size)
{
    AVPacket *packet = av->av_packet_alloc();

    if (data != NULL) {
        assert_int_equal(av->av_new_packet(packet, (int)size), 0);
        memcpy(packet->data, data, size);
    }
    assert_int_equal(av->avcodec_send_packet(t->decoder, packet), 0);
    av->av_packet_free(&packet);
    compare(t);
}

static void take_all(struct tandem *t)
{
    while (encoder_has_output(t->encoder)) {
        assert_int_equal(encoder_take(t->encoder, t->packet, ROOM, &t->last), 0);
        t->taken++;
        t->bytes += t->last.size;
        t->keys += (t->last.flags & V4L2_BUF_FLAG_KEYFRAME) != 0;
        t->b_frames |= (t->last.flags & V4L2_BUF_FLAG_BFRAME) != 0;
        decode(t, t->packet, t->last.size);
    }
}

static void put(struct tandem *t, bool key)
{
    moving_nv12(t->planes[0],
                t->settings.raw.format->planes == 2 ? t->planes[1] : t->planes[0] + WIDTH * HEIGHT,
                WIDTH, WIDTH, HEIGHT, t->put);
    assert_int_equal(encoder_put(t->encoder, &t->settings, t->planes, 1000ull + t->put * 7, key),
                     0);
    t->put++;
    take_all(t);
}

static void finish(struct tandem *t)
{
    assert_int_equal(encoder_finish(t->encoder), 0);
    take_all(t);
    decode(t, NULL, 0);
}

static double psnr(const struct tandem *t)
{
    return moving_psnr(t->error,
                       (uint64_t)t->decoded * t->settings.crop.width * t->settings.crop.height);
}

static void encode_and_compare(uint32_t coded)
{
    struct tandem *t = tandem_create(coded);

    if (coded == V4L2_PIX_FMT_MJPEG)
        t->settings.colours.ycbcr_enc = V4L2_YCBCR_ENC_601;
    for (unsigned i = 0; i < 30; i++) {
        put(t, false);
        /* Nothing stays inside. */
        assert_int_equal(t->taken, i + 1);
        assert_int_equal(t->last.time, 1000 + i * 7);
    }
    assert_int_equal(t->keys, coded == V4L2_PIX_FMT_MJPEG ? 30 : 1);
    finish(t);
    assert_int_equal(t->decoded, 30);
    print_message("%s: %.1f dB, %llu bytes\n", encoder_name(av, coded), psnr(t),
                  (unsigned long long)t->bytes);
    assert_true(psnr(t) > GOOD);
    tandem_destroy(t);
}

static void test_h264(void **state)
{
    encode_and_compare(V4L2_PIX_FMT_H264);
}

static void test_vp8(void **state)
{
    encode_and_compare(V4L2_PIX_FMT_VP8);
}

static void test_jpeg(void **state)
{
    encode_and_compare(V4L2_PIX_FMT_MJPEG);
}

/* What a codec keeps is counted while it is open, and it does not open without. */
static void test_memory(void **state)
{
    struct tandem *t = tandem_create(V4L2_PIX_FMT_H264);
    uint64_t size = t->settings.raw.plane_size[0];

    for (unsigned i = 0; i < PICTURE_MAX_PLANES; i++)
        memset(t->room[i], 128, ROOM_BYTES);
    t->numbers.limit = size;
    assert_int_equal(encoder_put(t->encoder, &t->settings, t->planes, 0, false), -EDQUOT);
    assert_int_equal(t->numbers.used, 0);
    assert_int_equal(t->numbers.refused, 1);
    t->numbers.limit = 8 * size;
    assert_int_equal(encoder_put(t->encoder, &t->settings, t->planes, 0, false), 0);
    assert_int_equal(t->numbers.used, 8 * size);
    encoder_forget(t->encoder);
    assert_int_equal(t->numbers.used, 0);
    tandem_destroy(t);
}

/* Every raw format comes out as the same luma. */
static void test_raw_formats(void **state)
{
    const struct pixel_format *format;

    for (unsigned i = 0; (format = pixel_format_at(i)) != NULL; i++) {
        struct tandem *t = tandem_create(V4L2_PIX_FMT_H264);
        bool yuv = format->layout != PIXEL_RGB24;

        picture_init(&t->settings.raw, format, WIDTH, HEIGHT);
        lay_planes(t);
        for (unsigned n = 0; n < 4; n++) {
            struct picture_part luma = picture_part(&t->settings.raw, t->planes, 0);

            for (unsigned p = 0; p < format->planes; p++)
                memset(t->planes[p], 128, t->settings.raw.plane_size[p]);
            for (uint32_t y = 0; y < HEIGHT; y++) {
                for (uint32_t x = 0; x < WIDTH; x++) {
                    uint8_t value = moving_luma(x, y, n), *line = luma.data + y * luma.stride;

                    if (format->layout == PIXEL_YUYV)
                        line[2 * x] = value;
                    else if (format->layout == PIXEL_UYVY)
                        line[2 * x + 1] = value;
                    else if (format->layout == PIXEL_P010)
                        line[2 * x + 1] = value, line[2 * x] = 0;
                    else if (yuv)
                        line[x] = value;
                    else
                        memset(line + 3 * x, (value - 16) * 255 / 219, 3);
                }
            }
            assert_int_equal(encoder_put(t->encoder, &t->settings, t->planes, n, false), 0);
            take_all(t);
        }
        finish(t);
        assert_int_equal(t->decoded, 4);
        if (psnr(t) <= GOOD)
            print_message("%s: %.1f dB\n", format->description, psnr(t));
        assert_true(psnr(t) > GOOD);
        tandem_destroy(t);
    }
}

static void test_crop(void **state)
{
    struct tandem *t = tandem_create(V4L2_PIX_FMT_H264);

    t->settings.crop = (struct v4l2_rect){34, 18, 250, 202};
    for (unsigned i = 0; i < 5; i++)
        put(t, false);
    finish(t);
    assert_int_equal(t->decoded, 5);
    assert_true(psnr(t) > GOOD);
    tandem_destroy(t);
}

static void test_key_pictures(void **state)
{
    static const uint32_t coded[] = {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_VP8};

    for (unsigned c = 0; c < 2; c++) {
        struct tandem *t = tandem_create(coded[c]);

        t->settings.gop = 8;
        for (unsigned i = 0; i < 24; i++) {
            unsigned keys = t->keys;

            put(t, i == 12);
            /* One asked for begins a group of its own. */
            assert_int_equal(t->keys - keys, i == 0 || i == 8 || i == 12 || i == 20);
        }
        tandem_destroy(t);
    }
}

static void test_b_frames(void **state)
{
    struct tandem *t = tandem_create(V4L2_PIX_FMT_H264);

    t->settings.b_frames = 2;
    for (unsigned i = 0; i < 15; i++)
        put(t, false);
    assert_true(t->taken < 15);
    finish(t);
    assert_true(t->b_frames);
    assert_int_equal(t->taken, 15);
    assert_int_equal(t->decoded, 15);
    assert_true(psnr(t) > GOOD);
    /* There was something inside: it begins anew. */
    av->avcodec_flush_buffers(t->decoder);
    assert_int_equal(t->keys, 1);
    put(t, false);
    finish(t);
    assert_int_equal(t->keys, 2);
    tandem_destroy(t);
}

/* 3 seconds of noise over the picture, of which the encoder would like to make more. */
static double bits_per_second(uint32_t coded, enum encoder_rate rate, uint32_t bitrate)
{
    struct tandem *t = tandem_create(coded);
    uint32_t seed = 1;
    double result;

    t->settings.rate = rate;
    t->settings.bitrate = bitrate;
    t->settings.peak = bitrate * 3 / 2;
    for (unsigned i = 0; i < 90; i++) {
        moving_nv12(t->planes[0], t->planes[0] + WIDTH * HEIGHT, WIDTH, WIDTH, HEIGHT, i);
        for (unsigned n = 0; n < WIDTH * HEIGHT; n++)
            t->planes[0][n] ^= (uint8_t)((seed = seed * 1664525 + 1013904223) >> 28);
        assert_int_equal(encoder_put(t->encoder, &t->settings, t->planes, i, false), 0);
        take_all(t);
    }
    result = (double)t->bytes * 8 / 3;
    print_message("%s: %u bits/s asked for, %.0f came\n", encoder_name(av, coded), bitrate, result);
    tandem_destroy(t);
    return result;
}

static void test_rate(void **state)
{
    static const uint32_t coded[] = {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_VP8};
    static const uint32_t rates[] = {400000, 1500000};

    for (unsigned c = 0; c < 2; c++) {
        for (unsigned r = 0; r < 2; r++) {
            double variable = bits_per_second(coded[c], ENCODER_RATE_VARIABLE, rates[r]);
            double constant = bits_per_second(coded[c], ENCODER_RATE_CONSTANT, rates[r]);

            assert_true(variable > 0.7 * rates[r] && variable < 1.3 * rates[r]);
            assert_true(constant > 0.75 * rates[r] && constant < 1.25 * rates[r]);
        }
    }
}

/* The rate changes in the middle of the stream, H.264's without a key picture. */
static void test_rate_change(void **state)
{
    static const uint32_t coded[] = {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_VP8};

    for (unsigned c = 0; c < 2; c++) {
        struct tandem *t = tandem_create(coded[c]);
        uint64_t high;

        t->settings.rate = ENCODER_RATE_CONSTANT;
        t->settings.gop = 0;
        for (unsigned i = 0; i < 45; i++)
            put(t, false);
        high = t->bytes;
        t->bytes = 0;
        t->settings.bitrate = 150000;
        for (unsigned i = 0; i < 45; i++)
            put(t, false);
        assert_true(t->bytes < high / 2);
        assert_int_equal(t->keys, coded[c] == V4L2_PIX_FMT_H264 ? 1 : 2);
        assert_int_equal(t->decoded, 90);
        tandem_destroy(t);
    }
}

/* More quality, more bytes, fewer errors. */
static void test_quality(void **state)
{
    static const uint32_t coded[] = {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_VP8, V4L2_PIX_FMT_MJPEG};

    for (unsigned c = 0; c < 3; c++) {
        uint64_t bytes[2];
        double quality[2];

        for (unsigned i = 0; i < 2; i++) {
            struct tandem *t = tandem_create(coded[c]);

            t->settings.rate = ENCODER_RATE_QUALITY;
            t->settings.colours.ycbcr_enc = V4L2_YCBCR_ENC_601;
            t->settings.quality = i == 0 ? 30 : 90;
            for (unsigned n = 0; n < 8; n++)
                put(t, false);
            finish(t);
            bytes[i] = t->bytes;
            quality[i] = psnr(t);
            tandem_destroy(t);
        }
        assert_true(bytes[1] > bytes[0] * 3 / 2);
        assert_true(quality[1] > quality[0] + 3);
    }
}

static void test_quantizers(void **state)
{
    static const uint32_t coded[] = {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_VP8};

    for (unsigned c = 0; c < 2; c++) {
        uint64_t bytes[2];

        for (unsigned i = 0; i < 2; i++) {
            struct tandem *t = tandem_create(coded[c]);

            t->settings.rate = ENCODER_RATE_NONE;
            t->settings.i_qp = t->settings.p_qp = i == 0 ? 40 : 10;
            for (unsigned n = 0; n < 8; n++)
                put(t, false);
            bytes[i] = t->bytes;
            tandem_destroy(t);
        }
        assert_true(bytes[1] > 3 * bytes[0]);
    }
}

/* A picture that does not fit is lost, and the next one does not lean on it. */
static void test_too_small(void **state)
{
    struct tandem *t = tandem_create(V4L2_PIX_FMT_H264);
    struct encoder_output output;

    put(t, false);
    moving_nv12(t->planes[0], t->planes[0] + WIDTH * HEIGHT, WIDTH, WIDTH, HEIGHT, 77);
    assert_int_equal(encoder_put(t->encoder, &t->settings, t->planes, 5, false), 0);
    assert_int_equal(encoder_take(t->encoder, t->packet, 4, &output), -ENOSPC);
    assert_true(output.size > 4);
    assert_int_equal(encoder_take(t->encoder, t->packet, 4, &output), -ENODATA);
    put(t, false);
    assert_int_equal(t->keys, 2);
    put(t, false);
    assert_int_equal(t->keys, 2);
    tandem_destroy(t);
}

static void test_forget(void **state)
{
    struct tandem *t = tandem_create(V4L2_PIX_FMT_H264);

    t->settings.b_frames = 3;
    put(t, false);
    put(t, false);
    encoder_forget(t->encoder);
    assert_false(encoder_has_output(t->encoder));
    assert_int_equal(encoder_finish(t->encoder), 0);
    assert_false(encoder_has_output(t->encoder));
    tandem_destroy(t);
}

/* What the stream says of itself. */
static void test_headers(void **state)
{
    struct tandem *t = tandem_create(V4L2_PIX_FMT_H264);

    t->settings.profile = V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE;
    t->settings.level = V4L2_MPEG_VIDEO_H264_LEVEL_3_1;
    t->settings.colours.ycbcr_enc = V4L2_YCBCR_ENC_BT2020;
    t->settings.colours.colorspace = V4L2_COLORSPACE_BT2020;
    put(t, false);
    finish(t);
    assert_int_equal(t->decoder->profile, FF_PROFILE_H264_CONSTRAINED_BASELINE);
    assert_int_equal(t->decoder->level, 31);
    assert_int_equal(t->decoder->colorspace, AVCOL_SPC_BT2020_NCL);
    assert_int_equal(t->decoder->color_primaries, AVCOL_PRI_BT2020);
    assert_int_equal(t->decoder->color_trc, AVCOL_TRC_BT709);
    assert_int_equal(t->decoder->color_range, AVCOL_RANGE_MPEG);
    tandem_destroy(t);
}

static uint32_t random_below(uint32_t *seed, uint32_t end)
{
    *seed = *seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(*seed >> 8) * end >> 24);
}

/* Whatever a guest may set, in any order: each picture comes out. */
static void random_settings(struct encoder_settings *s, uint32_t *seed)
{
    static const struct v4l2_fract intervals[] = {{1, 1000}, {1, 30},           {1001, 30000},
                                                  {100, 1},  {999983, 1000000}, {3, 2}};
    uint32_t most = s->coded == V4L2_PIX_FMT_VP8 ? 63 : 51;

    switch (random_below(seed, 8)) {
    case 0:
        s->crop.width = 16 + 2 * random_below(seed, 30);
        s->crop.height = 16 + 2 * random_below(seed, 30);
        s->crop.left = (int32_t)(2 * random_below(seed, 10));
        break;
    case 1:
        s->interval = intervals[random_below(seed, 6)];
        break;
    case 2:
        s->rate = random_below(seed, 4);
        s->quality = 1 + random_below(seed, 100);
        break;
    case 3:
        s->bitrate = 16000u << random_below(seed, 15);
        s->peak = 16000u << random_below(seed, 15);
        break;
    case 4:
        s->gop = random_below(seed, 2) ? random_below(seed, 5) : 100000 * random_below(seed, 2);
        break;
    case 5:
        s->max_qp = random_below(seed, most + 1);
        s->min_qp = random_below(seed, s->max_qp + 1);
        s->i_qp = random_below(seed, 52);
        s->p_qp = random_below(seed, most + 1);
        break;
    case 6:
        s->b_frames = random_below(seed, ENCODER_MAX_B_FRAMES + 1);
        s->profile = random_below(seed, s->coded == V4L2_PIX_FMT_H264 ? 5 : 4);
        s->level = random_below(seed, V4L2_MPEG_VIDEO_H264_LEVEL_6_2 + 1);
        break;
    case 7:
        s->colours = (struct colours){1 + random_below(seed, 12), 1 + random_below(seed, 8),
                                      1 + random_below(seed, 2), 1 + random_below(seed, 7)};
        s->threads = 1 + random_below(seed, 4);
        break;
    }
}

static void test_any_settings(void **state)
{
    static const uint32_t coded[] = {V4L2_PIX_FMT_H264, V4L2_PIX_FMT_VP8, V4L2_PIX_FMT_MJPEG};

    for (unsigned c = 0; c < 3; c++) {
        struct tandem *t = tandem_create(coded[c]);
        uint32_t seed = 7 + c;

        t->settings.crop = (struct v4l2_rect){0, 0, 64, 48};
        for (unsigned i = 0; i < 300; i++) {
            int r;

            random_settings(&t->settings, &seed);
            r = encoder_put(t->encoder, &t->settings, t->planes, i, random_below(&seed, 9) == 0);
            if (r != 0)
                print_message("%s: %d\n", encoder_name(av, coded[c]), r);
            assert_int_equal(r, 0);
            if (random_below(&seed, 9) == 0)
                assert_int_equal(encoder_finish(t->encoder), 0);
            while (encoder_take(t->encoder, t->packet, ROOM, &t->last) == 0)
                t->taken++;
        }
        assert_int_equal(encoder_finish(t->encoder), 0);
        while (encoder_take(t->encoder, t->packet, ROOM, &t->last) == 0)
            t->taken++;
        assert_int_equal(t->taken, 300);
        tandem_destroy(t);
    }
}

/* A JPEG has a matrix and a range of its own: red of BT.709 in limited range becomes red. */
static void test_jpeg_colours(void **state)
{
    struct tandem *t = tandem_create(V4L2_PIX_FMT_MJPEG);
    struct encoder_output output;
    AVPacket *packet;

    memset(t->planes[0], 63, WIDTH * HEIGHT);
    for (unsigned i = 0; i < WIDTH * HEIGHT / 2; i++)
        t->planes[0][WIDTH * HEIGHT + i] = i % 2 == 0 ? 102 : 240;
    assert_int_equal(encoder_put(t->encoder, &t->settings, t->planes, 0, false), 0);
    assert_int_equal(encoder_take(t->encoder, t->packet, ROOM, &output), 0);
    packet = av->av_packet_alloc();
    assert_int_equal(av->av_new_packet(packet, (int)output.size), 0);
    memcpy(packet->data, t->packet, output.size);
    assert_int_equal(av->avcodec_send_packet(t->decoder, packet), 0);
    assert_int_equal(av->avcodec_receive_frame(t->decoder, t->frame), 0);
    assert_in_range(t->frame->data[0][0], 74, 78);
    assert_in_range(t->frame->data[1][0], 82, 88);
    assert_in_range(t->frame->data[2][0], 252, 255);
    av->av_packet_free(&packet);
    tandem_destroy(t);
}

static void test_levels(void **state)
{
    struct v4l2_fract film = {1, 24}, video = {1, 30}, fast = {1, 120};

    assert_int_equal(h264_level_needed(176, 144, (struct v4l2_fract){1, 15}, 64000, false),
                     V4L2_MPEG_VIDEO_H264_LEVEL_1_0);
    assert_int_equal(h264_level_needed(1280, 720, video, 14000000, false),
                     V4L2_MPEG_VIDEO_H264_LEVEL_3_1);
    assert_int_equal(h264_level_needed(1280, 720, video, 14000001, false),
                     V4L2_MPEG_VIDEO_H264_LEVEL_3_2);
    assert_int_equal(h264_level_needed(1280, 720, video, 17500000, true),
                     V4L2_MPEG_VIDEO_H264_LEVEL_3_1);
    assert_int_equal(h264_level_needed(1920, 1080, film, 4000000, true),
                     V4L2_MPEG_VIDEO_H264_LEVEL_4_0);
    assert_int_equal(h264_level_needed(4096, 4096, fast, 4000000, true),
                     V4L2_MPEG_VIDEO_H264_LEVEL_6_1);
    /* Too long for 4.0, whose pictures may have as many macroblocks. */
    assert_int_equal(h264_level_needed(4096, 64, film, 4000000, true),
                     V4L2_MPEG_VIDEO_H264_LEVEL_4_0);
    assert_int_equal(h264_level_needed(4352, 64, film, 4000000, true),
                     V4L2_MPEG_VIDEO_H264_LEVEL_5_0);
    assert_int_equal(h264_level_idc(V4L2_MPEG_VIDEO_H264_LEVEL_5_2), 52);
}

static int load(void **state)
{
    const char *why;

    log_init("test", NULL, LOG_LEVEL_WARNING);
    av = av_library_load(AV_LIBRARY_SCALE, &why);
    if (av == NULL)
        print_message("%s\n", why);
    return av != NULL ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_h264),         cmocka_unit_test(test_vp8),
        cmocka_unit_test(test_jpeg),         cmocka_unit_test(test_memory),
        cmocka_unit_test(test_raw_formats),  cmocka_unit_test(test_crop),
        cmocka_unit_test(test_key_pictures), cmocka_unit_test(test_b_frames),
        cmocka_unit_test(test_rate),         cmocka_unit_test(test_rate_change),
        cmocka_unit_test(test_quality),      cmocka_unit_test(test_quantizers),
        cmocka_unit_test(test_too_small),    cmocka_unit_test(test_forget),
        cmocka_unit_test(test_headers),      cmocka_unit_test(test_any_settings),
        cmocka_unit_test(test_jpeg_colours), cmocka_unit_test(test_levels),
    };

    return cmocka_run_group_tests(tests, load, NULL);
}
