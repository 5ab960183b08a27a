/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

/* Buffers of the program's own memory. A queue need not take them; then there is nothing to try. */
#define USER V4L2_MEMORY_USERPTR
#define POINTER 0x7f0000001000ull
#define EACH_USER_TYPE(g, i)                                                                       \
    for (unsigned i = 0; i < (g)->types; i++)                                                      \
        if (takes_user(g, (g)->type[i]))

static bool takes_user(struct point_guest *g, uint32_t type)
{
    struct v4l2_requestbuffers request = {.type = type, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(ASK(g, REQBUFS, &request), 0);
    return request.capabilities & V4L2_BUF_CAP_SUPPORTS_USERPTR;
}

/* A buffer's memory: a piece for each plane. */
struct user_buffer {
    unsigned planes;
    uint32_t size[VIDEO_MAX_PLANES];
    uint64_t gpa[VIDEO_MAX_PLANES];
};

static struct point_format small_format(struct point_guest *g, uint32_t type)
{
    struct v4l2_format format = point_g_fmt(g, type);

    point_format_put(&format, point_format_of(&format).fourcc, 160, 120);
    assert_int_equal(ASK(g, S_FMT, &format), 0);
    return point_format_of(&format);
}

static struct user_buffer make_memory(struct point_guest *g, const struct point_format *f)
{
    struct user_buffer memory = {.planes = f->planes};

    for (unsigned i = 0; i < f->planes; i++) {
        memory.size[i] = f->size[i];
        memory.gpa[i] = ring_driver_alloc(&g->f->driver, f->size[i]);
        memset(ring_driver_at(&g->f->driver, memory.gpa[i]), 0xa5, f->size[i]);
    }
    return memory;
}

/* The lists of pieces are 'pieces' long: as many as there are planes, or fewer to lie. */
static uint32_t qbuf_user(struct point_guest *g, uint32_t type, uint32_t index,
                          const struct user_buffer *memory, unsigned pieces,
                          struct v4l2_buffer *answer)
{
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(type);
    struct v4l2_buffer buffer = {.index = index, .type = type, .memory = USER};
    uint8_t bytes[sizeof(buffer) + VIDEO_MAX_PLANES * 80];
    uint32_t size = sizeof(buffer), status;

    buffer.length = multi ? memory->planes : memory->size[0];
    if (!multi)
        buffer.m.userptr = POINTER;
    memcpy(bytes, &buffer, sizeof(buffer));
    for (unsigned i = 0; multi && i < memory->planes; i++, size += sizeof(struct v4l2_plane)) {
        struct v4l2_plane plane = {.length = memory->size[i]};

        plane.m.userptr = POINTER + i * 0x1000000;
        memcpy(bytes + size, &plane, sizeof(plane));
    }
    for (unsigned i = 0; i < pieces; i++, size += sizeof(struct virtio_media_sg)) {
        struct virtio_media_sg sg = {memory->gpa[i], memory->size[i], 0};

        memcpy(bytes + size, &sg, sizeof(sg));
    }
    status = media_ioctl_raw(g->f, g->session, QBUF, bytes, size);
    memcpy(answer, bytes, sizeof(*answer));
    return status;
}

static void one_sort_of_memory(struct point_guest *g)
{
    EACH_USER_TYPE(g, i)
    {
        struct virtio_media_resp_mmap answer;
        struct media_buffer_payload b;
        uint32_t count = 2;

        assert_int_equal(point_reqbufs(g, g->type[i], USER, &count), 0);
        assert_true(count >= 1);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], 0, &b), 0);
        assert_int_equal(b.buffer.memory, USER);
        assert_int_equal(point_qbuf(g, g->type[i], 0), EINVAL); /* says MMAP */
        assert_int_equal(media_mmap(g->f, g->session, 0, &answer), EINVAL);
        count = 2;
        assert_int_equal(point_reqbufs(g, g->type[i], V4L2_MEMORY_MMAP, &count), 0);
        assert_int_equal(point_buffer(g, QUERYBUF, g->type[i], 0, &b), 0);
        assert_int_equal(b.buffer.memory, V4L2_MEMORY_MMAP);
    }
}

static void memory_has_to_suffice(struct point_guest *g)
{
    EACH_USER_TYPE(g, i)
    {
        struct point_format f = small_format(g, g->type[i]);
        struct user_buffer memory = make_memory(g, &f), bad = memory;
        struct v4l2_buffer answer;

        assert_int_equal(point_reqbufs(g, g->type[i], USER, &(uint32_t){2}), 0);
        bad.size[0] = memory.size[0] - 1;
        assert_int_equal(qbuf_user(g, g->type[i], 0, &bad, bad.planes, &answer), EINVAL);
        assert_int_not_equal(qbuf_user(g, g->type[i], 0, &memory, memory.planes - 1, &answer), 0);
        bad = memory;
        bad.gpa[0] = 1ull << 60; /* no memory */
        assert_int_not_equal(qbuf_user(g, g->type[i], 0, &bad, bad.planes, &answer), 0);
        assert_int_equal(qbuf_user(g, g->type[i], 0, &memory, memory.planes, &answer), 0);
        assert_true(answer.flags & V4L2_BUF_FLAG_QUEUED);
        assert_int_equal(answer.memory, USER);
        if (!V4L2_TYPE_IS_MULTIPLANAR(g->type[i]))
            assert_true(answer.m.userptr == POINTER);
    }
}

static void frames_lie_in_it(struct point_guest *g)
{
    struct point_format f = small_format(g, g->capture);
    struct user_buffer memory;
    struct virtio_media_event_dqbuf frame;
    struct v4l2_buffer answer;

    if (!takes_user(g, g->capture))
        return;
    memory = make_memory(g, &f);
    assert_int_equal(point_reqbufs(g, g->capture, USER, &(uint32_t){2}), 0);
    assert_int_equal(qbuf_user(g, g->capture, 0, &memory, memory.planes, &answer), 0);
    assert_int_equal(point_streamon(g, g->capture), 0);
    frame = point_take(g, g->capture);
    assert_int_equal(frame.buffer.memory, USER);
    assert_int_equal(frame.buffer.flags & V4L2_BUF_FLAG_ERROR, 0);
    for (unsigned i = 0; i < memory.planes; i++) {
        const uint8_t *bytes = ring_driver_at(&g->f->driver, memory.gpa[i]);
        uint32_t old = 0;

        for (uint32_t k = 0; k < memory.size[i]; k++)
            old += bytes[k] == 0xa5;
        assert_true(old < memory.size[i] / 2);
    }
}

POINTS(point_user_memory,
       {"User pointers", "a queue has one sort of memory at a time, and nothing to map with this",
        one_sort_of_memory, 0},
       {"User pointers", "EINVAL for less than a plane; nothing is taken that is not there",
        memory_has_to_suffice, 0},
       {"User pointers", "a camera's frames lie in the program's memory", frames_lie_in_it,
        POINT_CAMERA});
