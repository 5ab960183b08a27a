/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

#define TYPES (V4L2_BUF_FLAG_KEYFRAME | V4L2_BUF_FLAG_PFRAME | V4L2_BUF_FLAG_BFRAME)

static struct point_format format_of(struct point_guest *g, uint32_t type)
{
    struct v4l2_format format = point_g_fmt(g, type);

    return point_format_of(&format);
}

static void raw_size_is_coded(struct point_guest *g)
{
    struct v4l2_format format = {.type = g->output};

    point_format_put(&format, point_fourcc(g, g->output, 0), 640, 368);
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    assert_int_equal(format_of(g, g->capture).width, 640);
    assert_int_equal(format_of(g, g->capture).height, 368);
    format.type = g->capture; /* where the size is only told */
    point_format_put(&format, point_fourcc(g, g->capture, 0), 64, 48);
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    assert_int_equal(format_of(g, g->capture).width, 640);
}

static void coded_format_is_held(struct point_guest *g)
{
    struct v4l2_format format = point_g_fmt(g, g->capture);

    point_allocate(g, g->output, 2);
    assert_int_equal(ASK(g, S_FMT, &format), EBUSY);
}

static void every_coded_format_is_taken(struct point_guest *g)
{
    uint32_t coded;

    for (unsigned i = 0; (coded = point_fourcc(g, g->capture, i)) != 0; i++) {
        struct v4l2_format format = {.type = g->capture};

        point_format_put(&format, coded, 0, 0);
        assert_int_equal(ASK(g, S_FMT, &format), 0);
        assert_int_equal(point_format_of(&format).fourcc, coded);
        assert_int_not_equal(point_fourcc(g, g->output, 0), 0);
    }
}

static void coded_room_can_be_asked_for(struct point_guest *g)
{
    struct v4l2_format format = {.type = g->capture};

    point_format_put(&format, point_fourcc(g, g->capture, 0), 0, 0);
    if (V4L2_TYPE_IS_MULTIPLANAR(g->capture))
        format.fmt.pix_mp.plane_fmt[0].sizeimage = 3000000;
    else
        format.fmt.pix.sizeimage = 3000000;
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    assert_true(point_format_of(&format).size[0] >= 3000000);
}

static void intervals_are_set_at_the_source(struct point_guest *g)
{
    struct v4l2_streamparm parm = {.type = g->output}, coded = {.type = g->capture};

    parm.parm.output.timeperframe = (struct v4l2_fract){1, 15};
    assert_int_equal(ASK(g, S_PARM, &parm), 0);
    assert_true(parm.parm.output.capability & V4L2_CAP_TIMEPERFRAME);
    assert_int_equal(parm.parm.output.timeperframe.denominator, 15);
    assert_int_equal(parm.parm.output.writebuffers, 0);
    assert_int_equal(ASK(g, G_PARM, &coded), 0);
    assert_int_equal(coded.parm.capture.timeperframe.numerator, 1);
    assert_int_equal(coded.parm.capture.timeperframe.denominator, 15);
    parm.parm.output.timeperframe = (struct v4l2_fract){0, 0};
    assert_int_equal(ASK(g, S_PARM, &parm), 0);
    assert_true(parm.parm.output.timeperframe.numerator > 0);
    parm.type = V4L2_BUF_TYPE_VBI_CAPTURE;
    assert_int_equal(ASK(g, G_PARM, &parm), EINVAL);
}

static void the_source_is_cropped(struct point_guest *g)
{
    struct v4l2_selection crop = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .target = V4L2_SEL_TGT_CROP};
    struct v4l2_format format = {.type = g->output};

    point_format_put(&format, point_fourcc(g, g->output, 0), 640, 480);
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    assert_int_equal(ASK(g, G_SELECTION, &crop), 0);
    assert_int_equal(crop.r.width, 640);
    assert_int_equal(crop.r.height, 480);
    crop.r = (struct v4l2_rect){16, 8, 320, 240};
    assert_int_equal(ASK(g, S_SELECTION, &crop), 0);
    assert_int_equal(crop.r.width, 320);
    assert_int_equal(format_of(g, g->capture).width, 320);
    assert_int_equal(format_of(g, g->output).width, 640);
    crop.r = (struct v4l2_rect){-100, 5000, 100000, 100000};
    assert_int_equal(ASK(g, S_SELECTION, &crop), 0);
    assert_true(crop.r.left >= 0 && crop.r.left + crop.r.width <= 640);
    assert_true(crop.r.top >= 0 && crop.r.top + crop.r.height <= 480);
}

static void every_packet_has_a_sort(struct point_guest *g)
{
    struct point_output out = {0};
    uint32_t room;

    point_codec_start(g);
    room = format_of(g, g->capture).size[0];
    point_codec_feed(g, 8, &out);
    point_codec_drain(g, &out);
    assert_int_equal(out.count, 8);
    for (unsigned i = 0; i < out.count; i++) {
        assert_int_equal(__builtin_popcount(out.flags[i] & TYPES), 1);
        assert_in_range(out.sizes[i], 1, room);
    }
    assert_true(out.flags[0] & V4L2_BUF_FLAG_KEYFRAME);
}

static bool has_control(struct point_guest *g, uint32_t id)
{
    struct v4l2_queryctrl query = {.id = id};

    return ASK(g, QUERYCTRL, &query) == 0;
}

static void set(struct point_guest *g, uint32_t id, int32_t value)
{
    struct v4l2_control control = {id, value};

    assert_int_equal(ASK(g, S_CTRL, &control), 0);
}

static void key_frames_come_in_time(struct point_guest *g)
{
    struct point_output out = {0};

    if (!has_control(g, V4L2_CID_MPEG_VIDEO_GOP_SIZE))
        return;
    set(g, V4L2_CID_MPEG_VIDEO_GOP_SIZE, 4);
    point_codec_start(g);
    point_codec_feed(g, 12, &out);
    point_codec_drain(g, &out);
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal((out.flags[i] & V4L2_BUF_FLAG_KEYFRAME) != 0, i % 4 == 0);
}

static void key_frames_come_when_asked(struct point_guest *g)
{
    struct point_output out = {0};
    unsigned keys = 0;

    if (!has_control(g, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME))
        return;
    point_codec_start(g);
    point_codec_feed(g, 5, &out);
    set(g, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1);
    point_codec_feed(g, 5, &out);
    point_codec_drain(g, &out);
    assert_int_equal(out.count, 10);
    for (unsigned i = 0; i < 10; i++)
        keys += (out.flags[i] & V4L2_BUF_FLAG_KEYFRAME) != 0;
    assert_true(out.flags[5] & V4L2_BUF_FLAG_KEYFRAME);
    assert_int_equal(keys, 2);
}

static void a_new_stream_begins_with_a_key(struct point_guest *g)
{
    struct point_output out = {0}, more = {0};

    point_codec_start(g);
    point_codec_feed(g, 4, &out);
    point_codec_drain(g, &out);
    assert_int_equal(point_streamoff(g, g->capture), 0);
    point_codec_capture(g, 4);
    point_codec_feed(g, 4, &more);
    point_codec_drain(g, &more);
    assert_int_equal(more.count, 4);
    assert_true(more.flags[0] & V4L2_BUF_FLAG_KEYFRAME);
}

static void both_queues_have_to_stream(struct point_guest *g)
{
    struct point_output out = {0};

    point_codec_begin(g); /* the output queue alone */
    point_codec_feed(g, 2, &out);
    assert_false(point_comes(g, g->output, 30));
    point_codec_capture(g, 4);
    point_take(g, g->output);
    point_codec_drain(g, &out);
    assert_int_equal(out.count, 2);
}

static void short_pictures_are_bad(struct point_guest *g)
{
    struct point_output out = {0};
    uint8_t few[64] = {0};
    struct virtio_media_event_dqbuf event;

    point_codec_start(g);
    g->sources &= ~1u;
    assert_int_equal(point_qbuf_data(g, 0, few, sizeof(few), 77), 0);
    event = point_take(g, g->output);
    assert_int_equal(event.buffer.index, 0);
    assert_true(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
    point_codec_feed(g, 3, &out); /* and no harm to others */
    point_codec_drain(g, &out);
    assert_int_equal(out.count, 3);
}

#define ALONE POINT_ENCODER
#define WORK (POINT_ENCODER | POINT_STREAMS)

POINTS(point_encoders,
       {"dev-encoder: Initialization", "the size of the source is what is coded", raw_size_is_coded,
        ALONE},
       {"dev-encoder: Initialization", "EBUSY for another coded format while sources have buffers",
        coded_format_is_held, ALONE},
       {"dev-encoder: Querying", "each coded format is taken, and has formats of sources",
        every_coded_format_is_taken, ALONE},
       {"dev-encoder: Initialization", "a program can ask for room for coded data",
        coded_room_can_be_asked_for, ALONE},
       {"dev-encoder: Initialization", "S_PARM of the source sets the interval that is coded",
        intervals_are_set_at_the_source, ALONE},
       {"dev-encoder: Initialization", "CROP of the source is what is coded, within its bounds",
        the_source_is_cropped, ALONE},
       {"dev-encoder: Encoding", "nothing is done until both queues stream",
        both_queues_have_to_stream, WORK},
       {"dev-encoder: Encoding", "each packet is of one sort, the first a key frame",
        every_packet_has_a_sort, WORK},
       {"dev-encoder: Encoding", "a picture that is too short comes back with ERROR",
        short_pictures_are_bad, WORK},
       {"Codec controls: GOP_SIZE", "a key frame after so many", key_frames_come_in_time, WORK},
       {"Codec controls: FORCE_KEY", "the next picture is a key frame", key_frames_come_when_asked,
        WORK},
       {"dev-encoder: Reset", "a capture queue begun anew has a stream of its own",
        a_new_stream_begins_with_a_key, WORK});
