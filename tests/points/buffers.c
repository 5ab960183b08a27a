/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

#define EACH_TYPE(g, i) for (unsigned i = 0; i < (g)->types; i++)

static void none_can_be_asked_for(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct v4l2_requestbuffers request = {.type = g->type[i], .memory = V4L2_MEMORY_MMAP};

        assert_int_equal(ASK(g, REQBUFS, &request), 0);
        assert_int_equal(request.count, 0);
        assert_true(request.capabilities & V4L2_BUF_CAP_SUPPORTS_MMAP);
        assert_false(request.capabilities & V4L2_BUF_CAP_SUPPORTS_DMABUF);
        assert_false(request.capabilities & V4L2_BUF_CAP_SUPPORTS_REQUESTS);
        assert_int_equal(request.flags | request.reserved[0] | request.reserved[2], 0);
    }
}

static void other_memory_is_refused(struct point_guest *g)
{
    EACH_TYPE(g, i)
    for (uint32_t memory = 0; memory < 7; memory++) {
        struct v4l2_requestbuffers request = {.type = g->type[i], .memory = V4L2_MEMORY_MMAP};
        uint32_t count = 2;

        assert_int_equal(ASK(g, REQBUFS, &request), 0);
        if (memory == V4L2_MEMORY_MMAP || (memory == V4L2_MEMORY_USERPTR &&
                                           (request.capabilities & V4L2_BUF_CAP_SUPPORTS_USERPTR)))
            continue;
        assert_int_equal(point_reqbufs(g, g->type[i], memory, &count), EINVAL);
    }
    for (uint32_t type = 0; type < 20; type++)
        if (type != g->capture && type != g->output)
            assert_int_equal(point_reqbufs(g, type, V4L2_MEMORY_MMAP, &(uint32_t){2}), EINVAL);
}

static void too_many_are_fewer(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct v4l2_format format = {.type = g->type[i]};
        uint32_t count = 0xffffffff;

        point_format_put(&format, point_fourcc(g, g->type[i], 0), 160, 120);
        assert_int_equal(ASK(g, S_FMT, &format), 0);
        assert_int_equal(point_reqbufs(g, g->type[i], V4L2_MEMORY_MMAP, &count), 0);
        assert_in_range(count, 1, VIDEO_MAX_FRAME);
        assert_int_equal(point_reqbufs(g, g->type[i], V4L2_MEMORY_MMAP, &(uint32_t){0}), 0);
    }
}

static void check_idle(const struct media_buffer_payload *b, uint32_t type, uint32_t index)
{
    const uint32_t busy = V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_PREPARED |
                          V4L2_BUF_FLAG_ERROR | V4L2_BUF_FLAG_LAST | V4L2_BUF_FLAG_MAPPED;

    assert_int_equal(b->buffer.index, index);
    assert_int_equal(b->buffer.type, type);
    assert_int_equal(b->buffer.memory, V4L2_MEMORY_MMAP);
    assert_int_equal(b->buffer.flags & busy, 0);
    assert_int_equal(b->buffer.reserved2, 0);
    assert_int_equal(b->buffer.request_fd, 0);
}

static void buffers_are_described(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct v4l2_format format = point_g_fmt(g, g->type[i]);
        struct point_format f = point_format_of(&format);
        uint32_t count = point_allocate(g, g->type[i], 3);
        struct media_buffer_payload b;

        for (uint32_t n = 0; n < count; n++) {
            assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], n, &b), 0);
            check_idle(&b, g->type[i], n);
            assert_int_equal(point_planes(&b), f.planes);
            for (unsigned p = 0; p < f.planes; p++)
                assert_true(point_length(&b, p) >= f.size[p]);
        }
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], count, &b), EINVAL);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], 0xffffffff, &b), EINVAL);
    }
}

static void timestamps_are_of_a_kind(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct media_buffer_payload b;

        point_allocate(g, g->type[i], 1);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], 0, &b), 0);
        assert_int_equal(b.buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK,
                         g->subject->has & POINT_CODEC ? V4L2_BUF_FLAG_TIMESTAMP_COPY
                                                       : V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
    }
}

static void places_are_apart(struct point_guest *g)
{
    uint32_t seen[512];
    unsigned count = 0;

    EACH_TYPE(g, i)
    {
        uint32_t buffers = point_allocate(g, g->type[i], 3);

        for (uint32_t n = 0; n < buffers; n++) {
            struct media_buffer_payload b;

            assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], n, &b), 0);
            for (unsigned p = 0; p < point_planes(&b); p++) {
                assert_int_equal(point_offset(&b, p) % 4096, 0);
                for (unsigned k = 0; k < count; k++)
                    assert_int_not_equal(seen[k], point_offset(&b, p));
                assert_true(count < 512);
                seen[count++] = point_offset(&b, p);
            }
        }
    }
}

static void few_planes_are_refused(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        static const uint32_t lengths[] = {0, VIDEO_MAX_PLANES + 1, 0xffffffff};
        const uint32_t codes[] = {QUERYBUF, QBUF, PREPARE_BUF};

        point_allocate(g, g->type[i], 1);
        for (unsigned k = 0; k < 9; k++) {
            struct media_buffer_payload b = {
                .buffer = {.type = g->type[i], .memory = V4L2_MEMORY_MMAP}};

            b.buffer.length = lengths[k % 3];
            assert_int_equal(point_buffer_raw(g, codes[k / 3], &b), EINVAL);
        }
    }
}

static void queueing_says_queued(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct media_buffer_payload b;

        point_allocate(g, g->type[i], 2);
        assert_int_equal(point_buffer(g, QBUF, g->type[i], 1, &b), 0);
        assert_true(b.buffer.flags & V4L2_BUF_FLAG_QUEUED);
        assert_false(b.buffer.flags & V4L2_BUF_FLAG_DONE);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], 1, &b), 0);
        assert_true(b.buffer.flags & V4L2_BUF_FLAG_QUEUED);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], 0, &b), 0);
        assert_false(b.buffer.flags & V4L2_BUF_FLAG_QUEUED);
        assert_int_equal(point_qbuf(g, g->type[i], 1), EINVAL); /* twice */
    }
}

static void bad_queueing_is_refused(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct media_buffer_payload b;
        uint32_t count;

        assert_int_equal(point_qbuf(g, g->type[i], 0), EINVAL); /* there are none */
        count = point_allocate(g, g->type[i], 1);
        assert_int_equal(point_qbuf(g, g->type[i], count), EINVAL);
        b = (struct media_buffer_payload){.buffer = {.type = g->type[i],
                                                     .memory = V4L2_MEMORY_DMABUF,
                                                     .length = VIDEO_MAX_PLANES}};
        assert_int_equal(point_buffer_raw(g, QBUF, &b), EINVAL);
        b.buffer.memory = V4L2_MEMORY_USERPTR;
        assert_int_equal(point_buffer_raw(g, QBUF, &b), EINVAL);
        b.buffer.memory = V4L2_MEMORY_MMAP;
        b.buffer.type = V4L2_BUF_TYPE_VBI_CAPTURE;
        assert_int_equal(point_buffer_raw(g, QBUF, &b), EINVAL);
        assert_int_equal(point_qbuf(g, g->type[i], 0), 0);
    }
}

static void preparing_comes_before(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct media_buffer_payload b;

        point_allocate(g, g->type[i], 1);
        assert_int_equal(point_buffer(g, PREPARE_BUF, g->type[i], 0, &b), 0);
        assert_true(b.buffer.flags & V4L2_BUF_FLAG_PREPARED);
        assert_false(b.buffer.flags & V4L2_BUF_FLAG_QUEUED);
        assert_int_equal(point_buffer(g, PREPARE_BUF, g->type[i], 0, &b), EINVAL);
        assert_int_equal(point_buffer(g, QBUF, g->type[i], 0, &b), 0);
        assert_true(b.buffer.flags & V4L2_BUF_FLAG_QUEUED);
        assert_false(b.buffer.flags & V4L2_BUF_FLAG_PREPARED);
        assert_int_equal(point_buffer(g, PREPARE_BUF, g->type[i], 0, &b), EINVAL);
    }
}

static struct v4l2_create_buffers creation(struct point_guest *g, uint32_t type, uint32_t count)
{
    struct v4l2_create_buffers create = {.count = count, .memory = V4L2_MEMORY_MMAP};

    create.format = point_g_fmt(g, type);
    memset(create.reserved, 0xff, sizeof(create.reserved));
    return create;
}

static void buffers_are_added(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct v4l2_create_buffers create = creation(g, g->type[i], 0);
        struct media_buffer_payload b;
        uint32_t count = point_allocate(g, g->type[i], 1);

        assert_int_equal(ASK(g, CREATE_BUFS, &create), 0); /* only asks */
        assert_int_equal(create.index, count);
        assert_int_equal(create.reserved[4], 0);
        create = creation(g, g->type[i], 2);
        assert_int_equal(ASK(g, CREATE_BUFS, &create), 0);
        assert_int_equal(create.index, count);
        assert_int_equal(create.count, 2);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], count + 1, &b), 0);
        check_idle(&b, g->type[i], count + 1);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], count + 2, &b), EINVAL);
    }
}

static uint32_t size_of(const struct v4l2_create_buffers *create)
{
    return point_format_of(&create->format).size[0];
}

static void set_size(struct v4l2_create_buffers *create, uint32_t size)
{
    if (V4L2_TYPE_IS_MULTIPLANAR(create->format.type))
        create->format.fmt.pix_mp.plane_fmt[0].sizeimage = size;
    else
        create->format.fmt.pix.sizeimage = size;
}

static void added_ones_have_their_size(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct v4l2_create_buffers create = creation(g, g->type[i], 1);
        struct media_buffer_payload b;
        uint32_t least = size_of(&create);

        set_size(&create, least + 10000);
        assert_int_equal(ASK(g, CREATE_BUFS, &create), 0);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], create.index, &b), 0);
        assert_true(point_length(&b, 0) >= least + 10000);
        create = creation(g, g->type[i], 1);
        set_size(&create, least / 2);
        assert_int_equal(ASK(g, CREATE_BUFS, &create), EINVAL);
        create = creation(g, g->type[i], 1);
        create.memory = V4L2_MEMORY_DMABUF;
        assert_int_equal(ASK(g, CREATE_BUFS, &create), EINVAL);
        create = creation(g, g->type[i], 1);
        create.format.type = V4L2_BUF_TYPE_VBI_OUTPUT;
        assert_int_equal(ASK(g, CREATE_BUFS, &create), EINVAL);
    }
}

static void stopping_gives_all_back(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        uint32_t count = point_allocate(g, g->type[i], 4);
        struct media_buffer_payload b;

        for (unsigned round = 0; round < 2; round++) {
            for (uint32_t n = 0; n < count; n++)
                assert_int_equal(point_qbuf(g, g->type[i], n), 0);
            if (round > 0) /* without a stream, too */
                assert_int_equal(point_streamon(g, g->type[i]), 0);
            assert_int_equal(point_streamoff(g, g->type[i]), 0);
            for (uint32_t n = 0; n < count; n++) {
                assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], n, &b), 0);
                check_idle(&b, g->type[i], n);
            }
        }
    }
}

static void output_data_lie_inside(struct point_guest *g)
{
    struct media_buffer_payload b = {.buffer = {.type = g->output, .memory = V4L2_MEMORY_MMAP}};
    struct media_buffer_payload is;
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(g->output);

    point_allocate(g, g->output, 2);
    assert_int_equal(point_buffer(g, QUERYBUF, g->output, 0, &is), 0);
    b.buffer.length = multi ? VIDEO_MAX_PLANES : 0;
    b.buffer.bytesused = b.planes[0].bytesused = point_length(&is, 0) + 1;
    assert_int_equal(point_buffer_raw(g, QBUF, &b), EINVAL);
    assert_int_equal(point_buffer_raw(g, PREPARE_BUF, &b), EINVAL);
    b.buffer.length = multi ? VIDEO_MAX_PLANES : 0;
    b.buffer.bytesused = b.planes[0].bytesused = 64;
    b.planes[0].data_offset = 64;
    assert_int_equal(point_buffer_raw(g, QBUF, &b), multi ? EINVAL : 0);
}

static void a_field_is_one_of_two(struct point_guest *g)
{
    struct media_buffer_payload b = {
        .buffer = {.type = g->output, .memory = V4L2_MEMORY_MMAP, .field = V4L2_FIELD_ALTERNATE}};

    point_allocate(g, g->output, 1);
    b.buffer.length = V4L2_TYPE_IS_MULTIPLANAR(g->output) ? VIDEO_MAX_PLANES : 0;
    assert_int_equal(point_buffer_raw(g, QBUF, &b), EINVAL);
    assert_int_equal(point_qbuf(g, g->output, 0), 0);
}

POINTS(point_buffers,
       {"VIDIOC_REQBUFS", "a count of 0 says what memory the queue takes", none_can_be_asked_for,
        0},
       {"VIDIOC_REQBUFS", "EINVAL for memory or a type that the node has not",
        other_memory_is_refused, 0},
       {"VIDIOC_REQBUFS", "more than can be had are as many as can be had", too_many_are_fewer, 0},
       {"VIDIOC_QUERYBUF", "every buffer is described, the one after the last is EINVAL",
        buffers_are_described, 0},
       {"VIDIOC_QUERYBUF", "timestamps are of the clock, and of a codec those of its sources",
        timestamps_are_of_a_kind, 0},
       {"VIDIOC_QUERYBUF", "every plane of every queue has a place of its own to map",
        places_are_apart, 0},
       {"VIDIOC_QUERYBUF", "EINVAL for an array of too few planes, or more than there can be",
        few_planes_are_refused, POINT_MULTIPLANAR},
       {"VIDIOC_QBUF", "sets QUEUED, clears DONE; a queued buffer cannot be queued",
        queueing_says_queued, 0},
       {"VIDIOC_QBUF", "EINVAL for an index, memory or type that is not there",
        bad_queueing_is_refused, 0},
       {"VIDIOC_QBUF", "EINVAL where an output buffer's data are not inside of it",
        output_data_lie_inside, POINT_CODEC},
       {"VIDIOC_QBUF", "EINVAL for an output buffer with the field ALTERNATE",
        a_field_is_one_of_two, POINT_CODEC},
       {"VIDIOC_PREPARE_BUF", "sets PREPARED, once; the buffer can be queued then",
        preparing_comes_before, 0},
       {"VIDIOC_CREATE_BUFS", "adds buffers behind those that are there; 0 only asks",
        buffers_are_added, 0},
       {"VIDIOC_CREATE_BUFS", "larger ones than the format's, never smaller ones",
        added_ones_have_their_size, 0},
       {"VIDIOC_STREAMOFF", "every buffer is the program's again, whether it streamed or not",
        stopping_gives_all_back, 0});
