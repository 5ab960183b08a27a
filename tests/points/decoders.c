/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

static struct v4l2_rect visible(struct point_guest *g)
{
    struct v4l2_selection selection = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                       .target = V4L2_SEL_TGT_COMPOSE};

    assert_int_equal(ASK(g, G_SELECTION, &selection), 0);
    return selection.r;
}

static struct point_format capture_format(struct point_guest *g)
{
    struct v4l2_format format = point_g_fmt(g, g->capture);

    return point_format_of(&format);
}

static int32_t least_buffers(struct point_guest *g)
{
    struct v4l2_control control = {.id = V4L2_CID_MIN_BUFFERS_FOR_CAPTURE};

    assert_int_equal(ASK(g, G_CTRL, &control), 0);
    return control.value;
}

static void coded_size_makes_pictures(struct point_guest *g)
{
    struct v4l2_format format = {.type = g->output};

    point_format_put(&format, point_fourcc(g, g->output, 0), 640, 368);
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    assert_true(capture_format(g).width >= 640 && capture_format(g).height >= 368);
    point_format_put(&format, point_fourcc(g, g->output, 0), 64, 48);
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    assert_true(capture_format(g).width < 640 && capture_format(g).height < 368);
}

static void every_coded_format_has_pictures(struct point_guest *g)
{
    uint32_t coded;

    for (unsigned i = 0; (coded = point_fourcc(g, g->output, i)) != 0; i++) {
        struct v4l2_format format = {.type = g->output};

        point_format_put(&format, coded, 320, 240);
        assert_int_equal(ASK(g, S_FMT, &format), 0);
        assert_int_equal(point_format_of(&format).fourcc, coded);
        assert_int_not_equal(point_fourcc(g, g->capture, 0), 0);
    }
}

static void coded_room_can_be_asked_for(struct point_guest *g)
{
    struct v4l2_format format = {.type = g->output};

    point_format_put(&format, point_fourcc(g, g->output, 0), 320, 240);
    if (V4L2_TYPE_IS_MULTIPLANAR(g->output))
        format.fmt.pix_mp.plane_fmt[0].sizeimage = 3000000;
    else
        format.fmt.pix.sizeimage = 3000000;
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    assert_true(point_format_of(&format).size[0] >= 3000000);
}

static void the_stream_says_its_size(struct point_guest *g)
{
    struct v4l2_format format = {.type = g->output};
    struct point_format f;
    struct v4l2_rect r;

    point_codec_begin(g); /* which waits for SOURCE_CHANGE */
    f = capture_format(g);
    r = visible(g);
    assert_true(f.width >= 320 && f.height >= 240);
    assert_int_equal(r.left, 0);
    assert_int_equal(r.top, 0);
    assert_int_equal(r.width, 320);
    assert_int_equal(r.height, 240);
    assert_false(point_comes(g, g->capture, 20));
    point_format_put(&format, V4L2_PIX_FMT_MPEG2, 160, 120);
    assert_int_equal(ASK(g, S_FMT, &format), EBUSY); /* its buffers are there */
}

static void a_few_buffers_suffice(struct point_guest *g)
{
    struct v4l2_queryctrl query = {.id = V4L2_CID_MIN_BUFFERS_FOR_CAPTURE};
    struct point_output out = {0};
    int32_t least;

    assert_int_equal(ASK(g, QUERYCTRL, &query), 0);
    assert_true(query.flags & V4L2_CTRL_FLAG_READ_ONLY);
    point_codec_begin(g);
    least = least_buffers(g);
    assert_in_range(least, 1, VIDEO_MAX_FRAME);
    point_codec_capture(g, (uint32_t)least);
    point_codec_feed(g, POINT_INPUTS - g->input, &out);
    point_codec_drain(g, &out);
    assert_int_equal(out.count, POINT_INPUTS);
}

static void a_picture_format_can_be_chosen(struct point_guest *g)
{
    struct point_output out = {0};
    struct point_format f;
    struct v4l2_format format = {.type = g->capture};
    uint32_t wish, bytes = 0;

    point_codec_begin(g);
    wish = point_fourcc(g, g->capture, 1);
    assert_int_not_equal(wish, 0);
    f = capture_format(g);
    point_format_put(&format, wish, f.width, f.height);
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    f = point_format_of(&format);
    assert_int_equal(f.fourcc, wish);
    point_codec_capture(g, 4);
    point_codec_feed(g, 6, &out);
    point_codec_drain(g, &out);
    for (unsigned i = 0; i < out.count; i++)
        assert_true(out.sizes[i] <= f.size[0]); /* there may be a margin */
    for (unsigned i = 0; i < f.planes; i++)
        bytes += f.size[i];
    assert_true(bytes >= f.width * f.height * 3 / 2);
}

/* The rest of a change: new buffers for the new pictures. */
static void follow_change(struct point_guest *g)
{
    assert_int_equal(point_streamoff(g, g->capture), 0);
    assert_int_equal(point_reqbufs(g, g->capture, V4L2_MEMORY_MMAP, &(uint32_t){0}), 0);
    point_codec_capture(g, 4);
}

static void the_size_changes(struct point_guest *g)
{
    struct point_output before = {0}, after = {0};
    unsigned more = 3; /* of the new stream: a decoder may want to see some of it */

    point_codec_start(g);
    point_codec_feed(g, POINT_INPUTS + more - g->input, &before);
    point_codec_until_last(g, &before);
    assert_int_equal(before.count, POINT_INPUTS);
    assert_int_equal(point_take_event(g, V4L2_EVENT_SOURCE_CHANGE).u.src_change.changes,
                     V4L2_EVENT_SRC_CH_RESOLUTION);
    assert_false(point_comes(g, V4L2_EVENT_EOS | POINT_EVENT, 0));
    assert_in_range(capture_format(g).width, 162, 176);
    assert_int_equal(visible(g).width, 162);
    assert_int_equal(visible(g).height, 122);
    follow_change(g);
    point_codec_feed(g, POINT_INPUTS - more, &after);
    point_codec_drain(g, &after);
    assert_int_equal(after.count, POINT_INPUTS);
    point_take_event(g, V4L2_EVENT_EOS);
}

/* STOP came before the change was found: the drain goes on behind it. */
static void a_drain_survives_a_change(struct point_guest *g)
{
    struct point_output before = {0}, after = {0};

    point_codec_start(g);
    point_codec_feed(g, POINT_INPUTS + 2 - g->input, &before);
    assert_int_equal(point_codec_cmd(g, false, POINT_CMD_STOP), 0);
    point_codec_until_last(g, &before);
    point_take_event(g, V4L2_EVENT_SOURCE_CHANGE);
    assert_int_equal(before.count, POINT_INPUTS);
    follow_change(g);
    point_codec_until_last(g, &after);
    assert_int_equal(after.count, 2);
    point_take_event(g, V4L2_EVENT_EOS);
}

static void rubbish_does_no_harm(struct point_guest *g)
{
    uint8_t rubbish[5000];
    struct point_output out = {0};
    uint64_t first;

    for (unsigned i = 0; i < sizeof(rubbish); i++)
        rubbish[i] = (uint8_t)(i * 7 + i / 256);
    point_codec_start(g);
    point_codec_feed(g, 3, &out);
    while (g->sources == 0)
        g->sources |= 1u << point_take(g, g->output).buffer.index;
    g->stamp += 1000;
    assert_int_equal(
        point_qbuf_data(g, (uint32_t)__builtin_ctz(g->sources), rubbish, sizeof(rubbish), g->stamp),
        0);
    g->sources &= g->sources - 1;
    g->input = 0;
    first = g->stamp + 1000;
    point_codec_feed(g, POINT_INPUTS, &out); /* a key frame comes first */
    point_codec_drain(g, &out);
    for (unsigned i = 0; i < POINT_INPUTS; i++) {
        unsigned found = 0;

        for (unsigned k = 0; k < out.count; k++)
            found += out.times[k] == first + i * 1000;
        assert_int_equal(found, 1);
    }
}

static void selection_is_told_by_flags(struct point_guest *g)
{
    struct v4l2_selection wish = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                  .target = V4L2_SEL_TGT_COMPOSE,
                                  .r = {0, 0, 100000, 100000}};
    struct v4l2_rect r;

    point_codec_begin(g);
    assert_int_equal(ASK(g, S_SELECTION, &wish), 0);
    r = visible(g);
    assert_int_equal(wish.r.width, r.width);
    wish.flags = V4L2_SEL_FLAG_GE;
    wish.r = (struct v4l2_rect){0, 0, 100000, 100000};
    assert_int_equal(ASK(g, S_SELECTION, &wish), ERANGE);
}

static void dequeued_pictures_wait(struct point_guest *g)
{
    struct point_output out = {0};

    g->keeps = true;
    point_codec_start(g);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(point_qbuf(g, g->capture, i), 0);
    while (g->sources != 0)
        point_codec_feed(g, 1, &out);
    point_take(g, g->capture);
    point_take(g, g->capture);
    assert_false(point_comes(g, g->capture, 30)); /* there is no buffer for a third */
    g->keeps = false;
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(point_qbuf(g, g->capture, i), 0);
    point_codec_feed(g, POINT_INPUTS - g->input, &out);
    point_codec_drain(g, &out);
    assert_int_equal(out.count, POINT_INPUTS - 2);
}

#define ALONE POINT_DECODER
#define WORK (POINT_DECODER | POINT_STREAMS)

POINTS(point_decoders,
       {"dev-decoder: Initialization",
        "the coded size makes the size of pictures, until it is known", coded_size_makes_pictures,
        ALONE},
       {"dev-decoder: Querying", "each coded format has formats of pictures",
        every_coded_format_has_pictures, ALONE},
       {"dev-decoder: Initialization", "a program can ask for room for coded data",
        coded_room_can_be_asked_for, ALONE},
       {"dev-decoder: Initialization",
        "SOURCE_CHANGE when the stream is known, and it says its size", the_stream_says_its_size,
        WORK},
       {"dev-decoder: Capture Setup", "MIN_BUFFERS_FOR_CAPTURE buffers suffice",
        a_few_buffers_suffice, WORK},
       {"dev-decoder: Capture Setup", "another format of pictures can be chosen",
        a_picture_format_can_be_chosen, WORK},
       {"dev-decoder: Capture Setup", "COMPOSE is what is to be seen; ERANGE where flags forbid it",
        selection_is_told_by_flags, WORK},
       {"dev-decoder: Decoding", "pictures wait for buffers, none is lost", dequeued_pictures_wait,
        WORK},
       {"dev-decoder: Decoding", "data that are none do no harm to those after them",
        rubbish_does_no_harm, WORK},
       {"dev-decoder: Dynamic Change", "all old pictures, LAST, SOURCE_CHANGE; then new ones",
        the_size_changes, WORK},
       {"dev-decoder: Dynamic Change", "in the course of a drain, the drain goes on behind it",
        a_drain_survives_a_change, WORK});
