/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

static void inputs_are_numbered(struct point_guest *g)
{
    struct v4l2_input input;
    uint32_t count = 0, chosen = 0xffff;

    for (;; count++) {
        memset(&input, 0xff, sizeof(input));
        input.index = count;
        if (ASK(g, ENUMINPUT, &input) != 0)
            break;
        assert_true(count < 32);
        assert_int_equal(input.index, count);
        assert_int_equal(input.type, V4L2_INPUT_TYPE_CAMERA);
        assert_int_not_equal(input.name[0], 0);
        assert_int_equal(input.reserved[0] | input.reserved[1] | input.reserved[2], 0);
        assert_int_equal(input.std, 0);
    }
    assert_true(count > 0);
    assert_int_equal(ASK(g, G_INPUT, &chosen), 0);
    assert_true(chosen < count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(ASK(g, S_INPUT, &(uint32_t){i}), 0);
    assert_int_equal(ASK(g, S_INPUT, &count), EINVAL);
    assert_int_equal(ASK(g, S_INPUT, &(uint32_t){0xffffffff}), EINVAL);
}

static void no_output_ioctls(struct point_guest *g)
{
    struct v4l2_output output = {0};
    struct v4l2_decoder_cmd decode = {0};
    struct v4l2_encoder_cmd encode = {0};

    assert_int_equal(ASK(g, ENUMOUTPUT, &output), ENOTTY);
    assert_int_equal(ASK(g, G_OUTPUT, &(uint32_t){0}), ENOTTY);
    assert_int_equal(ASK(g, DECODER_CMD, &decode), ENOTTY);
    assert_int_equal(ASK(g, ENCODER_CMD, &encode), ENOTTY);
}

/* The format in force at a size with few pixels. */
static struct point_format small_format(struct point_guest *g)
{
    struct v4l2_format format = {.type = g->capture};

    point_format_put(&format, point_fourcc(g, g->capture, 0), 160, 120);
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    return point_format_of(&format);
}

static void intervals_are_kept(struct point_guest *g)
{
    struct point_format f = small_format(g);
    struct v4l2_frmivalenum intervals;
    struct v4l2_streamparm parm = {.type = g->capture};

    memset(&intervals, 0xff, sizeof(intervals));
    intervals.index = 0;
    intervals.pixel_format = f.fourcc;
    intervals.width = f.width;
    intervals.height = f.height;
    assert_int_equal(ASK(g, ENUM_FRAMEINTERVALS, &intervals), 0);
    assert_int_equal(intervals.reserved[0] | intervals.reserved[1], 0);
    parm.parm.capture.timeperframe =
        intervals.type == V4L2_FRMIVAL_TYPE_DISCRETE ? intervals.discrete : intervals.stepwise.min;
    intervals.discrete = parm.parm.capture.timeperframe;
    assert_int_equal(ASK(g, S_PARM, &parm), 0);
    assert_int_equal(parm.parm.capture.timeperframe.numerator, intervals.discrete.numerator);
    assert_int_equal(parm.parm.capture.timeperframe.denominator, intervals.discrete.denominator);
}

static void intervals_of_no_size(struct point_guest *g)
{
    struct v4l2_frmivalenum intervals = {.width = 160, .height = 120};

    intervals.pixel_format = v4l2_fourcc('?', '?', '?', '?');
    assert_int_equal(ASK(g, ENUM_FRAMEINTERVALS, &intervals), EINVAL);
    intervals.pixel_format = point_fourcc(g, g->capture, 0);
    intervals.width = 1;
    assert_int_equal(ASK(g, ENUM_FRAMEINTERVALS, &intervals), EINVAL);
    intervals.width = 160;
    intervals.height = 0xffffffff;
    assert_int_equal(ASK(g, ENUM_FRAMEINTERVALS, &intervals), EINVAL);
}

static void the_interval_is_mended(struct point_guest *g)
{
    static const struct v4l2_fract wishes[] = {
        {0, 0}, {1, 0}, {0, 1}, {1, 0xffffffff}, {0xffffffff, 1}, {0xffffffff, 0xffffffff}};

    for (unsigned i = 0; i < 6; i++) {
        struct v4l2_streamparm parm, now = {.type = g->capture};

        memset(&parm, 0xff, sizeof(parm));
        parm.type = g->capture;
        parm.parm.capture.timeperframe = wishes[i];
        assert_int_equal(ASK(g, S_PARM, &parm), 0);
        assert_true(parm.parm.capture.capability & V4L2_CAP_TIMEPERFRAME);
        assert_true(parm.parm.capture.timeperframe.numerator > 0);
        assert_true(parm.parm.capture.timeperframe.denominator > 0);
        assert_int_equal(parm.parm.capture.readbuffers, 0); /* there is no read() */
        assert_int_equal(parm.parm.capture.extendedmode, 0);
        assert_int_equal(parm.parm.capture.reserved[3], 0);
        assert_int_equal(ASK(g, G_PARM, &now), 0);
        assert_memory_equal(&now, &parm, sizeof(now));
    }
}

static void only_its_type_has_an_interval(struct point_guest *g)
{
    for (uint32_t type = 0; type < 16; type++) {
        struct v4l2_streamparm parm = {.type = type};

        if (type == g->capture)
            continue;
        assert_int_equal(ASK(g, G_PARM, &parm), EINVAL);
        assert_int_equal(ASK(g, S_PARM, &parm), EINVAL);
    }
}

static void set_rate(struct point_guest *g, uint32_t rate)
{
    struct v4l2_streamparm parm = {.type = g->capture};

    parm.parm.capture.timeperframe = (struct v4l2_fract){1, rate};
    assert_int_equal(ASK(g, S_PARM, &parm), 0);
}

static uint64_t time_of(const struct virtio_media_event_dqbuf *event)
{
    return (uint64_t)event->buffer.timestamp.tv_sec * 1000000u +
           (uint64_t)event->buffer.timestamp.tv_usec;
}

static void check_frame(const struct point_format *f, const struct v4l2_buffer *b,
                        const struct v4l2_plane *planes)
{
    const uint32_t not_done = V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_PREPARED | V4L2_BUF_FLAG_ERROR;

    assert_int_equal(b->flags & not_done, 0);
    assert_int_equal(b->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
    assert_int_equal(b->field, f->field);
    assert_int_equal(b->memory, V4L2_MEMORY_MMAP);
    for (unsigned i = 0; i < f->planes; i++)
        assert_int_equal(V4L2_TYPE_IS_MULTIPLANAR(b->type) ? planes[i].bytesused : b->bytesused,
                         f->size[i]);
}

static void frames_come_in_order(struct point_guest *g)
{
    struct point_format f = small_format(g);
    uint32_t count, sequence = 0;
    uint64_t start, last = 0;

    set_rate(g, 100);
    count = point_allocate(g, g->capture, 4);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(point_qbuf(g, g->capture, i), 0);
    start = units_now_ns() / 1000;
    assert_int_equal(point_streamon(g, g->capture), 0);
    for (uint32_t i = 0; i < 12; i++) {
        struct virtio_media_event_dqbuf frame = point_take(g, g->capture);

        assert_int_equal(frame.buffer.index, i % count); /* first in, first out */
        check_frame(&f, &frame.buffer, frame.planes);
        if (i > 0)
            assert_true(frame.buffer.sequence > sequence && time_of(&frame) > last);
        assert_in_range(time_of(&frame), start, units_now_ns() / 1000);
        sequence = frame.buffer.sequence;
        last = time_of(&frame);
        assert_int_equal(point_qbuf(g, g->capture, frame.buffer.index), 0);
    }
    assert_true(last - start >= 11 * 1000000 / 120); /* at its rate, not as fast as it can */
}

static void numbers_begin_anew(struct point_guest *g)
{
    small_format(g);
    set_rate(g, 100);
    point_allocate(g, g->capture, 2);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(point_qbuf(g, g->capture, 0), 0);
        assert_int_equal(point_streamon(g, g->capture), 0);
        assert_true(point_take(g, g->capture).buffer.sequence < 5);
        assert_int_equal(point_streamoff(g, g->capture), 0);
    }
}

static void lost_frames_are_a_gap(struct point_guest *g)
{
    uint32_t first;

    small_format(g);
    set_rate(g, 100);
    point_allocate(g, g->capture, 2);
    assert_int_equal(point_streamon(g, g->capture), 0);
    assert_int_equal(point_qbuf(g, g->capture, 0), 0);
    first = point_take(g, g->capture).buffer.sequence;
    media_loop_for(g->f, 60);
    assert_int_equal(point_qbuf(g, g->capture, 0), 0);
    assert_true(point_take(g, g->capture).buffer.sequence >= first + 3);
}

static void nothing_comes_after_the_end(struct point_guest *g)
{
    small_format(g);
    set_rate(g, 100);
    point_allocate(g, g->capture, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(point_qbuf(g, g->capture, i), 0);
    assert_int_equal(point_streamon(g, g->capture), 0);
    point_take(g, g->capture);
    assert_int_equal(point_streamoff(g, g->capture), 0);
    while (point_comes(g, g->capture, 0)) /* what came before the STREAMOFF */
        point_take(g, g->capture);
    assert_false(point_comes(g, g->capture, 50));
}

/* The guest gives no buffers for events: what is done waits, until the STREAMOFF. */
static void what_waits_does_not_come(struct point_guest *g)
{
    struct virtio_media_event_dqbuf event;

    point_starve(g);
    small_format(g);
    set_rate(g, 100);
    point_allocate(g, g->capture, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(point_qbuf(g, g->capture, i), 0);
    assert_int_equal(point_streamon(g, g->capture), 0);
    media_loop_for(g->f, 60);
    assert_int_equal(point_streamoff(g, g->capture), 0);
    media_post_events(g->f, 8, 608);
    assert_false(media_event(g->f, &event));
    assert_int_equal(point_qbuf(g, g->capture, 0), 0);
}

static void buffers_are_added_to_a_stream(struct point_guest *g)
{
    struct v4l2_create_buffers create = {.count = 1, .memory = V4L2_MEMORY_MMAP};

    small_format(g);
    set_rate(g, 100);
    point_allocate(g, g->capture, 1);
    assert_int_equal(point_streamon(g, g->capture), 0);
    create.format = point_g_fmt(g, g->capture);
    assert_int_equal(ASK(g, CREATE_BUFS, &create), 0);
    assert_int_equal(point_qbuf(g, g->capture, create.index), 0);
    assert_int_equal(point_take(g, g->capture).buffer.index, create.index);
}

static void one_program_has_the_buffers(struct point_guest *g)
{
    struct point_guest *other = calloc(1, sizeof(*other));
    uint32_t wish = 2;

    point_guest_open(other, g);
    small_format(g);
    point_allocate(g, g->capture, 2);
    assert_int_equal(point_reqbufs(other, g->capture, V4L2_MEMORY_MMAP, &wish), EBUSY);
    assert_int_equal(point_reqbufs(other, g->capture, V4L2_MEMORY_MMAP, &(uint32_t){0}), EBUSY);
    assert_int_equal(point_qbuf(other, g->capture, 0), EBUSY);
    assert_int_equal(point_streamon(other, g->capture), EBUSY);
    assert_int_equal(point_streamoff(other, g->capture), EBUSY);
    assert_int_equal(point_reqbufs(g, g->capture, V4L2_MEMORY_MMAP, &(uint32_t){0}), 0);
    assert_int_equal(point_reqbufs(other, g->capture, V4L2_MEMORY_MMAP, &wish), 0);
    wish = 2;
    assert_int_equal(point_reqbufs(g, g->capture, V4L2_MEMORY_MMAP, &wish), EBUSY);
    assert_int_equal(media_close(g->f, other->session), NO_ANSWER); /* with its buffers */
    wish = 2;
    assert_int_equal(point_reqbufs(g, g->capture, V4L2_MEMORY_MMAP, &wish), 0);
    free(other);
}

static void formats_are_the_nodes(struct point_guest *g)
{
    struct point_guest *other = calloc(1, sizeof(*other));
    struct v4l2_format seen;
    struct point_format f = small_format(g), now;

    point_guest_open(other, g);
    seen = point_g_fmt(other, g->capture);
    now = point_format_of(&seen);
    assert_memory_equal(&now, &f, sizeof(now));
    assert_int_equal(media_close(g->f, other->session), NO_ANSWER);
    seen = point_g_fmt(g, g->capture); /* and stay after a close */
    now = point_format_of(&seen);
    assert_memory_equal(&now, &f, sizeof(now));
    free(other);
}

static void a_close_ends_the_stream(struct point_guest *g)
{
    struct point_guest *other = calloc(1, sizeof(*other));

    point_guest_open(other, g);
    small_format(other);
    set_rate(other, 100);
    point_allocate(other, g->capture, 2);
    assert_int_equal(point_qbuf(other, g->capture, 0), 0);
    assert_int_equal(point_qbuf(other, g->capture, 1), 0);
    assert_int_equal(point_streamon(other, g->capture), 0);
    assert_int_equal(media_close(g->f, other->session), NO_ANSWER);
    while (point_comes(g, g->capture, 0))
        point_take(g, g->capture);
    assert_false(point_comes(g, g->capture, 50));
    free(other);
}

static void frames_announce_themselves(struct point_guest *g)
{
    uint32_t status = point_subscribe(g, V4L2_EVENT_FRAME_SYNC, 0, 0);
    uint32_t sequence;

    if (status == EINVAL) /* a camera need not know */
        return;
    assert_int_equal(status, 0);
    small_format(g);
    set_rate(g, 100);
    point_allocate(g, g->capture, 2);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(point_qbuf(g, g->capture, i), 0);
    assert_int_equal(point_streamon(g, g->capture), 0);
    sequence = point_take_event(g, V4L2_EVENT_FRAME_SYNC).u.frame_sync.frame_sequence;
    assert_true(point_take(g, g->capture).buffer.sequence >= sequence);
    assert_true(point_take_event(g, V4L2_EVENT_FRAME_SYNC).u.frame_sync.frame_sequence > sequence);
}

POINTS(point_camera,
       {"VIDIOC_ENUMINPUT", "inputs are numbered from 0; one of them is chosen; no other can be",
        inputs_are_numbered, POINT_CAMERA},
       {"Error codes", "ENOTTY for the ioctls of outputs and codecs", no_output_ioctls,
        POINT_CAMERA},
       {"VIDIOC_ENUM_FRAMEINTERVALS", "an interval on offer can be set as it is",
        intervals_are_kept, POINT_CAMERA},
       {"VIDIOC_ENUM_FRAMEINTERVALS", "EINVAL for a format or size that is not on offer",
        intervals_of_no_size, POINT_CAMERA},
       {"VIDIOC_S_PARM", "an impossible interval is mended; no read buffers; the rest is zero",
        the_interval_is_mended, POINT_CAMERA},
       {"VIDIOC_G_PARM", "EINVAL for another type of buffer", only_its_type_has_an_interval,
        POINT_CAMERA},
       {"Streaming I/O", "frames come in the order of their buffers, whole, at the set rate",
        frames_come_in_order, POINT_CAMERA},
       {"struct v4l2_buffer", "sequence begins at 0 with each STREAMON", numbers_begin_anew,
        POINT_CAMERA},
       {"struct v4l2_buffer", "a frame for which there was no buffer is a gap in sequence",
        lost_frames_are_a_gap, POINT_CAMERA | POINT_LIVE},
       {"VIDIOC_STREAMOFF", "no buffer comes after it", nothing_comes_after_the_end, POINT_CAMERA},
       {"VIDIOC_STREAMOFF", "what was done, but not taken yet, does not come after it either",
        what_waits_does_not_come, POINT_CAMERA},
       {"VIDIOC_CREATE_BUFS", "adds buffers to a stream that runs", buffers_are_added_to_a_stream,
        POINT_CAMERA},
       {"Opening and closing devices", "one program has the buffers, EBUSY for others",
        one_program_has_the_buffers, POINT_CAMERA},
       {"Opening and closing devices", "formats are the node's, and outlive who set them",
        formats_are_the_nodes, POINT_CAMERA},
       {"close", "ends the stream of the one who closes", a_close_ends_the_stream, POINT_CAMERA},
       {"VIDIOC_DQEVENT", "FRAME_SYNC says the number of the frame that begins",
        frames_announce_themselves, POINT_CAMERA});
