/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

static void no_camera_ioctls(struct point_guest *g)
{
    struct v4l2_input input = {0};
    struct v4l2_output output = {0};

    assert_int_equal(ASK(g, ENUMINPUT, &input), ENOTTY);
    assert_int_equal(ASK(g, G_INPUT, &(uint32_t){0}), ENOTTY);
    assert_int_equal(ASK(g, S_INPUT, &(uint32_t){0}), ENOTTY);
    assert_int_equal(ASK(g, ENUMOUTPUT, &output), ENOTTY);
    assert_int_equal(point_subscribe(g, V4L2_EVENT_FRAME_SYNC, 0, 0), EINVAL);
}

static void programs_are_apart(struct point_guest *g)
{
    struct point_guest *other = calloc(1, sizeof(*other));
    struct v4l2_format before = point_g_fmt(g, g->output), now;
    struct v4l2_format small = {.type = g->output};

    point_guest_open(other, g);
    point_format_put(&small, point_fourcc(g, g->output, 1), 160, 120);
    assert_int_equal(ASK(other, S_FMT, &small), 0);
    now = point_g_fmt(g, g->output);
    assert_memory_equal(&now, &before, sizeof(now));
    point_allocate(g, g->output, 2);
    point_allocate(other, g->output, 2);
    assert_int_equal(point_streamon(g, g->output), 0);
    assert_int_equal(point_streamon(other, g->output), 0);
    assert_int_equal(media_close(g->f, other->session), NO_ANSWER);
    assert_int_equal(point_streamoff(g, g->output), 0);
    free(other);
}

static void commands_are_few(struct point_guest *g)
{
    struct v4l2_decoder_cmd decode;
    struct v4l2_encoder_cmd encode;

    for (uint32_t cmd = POINT_CMD_STOP + 1; cmd < 6; cmd++) {
        assert_int_equal(point_codec_cmd(g, true, cmd), EINVAL);
        assert_int_equal(point_codec_cmd(g, false, cmd), EINVAL);
    }
    memset(&decode, 0xff, sizeof(decode));
    memset(&encode, 0xff, sizeof(encode));
    decode.cmd = V4L2_DEC_CMD_STOP;
    encode.cmd = V4L2_ENC_CMD_STOP;
    if (g->subject->has & POINT_DECODER) {
        assert_int_equal(ASK(g, ENCODER_CMD, &encode), ENOTTY);
        assert_int_equal(ASK(g, TRY_DECODER_CMD, &decode), 0);
        assert_int_equal(decode.flags, 0);
        assert_true(decode.stop.pts == 0);
    } else {
        assert_int_equal(ASK(g, DECODER_CMD, &decode), ENOTTY);
        assert_int_equal(ASK(g, TRY_ENCODER_CMD, &encode), 0);
        assert_int_equal(encode.flags, 0);
    }
}

static void commands_without_streams(struct point_guest *g)
{
    assert_int_equal(point_codec_cmd(g, true, POINT_CMD_STOP), 0);
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_STOP), 0);
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_START), 0);
    point_allocate(g, g->output, 2);
    assert_int_equal(point_streamon(g, g->output), 0);
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_STOP), 0);
    assert_false(point_comes(g, V4L2_EVENT_EOS | POINT_EVENT, 20));
}

static void selections_are_checked(struct point_guest *g)
{
    uint32_t type =
        g->subject->has & POINT_DECODER ? V4L2_BUF_TYPE_VIDEO_CAPTURE : V4L2_BUF_TYPE_VIDEO_OUTPUT;
    uint32_t other =
        g->subject->has & POINT_DECODER ? V4L2_BUF_TYPE_VIDEO_OUTPUT : V4L2_BUF_TYPE_VIDEO_CAPTURE;
    bool crop = g->subject->has & POINT_ENCODER;
    struct v4l2_selection whole = {.type = type}, bounds = {.type = type}, bad = {.type = type};

    whole.target = crop ? V4L2_SEL_TGT_CROP_DEFAULT : V4L2_SEL_TGT_COMPOSE_DEFAULT;
    bounds.target = crop ? V4L2_SEL_TGT_CROP_BOUNDS : V4L2_SEL_TGT_COMPOSE_BOUNDS;
    assert_int_equal(ASK(g, G_SELECTION, &whole), 0);
    assert_int_equal(ASK(g, G_SELECTION, &bounds), 0);
    assert_true(whole.r.width > 0 && whole.r.height > 0);
    assert_true(whole.r.left >= bounds.r.left && whole.r.top >= bounds.r.top);
    assert_true(whole.r.width <= bounds.r.width && whole.r.height <= bounds.r.height);
    assert_int_equal(ASK(g, S_SELECTION, &bounds), EINVAL); /* bounds are not set */
    bad.target = 0x7777;
    assert_int_equal(ASK(g, G_SELECTION, &bad), EINVAL);
    assert_int_equal(ASK(g, S_SELECTION, &bad), EINVAL);
    whole.type = other;
    assert_int_equal(ASK(g, G_SELECTION, &whole), EINVAL);
    whole.type = V4L2_BUF_TYPE_VBI_CAPTURE;
    assert_int_equal(ASK(g, G_SELECTION, &whole), EINVAL);
}

static void check_times(const struct point_output *out, uint64_t first, unsigned count)
{
    assert_int_equal(out->count, count);
    for (unsigned i = 0; i < count; i++) {
        unsigned found = 0;

        for (unsigned k = 0; k < count; k++)
            found += out->times[k] == first + i * 1000;
        assert_int_equal(found, 1);
    }
}

static void all_comes_out(struct point_guest *g)
{
    struct point_output out = {0};

    point_codec_start(g);
    point_codec_feed(g, POINT_INPUTS - g->input, &out);
    assert_false(out.last);
    point_codec_drain(g, &out);
    check_times(&out, 1000, POINT_INPUTS); /* each source's, once */
    for (unsigned i = 0; i < out.count; i++) {
        assert_int_equal(out.flags[i] & V4L2_BUF_FLAG_ERROR, 0);
        assert_int_equal(out.flags[i] & V4L2_BUF_FLAG_TIMESTAMP_MASK, V4L2_BUF_FLAG_TIMESTAMP_COPY);
    }
    point_take_event(g, V4L2_EVENT_EOS);
}

static void sources_come_back_in_order(struct point_guest *g)
{
    struct point_output out = {0};
    uint64_t last = 0;

    point_codec_begin(g);
    point_codec_capture(g, POINT_INPUTS);
    while (g->sources != 0)
        point_codec_feed(g, 1, &out);
    while (g->input < POINT_INPUTS) {
        struct virtio_media_event_dqbuf event = point_take(g, g->output);
        uint64_t time = (uint64_t)event.buffer.timestamp.tv_sec * 1000000u +
                        (uint64_t)event.buffer.timestamp.tv_usec;

        assert_true(time == last + 1000);
        assert_int_equal(event.buffer.flags & (V4L2_BUF_FLAG_ERROR | V4L2_BUF_FLAG_LAST), 0);
        last = time;
        g->sources |= 1u << event.buffer.index;
        point_codec_feed(g, 1, &out);
    }
}

static void nothing_comes_after_last(struct point_guest *g)
{
    struct point_output out = {0};

    point_codec_start(g);
    point_codec_feed(g, 6, &out);
    point_codec_drain(g, &out);
    g->input = 0;
    point_codec_feed(g, 4, &out);
    assert_false(point_comes(g, g->capture, 50));
}

static void start_goes_on(struct point_guest *g)
{
    struct point_output out = {0}, more = {0};
    uint64_t first;

    point_codec_start(g);
    point_codec_feed(g, 6, &out);
    point_codec_drain(g, &out);
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_START), 0);
    g->input = 0;
    first = g->stamp + 1000;
    point_codec_feed(g, POINT_INPUTS, &more);
    point_codec_drain(g, &more);
    check_times(&more, first, POINT_INPUTS);
}

static void capture_anew_goes_on(struct point_guest *g)
{
    struct point_output out = {0}, more = {0};
    uint64_t first;

    point_codec_start(g);
    point_codec_feed(g, 6, &out);
    point_codec_drain(g, &out);
    assert_int_equal(point_streamoff(g, g->capture), 0);
    point_codec_capture(g, 4);
    g->input = 0;
    first = g->stamp + 1000;
    point_codec_feed(g, POINT_INPUTS, &more);
    point_codec_drain(g, &more);
    check_times(&more, first, POINT_INPUTS);
}

/* Takes all events of the codec's queues that are there. */
static void forget_events(struct point_guest *g)
{
    for (unsigned i = 0; i < 2; i++)
        while (point_comes(g, g->type[i], 0))
            point_take(g, g->type[i]);
}

static void output_anew_is_a_seek(struct point_guest *g)
{
    struct point_output out = {0}, more = {0};
    uint64_t first;

    point_codec_start(g);
    point_codec_feed(g, 10, &out);
    assert_int_equal(point_streamoff(g, g->output), 0);
    while (point_comes(g, g->output, 0))
        point_take(g, g->output);
    g->sources = 15; /* every one is the program's again */
    g->input = 0;
    first = g->stamp + 1000;
    assert_int_equal(point_streamon(g, g->output), 0);
    point_codec_feed(g, POINT_INPUTS, &more);
    point_codec_drain(g, &more);
    for (unsigned i = 0; i < more.count; i++) /* from before the seek, if it was done already */
        if (more.times[i] < first) {
            more.count--;
            memmove(&more.times[i], &more.times[i + 1], (more.count - i) * sizeof(first));
            i--;
        }
    check_times(&more, first, POINT_INPUTS);
}

static void a_drain_is_one_at_a_time(struct point_guest *g)
{
    struct point_output out = {0};

    point_codec_begin(g);
    g->keeps = true; /* so that it cannot end */
    point_codec_capture(g, 4);
    point_codec_feed(g, 2, &out);
    assert_int_equal(point_codec_cmd(g, true, POINT_CMD_STOP), 0);
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_STOP), 0);
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_STOP), EBUSY);
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_START), EBUSY);
    assert_false(point_comes(g, V4L2_EVENT_EOS | POINT_EVENT, 20));
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(point_qbuf(g, g->capture, i), 0);
    g->keeps = false;
    point_codec_until_last(g, &out);
    assert_int_equal(out.count, g->input);
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_START), 0);
}

static void a_drain_of_nothing(struct point_guest *g)
{
    struct point_output out = {0}, more = {0};

    point_codec_start(g);
    point_codec_feed(g, 4, &out);
    point_codec_drain(g, &out);
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_START), 0);
    point_codec_drain(g, &more); /* nothing went in since */
    assert_int_equal(more.count, 0);
    point_take_event(g, V4L2_EVENT_EOS);
    point_take_event(g, V4L2_EVENT_EOS);
}

static void stopping_in_the_middle(struct point_guest *g)
{
    struct point_output out = {0};
    struct media_buffer_payload b;

    point_codec_start(g);
    point_codec_feed(g, 8, &out);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(point_streamoff(g, g->type[i]), 0);
    forget_events(g);
    for (unsigned i = 0; i < 2; i++)
        for (uint32_t n = 0; n < 4; n++) {
            assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], n, &b), 0);
            assert_int_equal(b.buffer.flags & (V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_DONE), 0);
            assert_int_equal(point_qbuf(g, g->type[i], n), 0);
        }
    assert_false(point_comes(g, g->capture, 20)); /* nothing streams */
    assert_false(point_comes(g, g->output, 0));
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(point_reqbufs(g, g->type[i], V4L2_MEMORY_MMAP, &(uint32_t){0}), 0);
}

static void numbers_ascend(struct point_guest *g)
{
    struct point_output out = {0};
    uint32_t sequence = 0;

    g->keeps = true;
    point_codec_begin(g);
    point_codec_capture(g, 8);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(point_qbuf(g, g->capture, i), 0);
    for (unsigned i = g->input; i < 8; i++) {
        if (g->sources == 0)
            g->sources |= 1u << point_take(g, g->output).buffer.index;
        point_codec_feed(g, 1, &out);
    }
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_STOP), 0);
    for (unsigned i = out.count; i < 8; i++) {
        struct virtio_media_event_dqbuf event = point_take(g, g->capture);

        if (i > out.count)
            assert_int_equal(event.buffer.sequence, sequence + 1);
        sequence = event.buffer.sequence;
    }
    assert_int_equal(sequence, 7);
}

static void a_close_in_the_middle(struct point_guest *g)
{
    struct point_guest *other = calloc(1, sizeof(*other));
    struct point_output out = {0};

    point_guest_open(other, g);
    other->keeps = true; /* what comes is nobody's */
    point_codec_start(other);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(point_qbuf(other, g->capture, i), 0);
    point_codec_feed(other, 3, &out);
    assert_int_equal(media_close(g->f, other->session), NO_ANSWER);
    forget_events(g);
    assert_false(point_comes(g, g->capture, 30));
    free(other);
}

#define WORK (POINT_CODEC | POINT_STREAMS)

POINTS(point_codecs,
       {"Error codes", "ENOTTY for the ioctls of inputs and outputs", no_camera_ioctls,
        POINT_CODEC},
       {"V4L2 Memory-to-Memory", "each program that opens the node has a codec of its own",
        programs_are_apart, POINT_CODEC},
       {"VIDIOC_DECODER_CMD", "START and STOP alone, EINVAL for others; TRY zeroes the rest",
        commands_are_few, POINT_CODEC},
       {"VIDIOC_DECODER_CMD", "without streams there is nothing to stop or start",
        commands_without_streams, POINT_CODEC},
       {"VIDIOC_G_SELECTION", "the default lies in the bounds; EINVAL for other targets and types",
        selections_are_checked, POINT_CODEC},
       {"dev-codec: Drain",
        "all comes out, with its sources' times, the last marked LAST, then EOS", all_comes_out,
        WORK},
       {"dev-codec: Drain", "no buffer comes after LAST until the program goes on",
        nothing_comes_after_last, WORK},
       {"dev-codec: Drain", "START goes on after it", start_goes_on, WORK},
       {"dev-codec: Drain", "the capture queue begun anew goes on after it", capture_anew_goes_on,
        WORK},
       {"dev-codec: Drain", "EBUSY for commands in its course", a_drain_is_one_at_a_time, WORK},
       {"dev-codec: Drain", "of nothing gives an empty LAST buffer", a_drain_of_nothing, WORK},
       {"dev-codec: Seek", "the output queue begun anew forgets what went in before",
        output_anew_is_a_seek, WORK},
       {"VIDIOC_STREAMOFF", "in the middle of work every buffer is the program's again",
        stopping_in_the_middle, WORK},
       {"struct v4l2_buffer", "the sequence of a codec's buffers has no gap", numbers_ascend, WORK},
       {"Streaming I/O", "output buffers come back in the order in which they went in",
        sources_come_back_in_order, WORK},
       {"close", "in the middle of work ends it, and nothing comes after", a_close_in_the_middle,
        WORK});
