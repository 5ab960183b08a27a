/* SPDX-License-Identifier: MIT */
#include "media_test.h"

#define SMALL_BYTES (128u * 96 * 2)

/* A session with 'count' small YUYV buffers. */
static uint32_t session_with(struct media_fixture *f, uint32_t count)
{
    uint32_t session = media_session(f), got = count;

    assert_int_equal(media_set(f, session, V4L2_PIX_FMT_YUYV, 128, 96, 100), 0);
    assert_int_equal(media_reqbufs(f, session, &got), 0);
    assert_int_equal(got, count);
    return session;
}

static void test_reqbufs(void **state)
{
    struct media_fixture *f = *state;
    uint32_t a = session_with(f, 4), b = media_session(f), count = 2;
    struct v4l2_requestbuffers request = {.count = 1, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};

    assert_int_equal(f->census.resources, 4);
    assert_int_equal(f->census.bytes, 4 * 24576);
    assert_int_equal(media_reqbufs(f, b, &count), EBUSY);
    count = 0;
    assert_int_equal(media_reqbufs(f, b, &count), EBUSY);
    assert_int_equal(media_qbuf(f, b, 0), EBUSY);
    assert_int_equal(media_streamon(f, b), EBUSY);
    assert_int_equal(media_streamoff(f, b), EBUSY);
    assert_int_equal(media_set(f, b, V4L2_PIX_FMT_NV12, 640, 480, 30), EBUSY);
    assert_int_equal(media_set(f, a, V4L2_PIX_FMT_NV12, 640, 480, 30), EBUSY);
    count = 40; /* in place of the four */
    assert_int_equal(media_reqbufs(f, a, &count), 0);
    assert_int_equal(count, 32);
    assert_int_equal(f->census.resources, 32);
    count = 0;
    assert_int_equal(media_reqbufs(f, a, &count), 0);
    assert_int_equal(f->census.resources, 0);
    count = 3;
    assert_int_equal(media_reqbufs(f, b, &count), 0); /* the queue was free */

    for (uint32_t memory = 0; memory < 5; memory++) {
        request.memory = memory;
        if (memory != V4L2_MEMORY_MMAP && memory != V4L2_MEMORY_USERPTR)
            assert_int_equal(MEDIA_IOCTL(f, b, REQBUFS, &request), EINVAL);
    }
    request.memory = V4L2_MEMORY_MMAP;
    memset(request.reserved, 0xff, sizeof(request.reserved));
    assert_int_equal(MEDIA_IOCTL(f, b, REQBUFS, &request), 0);
    assert_int_equal(request.capabilities, V4L2_BUF_CAP_SUPPORTS_MMAP |
                                               V4L2_BUF_CAP_SUPPORTS_USERPTR |
                                               V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS);
    assert_int_equal(request.reserved[0], 0);
    request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    assert_int_equal(MEDIA_IOCTL(f, b, REQBUFS, &request), EINVAL);
}

static void test_querybuf(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = session_with(f, 32), seen[32];
    struct media_buffer_payload b;

    for (uint32_t i = 0; i < 32; i++) {
        assert_int_equal(media_querybuf(f, session, i, &b), 0);
        assert_int_equal(f->written, 8 + 88);
        assert_int_equal(b.buffer.index, i);
        assert_int_equal(b.buffer.length, SMALL_BYTES);
        assert_int_equal(b.buffer.flags, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
        assert_int_equal(b.buffer.m.offset % 65536, 0);
        seen[i] = b.buffer.m.offset;
        for (uint32_t k = 0; k < i; k++)
            assert_int_not_equal(seen[k], seen[i]);
    }
    assert_int_equal(media_querybuf(f, session, 32, &b), EINVAL);
    assert_int_equal(media_querybuf(f, session, 0xffffffff, &b), EINVAL);
    assert_int_equal(media_querybuf(f, media_session(f), 0, &b), 0);
}

static void test_mplane_querybuf(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f), count = 2;
    struct media_buffer_payload b;

    assert_int_equal(media_set(f, session, V4L2_PIX_FMT_NV12M, 128, 96, 100), 0);
    assert_int_equal(media_reqbufs(f, session, &count), 0);
    assert_int_equal(f->census.resources, 4);
    assert_int_equal(media_querybuf(f, session, 1, &b), 0);
    assert_int_equal(f->written, 8 + 88 + 2 * 64);
    assert_int_equal(b.buffer.length, 2);
    assert_ptr_equal(b.buffer.m.planes, (void *)0x7ffdeadbeef0);
    assert_int_equal(b.planes[0].length, 128 * 96);
    assert_int_equal(b.planes[1].length, 128 * 48);
    assert_int_not_equal(b.planes[0].m.mem_offset, b.planes[1].m.mem_offset);

    for (uint32_t length = 0; length < 12; length++) {
        b.buffer.index = 1;
        b.buffer.length = length;
        assert_int_equal(MEDIA_IOCTL(f, session, QUERYBUF, &b),
                         length >= 2 && length <= 8 ? 0 : EINVAL);
    }
    b.buffer.length = 2; /* says two, and sends one */
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_QUERYBUF), &b, 88 + 64), EINVAL);
    assert_int_equal(media_ioctl_raw(f, session, _IOC_NR(VIDIOC_QUERYBUF), &b, 88 + 128), 0);
}

static void test_qbuf(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = session_with(f, 2);
    struct media_buffer_payload b;

    assert_int_equal(media_qbuf(f, session, 2), EINVAL);
    assert_int_equal(media_buffer_ioctl(f, session, _IOC_NR(VIDIOC_QBUF), 0, &b), 0);
    assert_int_equal(b.buffer.flags, V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
    assert_int_equal(media_qbuf(f, session, 0), EINVAL);
    assert_int_equal(media_buffer_ioctl(f, session, _IOC_NR(VIDIOC_PREPARE_BUF), 0, &b), EINVAL);
    assert_int_equal(media_buffer_ioctl(f, session, _IOC_NR(VIDIOC_PREPARE_BUF), 1, &b), 0);
    assert_true(b.buffer.flags & V4L2_BUF_FLAG_PREPARED);
    assert_int_equal(media_qbuf(f, session, 1), 0);
    assert_int_equal(media_streamoff(f, session), 0); /* gives them back, streaming or not */
    assert_int_equal(media_querybuf(f, session, 1, &b), 0);
    assert_int_equal(b.buffer.flags, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
    b.buffer.memory = V4L2_MEMORY_USERPTR;
    assert_int_equal(MEDIA_IOCTL(f, session, QBUF, &b.buffer), EINVAL);
    b.buffer.memory = V4L2_MEMORY_MMAP;
    b.buffer.flags = V4L2_BUF_FLAG_REQUEST_FD;
    assert_int_equal(MEDIA_IOCTL(f, session, QBUF, &b.buffer), EBADR);
    assert_int_equal(media_qbuf(f, session, 1), 0);
}

static void test_streamon_rules(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f), count = 2, type = V4L2_BUF_TYPE_VIDEO_OUTPUT;

    assert_int_equal(media_streamon(f, session), EINVAL);
    assert_int_equal(media_streamoff(f, session), 0);
    assert_int_equal(media_reqbufs(f, session, &count), 0);
    assert_int_equal(MEDIA_IOCTL(f, session, STREAMON, &type), EINVAL);
    assert_int_equal(media_streamon(f, session), 0);
    assert_int_equal(media_streamon(f, session), 0);
    assert_int_equal(media_reqbufs(f, session, &count), EBUSY);
    count = 0; /* frees, and stops */
    assert_int_equal(media_reqbufs(f, session, &count), 0);
    assert_false(media_queue(f)->streaming);
}

static uint32_t offset_of(struct media_fixture *f, uint32_t session, uint32_t index)
{
    struct media_buffer_payload b;

    assert_int_equal(media_querybuf(f, session, index, &b), 0);
    return b.buffer.m.offset;
}

static void test_mmap(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = session_with(f, 2), at = offset_of(f, session, 1);
    struct virtio_media_resp_mmap one, two;
    struct media_buffer_payload b;

    assert_int_equal(media_mmap(f, session, at, &one), 0);
    assert_int_equal(f->written, 24);
    assert_int_equal(one.len, SMALL_BYTES);
    assert_int_equal(f->port.count, 1);
    assert_non_null(media_window_at(f, one.shm_offset));
    assert_int_equal(media_mmap(f, session, at, &two), 0);
    assert_int_equal(two.shm_offset, one.shm_offset);
    assert_int_equal(f->port.maps, 1);
    assert_int_equal(f->census.mapped, 1);
    assert_int_equal(media_querybuf(f, session, 1, &b), 0);
    assert_true(b.buffer.flags & V4L2_BUF_FLAG_MAPPED);

    assert_int_equal(media_munmap(f, one.shm_offset), 0);
    assert_int_equal(f->port.unmaps, 0);
    assert_int_equal(media_munmap(f, one.shm_offset), 0);
    assert_int_equal(f->written, 8);
    assert_int_equal(f->port.count, 0);
    assert_int_equal(f->census.mapped, 0);
    assert_int_equal(media_munmap(f, one.shm_offset), EINVAL);
    assert_int_equal(media_querybuf(f, session, 1, &b), 0);
    assert_false(b.buffer.flags & V4L2_BUF_FLAG_MAPPED);
    assert_int_equal(media_mmap(f, session, at, &two), 0); /* and in again */
    assert_int_equal(media_munmap(f, two.shm_offset), 0);
}

static void test_mmap_refused(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = session_with(f, 2), other = media_session(f);
    uint32_t at = offset_of(f, session, 1);
    struct virtio_media_resp_mmap answer;

    assert_int_equal(media_mmap(f, session, at + 4096, &answer), EINVAL);
    assert_int_equal(media_mmap(f, session, at + 65536, &answer), EINVAL); /* a plane too many */
    assert_int_equal(media_mmap(f, session, 0xffff0000, &answer), EINVAL);
    assert_int_equal(media_mmap(f, other, at, &answer), EINVAL);
    assert_int_equal(media_mmap(f, 4711, at, &answer), EINVAL);
    assert_int_equal(f->port.maps, 0);
    assert_int_equal(media_mmap(f, session, at, &answer), 0);
    assert_int_equal(media_munmap(f, answer.shm_offset + 4096), EINVAL);
    assert_int_equal(media_munmap(f, MEDIA_WINDOW), EINVAL);
    assert_int_equal(media_munmap(f, UINT64_MAX), EINVAL);
    assert_int_equal(media_munmap(f, answer.shm_offset), 0);
}

/* A mapping outlives REQBUFS(0) and CLOSE; new buffers meanwhile get other places. */
static void test_mapping_survives(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = session_with(f, 2), other, zero = 0;
    struct virtio_media_resp_mmap old, new;

    assert_int_equal(media_mmap(f, session, offset_of(f, session, 0), &old), 0);
    assert_int_equal(media_reqbufs(f, session, &zero), 0);
    assert_int_equal(f->census.resources, 1);
    assert_int_equal(f->port.count, 1);
    other = session_with(f, 2);
    assert_int_equal(media_mmap(f, other, offset_of(f, other, 0), &new), 0);
    assert_int_not_equal(new.shm_offset, old.shm_offset);
    media_close(f, session);
    assert_int_equal(media_munmap(f, old.shm_offset), 0);
    assert_int_equal(f->census.resources, 2);
    media_close(f, other); /* before its unmapping */
    assert_int_equal(f->census.resources, 1);
    assert_int_equal(media_munmap(f, new.shm_offset), 0);
    media_assert_empty(f);
}

/* While the window's answer is awaited, the command queue waits too. */
static void test_queue_waits(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = session_with(f, 1), status;
    struct virtio_media_cmd_mmap mmap = media_mmap_request(session, offset_of(f, session, 0));
    struct virtio_media_cmd_header open = {.cmd = VIRTIO_MEDIA_CMD_OPEN};
    struct virtio_media_resp_mmap answer;
    uint64_t answer_at;

    f->port.hold = true;
    media_send(f, &mmap, sizeof(mmap), 24);
    answer_at = f->answer_at;
    media_send(f, &open, sizeof(open), 16);
    media_loop(f);
    assert_false(media_take(f, &status));
    fake_port_answer(&f->port, 0);
    assert_true(media_take(f, &status));
    memcpy(&answer, ring_driver_at(&f->driver, answer_at), sizeof(answer));
    assert_int_equal(answer.hdr.status, 0);
    assert_int_equal(answer.len, SMALL_BYTES);
    assert_int_equal(f->written, 24);
    assert_true(media_take(f, &status));
    assert_int_equal(status, 0);
    assert_int_equal(f->written, 16);
    f->port.hold = false;
    assert_int_equal(media_munmap(f, answer.shm_offset), 0);
}

static void test_port_errors(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = session_with(f, 1), at = offset_of(f, session, 0), zero = 0, count;
    struct virtio_media_resp_mmap answer, other;

    f->port.refuse = -EEXIST;
    assert_int_equal(media_mmap(f, session, at, &answer), EEXIST);
    assert_int_equal(f->written, 8);
    f->port.refuse = 0;
    f->port.result = -ETIMEDOUT;
    assert_int_equal(media_mmap(f, session, at, &answer), ETIMEDOUT);
    assert_int_equal(f->written, 8);
    assert_int_equal(f->census.mapped, 0);
    f->port.result = 0;
    assert_int_equal(media_mmap(f, session, at, &answer), 0);

    f->port.refuse = -ENOMEM; /* at once: it is where it was, and needs no message to be mapped */
    assert_int_equal(media_munmap(f, answer.shm_offset), ENOMEM);
    assert_int_equal(f->census.mapped, 1);
    f->port.refuse = 0;
    f->port.maps = 0;
    assert_int_equal(media_mmap(f, session, at, &answer), 0);
    assert_int_equal(f->port.maps, 0);

    /* What could not be taken out is nobody's to map, and its memory is kept until the reset. */
    f->port.result = -EIO;
    assert_int_equal(media_munmap(f, answer.shm_offset), EIO);
    assert_int_equal(f->census.mapped, 0);
    assert_int_equal(media_munmap(f, answer.shm_offset), EINVAL);
    f->port.result = 0;
    assert_int_equal(media_mmap(f, session, at, &answer), EIO);
    assert_int_equal(f->port.maps, 0);
    assert_int_equal(media_reqbufs(f, session, &zero), 0);
    assert_int_equal(f->census.resources, 1);
    count = 1;
    assert_int_equal(media_reqbufs(f, session, &count), 0);
    assert_int_equal(media_mmap(f, session, at, &other), 0); /* a new one at a new place */
    assert_int_not_equal(other.shm_offset, answer.shm_offset);
    media_fixture_reboot(f);
    media_assert_empty(f);
}

/* The front-end lost the mapping already: nothing is stuck. */
static void test_unmap_of_gone(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = session_with(f, 1);
    struct virtio_media_resp_mmap answer;

    assert_int_equal(media_mmap(f, session, offset_of(f, session, 0), &answer), 0);
    f->port.count = 0;
    media_close(f, session);
    assert_int_equal(media_munmap(f, answer.shm_offset), 0);
    media_assert_empty(f);
}

static void test_reset_with_request_in_hand(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = session_with(f, 1), status;
    struct virtio_media_cmd_mmap mmap = media_mmap_request(session, offset_of(f, session, 0));

    f->port.hold = true;
    media_send(f, &mmap, sizeof(mmap), 24);
    /* here the port's answer comes after the reset */
    for (unsigned q = 0; q < 2; q++)
        virtqueue_stop(&f->driver.queues[q]);
    f->device->impl->reset(f->device);
    for (unsigned q = 0; q < 2; q++)
        ring_driver_start(&f->driver, q, MEDIA_RING);
    media_assert_empty(f);
    fake_port_answer(&f->port, -ECANCELED);
    assert_false(media_take(f, &status));
    f->port.hold = false;
    session = session_with(f, 3);
    media_fixture_reboot(f);
    media_assert_empty(f);
}

/* The rings pause while a mapping is awaited, and the answer to it is 'result'. */
static void pause_with_request_in_hand(struct media_fixture *f, bool before, int result)
{
    uint32_t session = session_with(f, 1), status;
    struct virtio_media_cmd_mmap mmap = media_mmap_request(session, offset_of(f, session, 0));
    struct virtqueue *queue = &f->driver.queues[0];
    struct virtqueue_setup setup = {
        .size = queue->size, .desc = queue->desc, .avail = queue->avail, .used = queue->used};
    struct virtio_media_resp_mmap answer;
    bool fresh;

    f->port.hold = true;
    media_send(f, &mmap, sizeof(mmap), 24);
    if (before)
        fake_port_answer(&f->port, result);
    setup.base = virtqueue_stop(queue);
    if (!before)
        fake_port_answer(&f->port, result);
    assert_false(media_take(f, &status));
    assert_int_equal(virtqueue_start(queue, &setup, &fresh), 0);
    assert_false(fresh);
    queue->enabled = true;
    f->device->impl->queue_ready(f->device, 0);
    assert_int_equal(f->port.asked, result != 0); /* what was cancelled is done again */
    if (f->port.asked)
        fake_port_answer(&f->port, 0);
    f->port.hold = false;
    assert_true(media_take(f, &status));
    assert_int_equal(status, 0);
    assert_false(media_take(f, &status));
    memcpy(&answer, ring_driver_at(&f->driver, f->answer_at), sizeof(answer));
    assert_int_equal(media_munmap(f, answer.shm_offset), 0);
    assert_int_equal(f->port.count, 0);
    media_close(f, session);
    media_assert_empty(f);
}

static void test_pause_with_request_in_hand(void **state)
{
    pause_with_request_in_hand(*state, false, 0);
    pause_with_request_in_hand(*state, false, -ECANCELED);
    pause_with_request_in_hand(*state, true, -ECANCELED);
}

static void test_window_is_full(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = media_session(f), count = 32;

    /* 4096x2160 RGB24 is 25.3 MiB: two fit into 64 MiB */
    assert_int_equal(media_set(f, session, V4L2_PIX_FMT_RGB24, 4096, 2160, 30), 0);
    assert_int_equal(media_reqbufs(f, session, &count), 0);
    assert_int_equal(count, 2);
    f->port.port.size = 1 << 20;
    assert_int_equal(media_reqbufs(f, session, &count), ENOMEM);
    media_close(f, session);
    media_assert_empty(f);
}

static uint32_t create_bufs(struct media_fixture *f, uint32_t session,
                            struct v4l2_create_buffers *create, uint32_t count, uint32_t size)
{
    memset(create, 0xff, sizeof(*create));
    create->count = count;
    create->memory = V4L2_MEMORY_MMAP;
    create->format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    create->format.fmt.pix.sizeimage = size;
    return MEDIA_IOCTL(f, session, CREATE_BUFS, create);
}

static void test_create_bufs(void **state)
{
    struct media_fixture *f = *state;
    uint32_t session = session_with(f, 2), other = media_session(f), zero = 0;
    struct v4l2_create_buffers create;
    struct media_buffer_payload b;

    assert_int_equal(create_bufs(f, other, &create, 1, SMALL_BYTES), EBUSY);
    assert_int_equal(create_bufs(f, other, &create, 0, 0), 0);
    assert_int_equal(create.index, 2);
    assert_int_equal(create_bufs(f, session, &create, 3, SMALL_BYTES - 1), EINVAL);
    assert_int_equal(create_bufs(f, session, &create, 3, SMALL_BYTES + 5000), 0);
    assert_int_equal(create.index, 2);
    assert_int_equal(create.count, 3);
    assert_int_equal(create.reserved[0], 0);
    assert_int_equal(media_querybuf(f, session, 4, &b), 0);
    assert_int_equal(b.buffer.length, SMALL_BYTES + 5000);
    assert_int_equal(create_bufs(f, session, &create, 99, SMALL_BYTES), 0);
    assert_int_equal(create.count, 27);
    assert_int_equal(create_bufs(f, session, &create, 1, SMALL_BYTES), ENOBUFS);
    assert_int_equal(create_bufs(f, session, &create, 1, 0xffffffff), ENOBUFS);
    assert_int_equal(media_reqbufs(f, session, &zero), 0);
    assert_int_equal(create_bufs(f, session, &create, 1, 0xffffffff), ENOMEM);
    assert_int_equal(create_bufs(f, other, &create, 1, SMALL_BYTES), 0); /* owns it now */
    assert_int_equal(media_qbuf(f, session, 0), EBUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEDIA_TEST(test_reqbufs),
        MEDIA_TEST(test_querybuf),
        MEDIA_MPLANE_TEST(test_mplane_querybuf),
        MEDIA_TEST(test_qbuf),
        MEDIA_TEST(test_streamon_rules),
        MEDIA_TEST(test_mmap),
        MEDIA_ARENA_TEST(test_mmap),
        MEDIA_TEST(test_mmap_refused),
        MEDIA_TEST(test_mapping_survives),
        MEDIA_ARENA_TEST(test_mapping_survives),
        MEDIA_TEST(test_queue_waits),
        MEDIA_TEST(test_port_errors),
        MEDIA_ARENA_TEST(test_port_errors),
        MEDIA_TEST(test_unmap_of_gone),
        MEDIA_TEST(test_reset_with_request_in_hand),
        MEDIA_ARENA_TEST(test_reset_with_request_in_hand),
        MEDIA_TEST(test_pause_with_request_in_hand),
        MEDIA_TEST(test_window_is_full),
        MEDIA_TEST(test_create_bufs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
