/* SPDX-License-Identifier: MIT */
#include "encoder_fixture.h"

/* What comes out is what went in: in every coded format, from any memory, key pictures and all. */
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
    };

    return cmocka_run_group_tests(tests, NULL, unmake);
}
