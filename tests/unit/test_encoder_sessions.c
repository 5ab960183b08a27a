/* SPDX-License-Identifier: MIT */
#include "encoder_fixture.h"

/* Streams that end and begin, several at once, and what goes wrong in them. */
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

/* Where nothing is left inside the guest has heard of the end when its STOP is answered. */
static void test_drain_at_once(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct film film;
    struct recorder r;
    struct codec *c = &r.codec;

    film_make(&film, 320, 240, 5);
    recorder_open(&r, *state, &film, V4L2_PIX_FMT_H264);
    recorder_begin(&r);
    recorder_send(&r, 5);
    wait_for(&r, &r.given_back, 5);
    wait_for(&r, &r.came, 5);
    assert_int_equal(codec_encoder_cmd(c, V4L2_ENC_CMD_STOP), 0);
    assert_true(codec_event_within(c, 0, &event));
    assert_int_equal(codec_event_type(&event), c->capture);
    assert_true(event.buffer.flags & V4L2_BUF_FLAG_LAST);
    assert_int_equal(codec_used(&event, 0), 0);
    assert_true(codec_event_within(c, 0, &event));
    assert_int_equal(codec_event_type(&event), V4L2_EVENT_EOS | CODEC_IS_EVENT);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENCODER_TEST(test_drain_and_start), ENCODER_TEST(test_drain_at_once),
        ENCODER_TEST(test_capture_restart), ENCODER_TEST(test_capture_count),
        ENCODER_TEST(test_too_large),       ENCODER_TEST(test_too_short),
        ENCODER_TEST(test_reset),           ENCODER_TEST(test_sessions),
    };

    return cmocka_run_group_tests(tests, NULL, unmake);
}
