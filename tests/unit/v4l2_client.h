/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_V4L2_CLIENT_H
#define TESTS_UNIT_V4L2_CLIENT_H

/* A program of the guest that uses a node of the host, which is pretended. */
#include "media_test.h"

#include "fake_node.h"

#define SINGLE V4L2_BUF_TYPE_VIDEO_CAPTURE
#define MULTI V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE

static struct fake_node node;

static inline uint32_t reqbufs(struct media_fixture *f, uint32_t session, uint32_t *count)
{
    struct v4l2_requestbuffers request = {
        .count = *count, .type = node.type, .memory = V4L2_MEMORY_MMAP};
    uint32_t status = MEDIA_IOCTL(f, session, REQBUFS, &request);

    *count = request.count;
    if (status == 0)
        assert_int_equal(request.capabilities, V4L2_BUF_CAP_SUPPORTS_MMAP |
                                                   V4L2_BUF_CAP_SUPPORTS_USERPTR |
                                                   V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS);
    return status;
}

static inline uint32_t buffer_ioctl(struct media_fixture *f, uint32_t session, uint32_t code,
                                    uint32_t index, struct media_buffer_payload *b)
{
    *b = (struct media_buffer_payload){
        .buffer = {.index = index, .type = node.type, .memory = V4L2_MEMORY_MMAP}};
    if (!V4L2_TYPE_IS_MULTIPLANAR(node.type))
        return media_ioctl_raw(f, session, code, b, sizeof(b->buffer));
    b->buffer.length = VIDEO_MAX_PLANES;
    b->buffer.m.planes = (void *)0x7ffdeadbeef0;
    b->planes[0].m.userptr = 0x1234; /* a guest's own: no business of the host */
    return media_ioctl_raw(f, session, code, b, sizeof(*b));
}

static inline uint32_t qbuf(struct media_fixture *f, uint32_t session, uint32_t index)
{
    struct media_buffer_payload b;
    uint32_t status = buffer_ioctl(f, session, _IOC_NR(VIDIOC_QBUF), index, &b);

    if (V4L2_TYPE_IS_MULTIPLANAR(node.type))
        assert_ptr_equal(b.buffer.m.planes, (void *)0x7ffdeadbeef0);
    return status;
}

static inline uint32_t stream(struct media_fixture *f, uint32_t session, bool on)
{
    uint32_t type = node.type;

    return on ? MEDIA_IOCTL(f, session, STREAMON, &type)
              : MEDIA_IOCTL(f, session, STREAMOFF, &type);
}

struct client {
    uint32_t session, count;
    unsigned planes;
    uint64_t at[FAKE_NODE_BUFFERS][2];
};

/* Opens, allocates and maps. */
static inline void client_open(struct media_fixture *f, struct client *c, uint32_t count)
{
    struct media_buffer_payload b;
    struct virtio_media_resp_mmap answer;

    *c = (struct client){.session = media_session(f), .count = count};
    c->planes = fake_node_planes(&node);
    assert_int_equal(reqbufs(f, c->session, &c->count), 0);
    assert_int_equal(c->count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(buffer_ioctl(f, c->session, _IOC_NR(VIDIOC_QUERYBUF), i, &b), 0);
        assert_int_equal(b.buffer.flags & V4L2_BUF_FLAG_MAPPED, 0);
        for (unsigned p = 0; p < c->planes; p++) {
            bool multi = V4L2_TYPE_IS_MULTIPLANAR(node.type);
            uint32_t offset = multi ? b.planes[p].m.mem_offset : b.buffer.m.offset;

            assert_int_equal(offset, FAKE_NODE_COOKIE(i, p));
            assert_int_equal(media_mmap(f, c->session, offset, &answer), 0);
            assert_int_equal(answer.len, FAKE_NODE_PLANE);
            c->at[i][p] = answer.shm_offset;
        }
        assert_int_equal(buffer_ioctl(f, c->session, _IOC_NR(VIDIOC_QUERYBUF), i, &b), 0);
        assert_true(b.buffer.flags & V4L2_BUF_FLAG_MAPPED);
    }
}

static inline void client_close(struct media_fixture *f, struct client *c)
{
    media_close(f, c->session);
    for (uint32_t i = 0; i < c->count; i++)
        for (unsigned p = 0; p < c->planes; p++)
            assert_int_equal(media_munmap(f, c->at[i][p]), 0);
    media_assert_empty(f);
}

/* Runs the loop until an event comes. */
static inline void await_event(struct media_fixture *f, struct virtio_media_event_dqbuf *event)
{
    uint64_t end = units_now_ns() + 10000000000ull;

    while (!media_event(f, event)) {
        assert_true(units_now_ns() < end);
        assert_true(sd_event_run(f->loop, 1000) >= 0);
    }
    media_post_events(f, 1, 608);
}

static inline void assert_no_event(struct media_fixture *f)
{
    struct virtio_media_event_dqbuf event;

    media_loop_for(f, 20);
    assert_false(media_event(f, &event));
}

static inline uint8_t *seen(struct media_fixture *f, const struct client *c, uint32_t index,
                            unsigned plane)
{
    uint8_t *data = (uint8_t *)(uintptr_t)media_window_at(f, c->at[index][plane]);

    assert_non_null(data);
    return data;
}

static inline void check_frame(struct media_fixture *f, const struct client *c,
                               const struct virtio_media_event_dqbuf *event, uint8_t value)
{
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(node.type);
    uint32_t index = event->buffer.index;

    assert_int_equal(event->hdr.event, VIRTIO_MEDIA_EVT_DQBUF);
    assert_int_equal(event->hdr.session_id, c->session);
    assert_int_equal(f->written, 608);
    assert_int_equal(event->buffer.flags, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_MAPPED);
    assert_true(index < c->count);
    for (unsigned p = 0; p < c->planes; p++) {
        uint32_t used = multi ? event->planes[p].bytesused : event->buffer.bytesused;
        const uint8_t *data = seen(f, c, index, p);

        assert_int_equal(used, FAKE_NODE_PLANE - 1);
        for (uint32_t i = 0; i < used; i++)
            assert_int_equal(data[i], (uint8_t)(value + p));
    }
    if (multi)
        assert_true(event->buffer.m.userptr == 0);
}

/* ---- memory of the guest's ---- */

#define PAGES 6u /* of a plane, scattered; its bytes begin somewhere in the first */
#define BEGIN 1000u
#define USERPTR(plane) (0x7f1200000000 + 0x10000 * (plane) + BEGIN)

/* QBUF of a USERPTR buffer of two planes. */
struct user_payload {
    struct v4l2_buffer buffer;
    struct v4l2_plane planes[2];
    struct virtio_media_sg pages[2][PAGES];
};

static inline void user_fill(struct user_payload *u, uint64_t pages[2][PAGES])
{
    *u = (struct user_payload){.buffer = {.type = MULTI,
                                          .memory = V4L2_MEMORY_USERPTR,
                                          .length = 2,
                                          .m.planes = (void *)0x7ffdeadbeef0}};
    for (unsigned p = 0; p < 2; p++) {
        uint32_t rest = FAKE_NODE_PLANE;

        u->planes[p].length = FAKE_NODE_PLANE;
        u->planes[p].m.userptr = USERPTR(p);
        for (unsigned i = 0; i < PAGES; i++) {
            uint32_t from = i == 0 ? BEGIN : 0, room = 4096 - from;

            u->pages[p][i].start = pages[p][i] + from;
            u->pages[p][i].len = rest < room ? rest : room;
            rest -= u->pages[p][i].len;
        }
        assert_int_equal(rest, 0);
    }
}

static inline uint32_t user_queue(struct media_fixture *f, uint32_t session, struct user_payload *u)
{
    return media_ioctl_raw(f, session, _IOC_NR(VIDIOC_QBUF), u, sizeof(*u));
}

static inline void user_pages(struct media_fixture *f, uint64_t pages[2][PAGES])
{
    for (unsigned k = 0; k < 2 * PAGES; k++)
        pages[k % 2][k / 2] = (ring_driver_alloc(&f->driver, 8192) + 4095) & ~4095ull;
}

static inline void user_check(struct media_fixture *f, uint64_t pages[2][PAGES], uint8_t value)
{
    for (uint32_t p = 0; p < 2; p++)
        for (uint32_t at = BEGIN; at < BEGIN + FAKE_NODE_PLANE; at += 7) {
            const uint8_t *byte = ring_driver_at(&f->driver, pages[p][at / 4096] + at % 4096);

            assert_int_equal(*byte, (uint8_t)(value + p));
        }
}

static inline uint32_t user_open(struct media_fixture *f)
{
    struct v4l2_requestbuffers request = {.count = 2, .type = MULTI, .memory = V4L2_MEMORY_USERPTR};
    uint32_t session = media_session(f);

    media_post_events(f, 16, 608);
    assert_int_equal(MEDIA_IOCTL(f, session, REQBUFS, &request), 0);
    return session;
}

#endif
