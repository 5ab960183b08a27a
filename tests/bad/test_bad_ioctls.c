/* SPDX-License-Identifier: MIT */
#include "bad.h"

#include <errno.h>
#include <string.h>

#include "protocol/v4l2_ioctl.h"
#include "tests/frontend/media_guest.h"

/*
 * A guest whose media commands lie, one kind of lie after the other. Each is answered with its
 * error, said and counted; the bystander, a mapped buffer of another session, keeps every byte; and
 * nothing is left when the guest has gone.
 */
#define TYPE V4L2_BUF_TYPE_VIDEO_CAPTURE
#define BUFFERS 2u

static void begin(struct story *s)
{
    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
}

static void end(struct story *s, const char *words)
{
    subject_serves(s);
    story_leave(s);
    bad_told(s, "command_errors", words);
    bad_afterwards(s);
    story_end(s);
}

static int request_buffers(struct story *s, uint32_t session, uint32_t count)
{
    struct v4l2_requestbuffers request = {.count = count, .type = TYPE, .memory = V4L2_MEMORY_MMAP};

    return media_guest_ioctl(&s->frontend, session, VIDIOC_REQBUFS, &request);
}

static int buffer_ioctl(struct story *s, uint32_t session, unsigned long code, uint32_t index,
                        uint32_t *offset)
{
    struct v4l2_buffer buffer = {.index = index, .type = TYPE, .memory = V4L2_MEMORY_MMAP};
    int r = media_guest_ioctl(&s->frontend, session, code, &buffer);

    if (offset != NULL)
        *offset = buffer.m.offset;
    return r;
}

static int stream_switch(struct story *s, uint32_t session, bool on)
{
    int type = TYPE;

    return media_guest_ioctl(&s->frontend, session, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type);
}

static void sessions_that_lie_are_refused(void **state)
{
    const uint32_t never[] = {0, 4711, 1u << 31, UINT32_MAX};
    struct story *s = story(state);
    uint32_t session;
    uint64_t at, length;

    begin(s);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(media_guest_open(&s->frontend, &session), 0);
        assert_true(media_guest_close(&s->frontend, session) >= 0);
        for (unsigned i = 0; i <= 4; i++) {
            uint32_t id = i < 4 ? never[i] : session; /* the last one was closed */

            assert_int_equal(request_buffers(s, id, 1), EINVAL);
            assert_int_equal(media_guest_mmap(&s->frontend, id, 0, &at, &length), EINVAL);
            assert_true(media_guest_close(&s->frontend, id) >= 0);
        }
        subject_serves(s);
        story_await(s, "/device/sessions", 1);
    }
    unharmed_said(s, "an ioctl for session ");
    end(s, "CLOSE of session");
}

/* Every number, with a payload that is one byte too short, or an answer that has no room. */
static void sizes_that_lie_are_refused(void **state)
{
    struct story *s = story(state);
    uint8_t payload[4096] = {0};
    uint32_t session;

    begin(s);
    assert_int_equal(media_guest_open(&s->frontend, &session), 0);
    for (unsigned code = 0; code < 300; code++) {
        const struct v4l2_ioctl *row = v4l2_ioctl_find(code);
        size_t in = row != NULL && row->in ? row->size : 0;
        size_t out = row != NULL && row->out ? row->size : 0;
        int r;

        if (in > 0) {
            r = media_guest_ioctl_sized(&s->frontend, session, code, payload, in - 1, out);
            assert_true(r == EINVAL || r == ENOTTY);
        }
        if (out > 0) {
            r = media_guest_ioctl_sized(&s->frontend, session, code, payload, in, out - 1);
            assert_true(r == EINVAL || r == ENOTTY);
        }
        if (row == NULL)
            assert_int_equal(media_guest_ioctl_sized(&s->frontend, session, code, payload, 64, 64),
                             ENOTTY);
    }
    assert_int_equal(media_guest_ioctl_sized(&s->frontend, session, UINT32_MAX, payload, 64, 64),
                     ENOTTY);
    unharmed_said(s, "is none that there is");
    end(s, "of room do not hold");
}

/* A call with lists behind it, whose counts and addresses are the guest's to invent. */
static void lists_that_lie_are_refused(void **state)
{
    struct {
        struct v4l2_buffer buffer;
        struct virtio_media_sg list[4];
    } call = {.buffer = {.type = TYPE, .memory = V4L2_MEMORY_USERPTR}};
    struct {
        struct v4l2_ext_controls head;
        struct v4l2_ext_control controls[2];
    } __attribute__((packed)) controls = {.head = {.count = UINT32_MAX}};
    const struct virtio_media_sg lies[] = {{1ull << 50, 4096, 0},
                                           {UINT64_MAX - 5, 4096, 0},
                                           {32 * MIB - 4096, UINT32_MAX, 0},
                                           {0, 0, 0}};
    struct v4l2_requestbuffers request = {.count = 1, .type = TYPE, .memory = V4L2_MEMORY_USERPTR};
    struct story *s = story(state);
    uint32_t session;
    int r;

    begin(s);
    assert_int_equal(media_guest_open(&s->frontend, &session), 0);
    r = media_guest_ioctl_sized(&s->frontend, session, _IOC_NR(VIDIOC_S_EXT_CTRLS), &controls,
                                sizeof(controls), sizeof(controls));
    assert_true(r > 0);
    /* The buffers are another session's: USERPTR needs a device of its own. */
    story_leave(s);
    bad_join(s, true);
    assert_int_equal(media_guest_open(&s->frontend, &session), 0);
    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_REQBUFS, &request), 0);
    for (unsigned i = 0; i < 4; i++) {
        call.buffer.length = 1u << 22;
        for (unsigned k = 0; k < 4; k++)
            call.list[k] = lies[i];
        r = media_guest_ioctl_sized(&s->frontend, session, _IOC_NR(VIDIOC_QBUF), &call,
                                    sizeof(call), sizeof(call.buffer));
        assert_true(r == EINVAL || r == EFAULT);
        call.buffer.length = UINT32_MAX;
        r = media_guest_ioctl_sized(&s->frontend, session, _IOC_NR(VIDIOC_QBUF), &call,
                                    sizeof(call.buffer) + 7, sizeof(call.buffer));
        assert_true(r == EINVAL || r == EFAULT);
    }
    end(s, "is refused: ");
}

/* Buffers and streams in every wrong order; what is mapped outlives its buffer. */
static void the_wrong_order_is_refused(void **state)
{
    struct v4l2_format format = {.type = TYPE, .fmt.pix = {.width = 64, .height = 64}};
    struct story *s = story(state);
    uint32_t session, other, offset;
    uint64_t at, length;

    bad_start(s);
    for (unsigned round = 0; round < 3; round++) {
        bad_join(s, true);
        assert_int_equal(media_guest_open(&s->frontend, &session), 0);
        assert_int_equal(media_guest_open(&s->frontend, &other), 0);
        assert_int_equal(stream_switch(s, session, true), EINVAL); /* without buffers */
        assert_int_equal(stream_switch(s, session, false), 0);
        assert_int_equal(buffer_ioctl(s, session, VIDIOC_QBUF, 0, NULL), EINVAL);
        assert_int_equal(request_buffers(s, session, BUFFERS), 0);
        assert_int_equal(buffer_ioctl(s, session, VIDIOC_QUERYBUF, 0, &offset), 0);
        assert_int_equal(media_guest_mmap(&s->frontend, session, offset, &at, &length), 0);
        assert_int_equal(buffer_ioctl(s, session, VIDIOC_QBUF, BUFFERS, NULL), EINVAL);
        assert_int_equal(buffer_ioctl(s, session, VIDIOC_QBUF, UINT32_MAX, NULL), EINVAL);
        assert_int_equal(buffer_ioctl(s, session, VIDIOC_QBUF, 0, NULL), 0);
        assert_int_equal(buffer_ioctl(s, session, VIDIOC_QBUF, 0, NULL), EINVAL); /* twice */
        assert_int_equal(buffer_ioctl(s, other, VIDIOC_QBUF, 1, NULL), EBUSY);
        assert_int_equal(request_buffers(s, other, BUFFERS), EBUSY);
        assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_S_FMT, &format), EBUSY);
        assert_int_equal(stream_switch(s, session, true), 0);
        assert_int_equal(request_buffers(s, session, BUFFERS), EBUSY);
        assert_int_equal(stream_switch(s, session, false), 0);
        memset(guest_window_at(&s->frontend.window, at, length), 0x5a, length);
        assert_int_equal(request_buffers(s, session, 0), 0); /* and one is mapped */
        assert_true(media_guest_close(&s->frontend, session) >= 0);
        for (uint64_t i = 0; i < length; i += 997)
            assert_int_equal(((uint8_t *)guest_window_at(&s->frontend.window, at, length))[i],
                             0x5a);
        assert_int_equal(media_guest_munmap(&s->frontend, at), 0);
        assert_int_equal(media_guest_munmap(&s->frontend, at), EINVAL);
        assert_true(media_guest_close(&s->frontend, other) >= 0);
        story_leave(s);
        if (round == 0)
            bad_note(s); /* the first stream's clock is there now */
    }
    bad_join(s, true);
    end(s, "is refused: ");
}

static void maps_that_lie_are_refused(void **state)
{
    const uint32_t offsets[] = {1, 4096, 1u << 20, 0x7fff0000, UINT32_MAX};
    const uint64_t places[] = {1, 4096, 32 * MIB + 1, 64 * MIB, UINT64_MAX};
    struct story *s = story(state);
    uint32_t session, offset;
    uint64_t at, length;

    begin(s);
    assert_true(subject_map(s));
    assert_int_equal(media_guest_open(&s->frontend, &session), 0);
    assert_int_equal(buffer_ioctl(s, session, VIDIOC_QUERYBUF, 0, &offset), 0);
    /* Who may ask about another's buffers may not map them. */
    assert_int_equal(media_guest_mmap(&s->frontend, session, offset, &at, &length), EINVAL);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(media_guest_mmap(&s->frontend, session, offsets[i], &at, &length), EINVAL);
        assert_int_equal(media_guest_munmap(&s->frontend, places[i]), EINVAL);
    }
    unharmed_said(s, "where nothing is mapped");
    end(s, "where it has no buffer");
}

/* As many as there can be, one of them streams; then the guest is reset, or just gone. */
static void sessions_are_left_behind(void **state)
{
    struct story *s = story(state);
    uint32_t session, offset;
    uint64_t at, length;
    unsigned open;

    begin(s);
    story_leave(s);
    for (unsigned round = 0; round < 4; round++) {
        bad_join(s, true);
        for (unsigned k = 0; k < 2; k++) {
            subject_forget();
            assert_int_equal(media_guest_open(&s->frontend, &session), 0);
            assert_int_equal(request_buffers(s, session, BUFFERS), 0);
            for (uint32_t i = 0; i < BUFFERS; i++) {
                assert_int_equal(buffer_ioctl(s, session, VIDIOC_QUERYBUF, i, &offset), 0);
                assert_int_equal(media_guest_mmap(&s->frontend, session, offset, &at, &length), 0);
                assert_int_equal(buffer_ioctl(s, session, VIDIOC_QBUF, i, NULL), 0);
            }
            assert_int_equal(stream_switch(s, session, true), 0);
            for (open = 1; media_guest_open(&s->frontend, &session) == 0; open++)
                assert_true(open < 100000);
            for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(media_guest_open(&s->frontend, &session), ENOMEM);
            story_await(s, "/device/sessions", open);
            if (k == 0) {
                assert_int_equal(frontend_reset(&s->frontend), 0);
                assert_int_equal(frontend_start(&s->frontend), 0);
                story_await(s, "/device/sessions", 0);
                story_await(s, "/device/mapped", 0);
            }
        }
        story_leave(s);
        if (round == 0)
            bad_note(s); /* the first frame's clock is there now */
    }
    bad_told(s, "command_errors", "is refused 1 more sessions");
    bad_afterwards(s);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(sessions_that_lie_are_refused, media_qemu),
        STORY(sizes_that_lie_are_refused, media_qemu),
        STORY(lists_that_lie_are_refused, media_qemu),
        STORY(the_wrong_order_is_refused, media_qemu),
        STORY(the_wrong_order_is_refused, media_qemu_single),
        STORY(maps_that_lie_are_refused, media_qemu),
        STORY(maps_that_lie_are_refused, media_qemu_single),
        STORY(sessions_are_left_behind, media_qemu),
        STORY(sessions_are_left_behind, media_crosvm_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
