/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

#define EACH_TYPE(g, i) for (unsigned i = 0; i < (g)->types; i++)

static void mappings_outlive_buffers(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct virtio_media_resp_mmap first, second;
        struct media_buffer_payload b;
        uint8_t *bytes;

        point_allocate(g, g->type[i], 1);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], 0, &b), 0);
        assert_int_equal(media_mmap(g->f, g->session, point_offset(&b, 0), &first), 0);
        assert_int_equal(first.len, point_length(&b, 0));
        assert_int_equal(media_mmap(g->f, g->session, point_offset(&b, 0), &second), 0);
        assert_true(first.shm_offset == second.shm_offset);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], 0, &b), 0);
        assert_true(b.buffer.flags & V4L2_BUF_FLAG_MAPPED);
        bytes = point_bytes(g, g->type[i], 0, 0);
        bytes[0] = 0x5a;
        assert_int_equal(point_reqbufs(g, g->type[i], V4L2_MEMORY_MMAP, &(uint32_t){0}), 0);
        assert_int_equal(bytes[0], 0x5a);
        assert_int_equal(media_munmap(g->f, first.shm_offset), 0);
        assert_int_equal(media_munmap(g->f, first.shm_offset), 0);
        assert_int_equal(media_munmap(g->f, first.shm_offset), EINVAL);
    }
}

static void other_places_are_not_mapped(struct point_guest *g)
{
    struct virtio_media_resp_mmap answer;

    assert_int_equal(media_mmap(g->f, g->session, 0, &answer), EINVAL);
    EACH_TYPE(g, i)
    {
        struct media_buffer_payload b;

        point_allocate(g, g->type[i], 1);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], 0, &b), 0);
        assert_int_equal(media_mmap(g->f, g->session, point_offset(&b, 0) + 1, &answer), EINVAL);
        assert_int_equal(media_mmap(g->f, g->session, 0xfffff000, &answer), EINVAL);
        assert_int_equal(media_mmap(g->f, 12345, point_offset(&b, 0), &answer), EINVAL);
    }
}

static void streams_need_buffers(struct point_guest *g)
{
    uint32_t wrong = V4L2_BUF_TYPE_VBI_CAPTURE;

    assert_int_equal(ASK(g, STREAMON, &wrong), EINVAL);
    assert_int_equal(ASK(g, STREAMOFF, &wrong), EINVAL);
    EACH_TYPE(g, i)
    {
        assert_int_equal(point_streamon(g, g->type[i]), EINVAL);
        assert_int_equal(point_streamoff(g, g->type[i]), 0);
        point_allocate(g, g->type[i], 2);
        assert_int_equal(point_streamon(g, g->type[i]), 0);
        assert_int_equal(point_streamon(g, g->type[i]), 0);
        assert_int_equal(point_reqbufs(g, g->type[i], V4L2_MEMORY_MMAP, &(uint32_t){2}), EBUSY);
        assert_int_equal(point_streamoff(g, g->type[i]), 0);
        assert_int_equal(point_streamoff(g, g->type[i]), 0);
        assert_int_equal(point_reqbufs(g, g->type[i], V4L2_MEMORY_MMAP, &(uint32_t){2}), 0);
    }
}

static void freeing_ends_the_stream(struct point_guest *g)
{
    EACH_TYPE(g, i)
    {
        struct media_buffer_payload b;

        point_allocate(g, g->type[i], 2);
        assert_int_equal(point_streamon(g, g->type[i]), 0);
        assert_int_equal(point_reqbufs(g, g->type[i], V4L2_MEMORY_MMAP, &(uint32_t){0}), 0);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], 0, &b), EINVAL);
        assert_int_equal(point_streamon(g, g->type[i]), EINVAL);
    }
}

static void unknown_ioctls(struct point_guest *g)
{
    static const uint8_t codes[] = {1, 3, 6, 7, 12, 13, 20, 105, 106, 127, 192, 255};
    uint8_t bytes[512] = {0};

    for (unsigned i = 0; i < sizeof(codes); i++)
        assert_int_equal(media_ioctl_raw(g->f, g->session, codes[i], bytes, sizeof(bytes)), ENOTTY);
    assert_int_equal(media_ioctl_raw(g->f, g->session, _IOC_NR(VIDIOC_EXPBUF), bytes, 64), ENOTTY);
    assert_int_equal(media_ioctl_raw(g->f, g->session, _IOC_NR(VIDIOC_G_STD), bytes, 8), ENOTTY);
    assert_int_equal(media_ioctl_raw(g->f, g->session, _IOC_NR(VIDIOC_G_DV_TIMINGS), bytes, 132),
                     ENOTTY);
    assert_int_equal(media_ioctl_raw(g->f, g->session, _IOC_NR(VIDIOC_G_TUNER), bytes, 84), ENOTTY);
}

POINTS(point_streams,
       {"VIDIOC_REQBUFS", "a count of 0 ends the stream and frees the buffers",
        freeing_ends_the_stream, 0},
       {"mmap", "the same place for the same offset; what is mapped outlives its buffer",
        mappings_outlive_buffers, 0},
       {"mmap", "EINVAL for an offset that QUERYBUF did not tell", other_places_are_not_mapped, 0},
       {"VIDIOC_STREAMON", "EINVAL without buffers; twice is as once; REQBUFS is EBUSY meanwhile",
        streams_need_buffers, 0},
       {"Error codes", "ENOTTY for an ioctl that the node has not", unknown_ioctls, 0});
