/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <errno.h>
#include <string.h>

#include "footprint.h"
#include "protocol/frame_stamp.h"
#include "tests/frontend/media_guest.h"

#define WIDTH 320u
#define HEIGHT 240u
#define SIZE (WIDTH * HEIGHT * 2)
#define PAGE 4096u
#define EVENTS 16u
#define TYPE V4L2_BUF_TYPE_VIDEO_CAPTURE

static void open_device(struct story *s, const char *const *arguments)
{
    story_start(s, arguments);
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
}

static void set_format(struct story *s, uint32_t session)
{
    struct v4l2_format format = {
        .type = TYPE,
        .fmt.pix = {.width = WIDTH, .height = HEIGHT, .pixelformat = V4L2_PIX_FMT_YUYV},
    };
    struct v4l2_streamparm parm = {.type = TYPE, .parm.capture.timeperframe = {1, 120}};

    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_S_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.sizeimage, SIZE);
    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_S_PARM, &parm), 0);
}

static int request_buffers(struct story *s, uint32_t session, uint32_t count, uint32_t memory)
{
    struct v4l2_requestbuffers request = {.count = count, .type = TYPE, .memory = memory};
    int r = media_guest_ioctl(&s->frontend, session, VIDIOC_REQBUFS, &request);

    if (r == 0)
        assert_int_equal(request.count, count);
    return r;
}

static int stream_switch(struct story *s, uint32_t session, bool on)
{
    int type = TYPE;

    return media_guest_ioctl(&s->frontend, session, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type);
}

/* Whether a frame is whole: its sum covers every byte. */
static void assert_whole(const struct v4l2_buffer *buffer, const void *frame)
{
    static uint64_t copy[SIZE / 8];
    struct frame_stamp stamp;
    uint64_t sum;

    assert_int_equal(buffer->bytesused, SIZE);
    memcpy(copy, frame, SIZE);
    memcpy(&stamp, copy, sizeof(stamp));
    assert_true(stamp.magic == FRAME_STAMP_MAGIC);
    assert_int_equal(stamp.sequence, buffer->sequence);
    sum = stamp.sum;
    stamp.sum = 0;
    memcpy(copy, &stamp, sizeof(stamp));
    assert_true(frame_stamp_sum(FRAME_STAMP_SEED, copy, buffer->bytesused / 8) == sum);
}

/*
 * USERPTR: a program's memory, in pages that lie in both halves of the guest's memory. It begins
 * and ends within a page.
 */
#define USER_BUFFERS 4u
#define LEAD 0x740u
#define PAGES ((LEAD + SIZE + PAGE - 1) / PAGE)

struct user {
    uint32_t session;
    uint64_t pages[USER_BUFFERS][PAGES];
};

struct user_call {
    struct v4l2_buffer buffer;
    struct virtio_media_sg list[PAGES];
};

_Static_assert(sizeof(struct user_call) <= 4096, "media_guest sends no more");

static void take_pages(struct story *s, struct user *user)
{
    for (unsigned i = 0; i < USER_BUFFERS; i++)
        for (unsigned k = 0; k < PAGES; k++) {
            /* From the last to the first, so that no two lie in order. */
            uint64_t *page = &user->pages[i][PAGES - 1 - k];

            *page = guest_ram_take(&s->frontend.ram, k % 2, PAGE, PAGE);
            assert_true(*page != UINT64_MAX);
        }
}

static int user_queue(struct story *s, const struct user *user, uint32_t index)
{
    struct user_call call = {.buffer = {.index = index,
                                        .type = TYPE,
                                        .memory = V4L2_MEMORY_USERPTR,
                                        .length = SIZE,
                                        .m.userptr = 0x7f0000000000ull + LEAD}};
    uint32_t left = SIZE;

    for (unsigned k = 0; k < PAGES; k++) {
        uint32_t skip = k == 0 ? LEAD : 0, part = PAGE - skip < left ? PAGE - skip : left;

        call.list[k] = (struct virtio_media_sg){.start = user->pages[index][k] + skip, .len = part};
        left -= part;
    }
    return media_guest_ioctl_sized(&s->frontend, user->session, _IOC_NR(VIDIOC_QBUF), &call,
                                   sizeof(call), sizeof(call.buffer));
}

static void user_take_frame(struct story *s, const struct user *user)
{
    static uint8_t copy[PAGES * PAGE];
    struct virtio_media_event_dqbuf event;
    int r;

    /* The last session's last frame may have come just before its end. */
    do
        r = media_guest_event(&s->frontend, &event, FRONTEND_PATIENCE);
    while (r == sizeof(event) && event.hdr.session_id < user->session);
    assert_int_equal(r, sizeof(event));
    assert_int_equal(event.hdr.session_id, user->session);
    assert_in_range(event.buffer.index, 0, USER_BUFFERS - 1);
    assert_int_equal(event.buffer.bytesused, SIZE);
    for (unsigned k = 0; k < PAGES; k++)
        memcpy(copy + k * PAGE, guest_ram_at(&s->frontend.ram, user->pages[event.buffer.index][k]),
               PAGE);
    assert_whole(&event.buffer, copy + LEAD);
    /* Nothing but the picture is written. */
    for (unsigned k = 0; k < LEAD; k++)
        assert_int_equal(copy[k], 0);
    for (unsigned k = LEAD + SIZE; k < PAGES * PAGE; k++)
        assert_int_equal(copy[k], 0);
    assert_int_equal(user_queue(s, user, event.buffer.index), 0);
}

static void user_begin(struct story *s, struct user *user)
{
    assert_int_equal(media_guest_open(&s->frontend, &user->session), 0);
    set_format(s, user->session);
    assert_int_equal(request_buffers(s, user->session, USER_BUFFERS, V4L2_MEMORY_USERPTR), 0);
    for (uint32_t i = 0; i < USER_BUFFERS; i++)
        assert_int_equal(user_queue(s, user, i), 0);
    assert_int_equal(stream_switch(s, user->session, true), 0);
}

static void frames_go_into_a_programs_memory(void **state)
{
    struct story *s = story(state);
    struct user user;

    open_device(s, NULL);
    take_pages(s, &user);
    for (unsigned i = 0; i < 3; i++) {
        user_begin(s, &user);
        story_await(s, "/device/sessions", 1);
        story_await(s, "/device/resources", 0); /* none of it is ours */
        for (unsigned frame = 0; frame < 10; frame++)
            user_take_frame(s, &user);
        if (i == 1)
            assert_int_equal(stream_switch(s, user.session, false), 0);
        assert_true(media_guest_close(&s->frontend, user.session) >= 0);
        story_await(s, "/device/sessions", 0);
    }
    assert_int_equal(story_shmem_requests(s), 1); /* the arena's: and none was put in the window */
    story_end(s);
}

/* Everything goes while the program's memory is being filled, and comes again. */
static void a_guest_goes_with_its_memory(void **state)
{
    struct story *s = story(state);
    struct user user;

    open_device(s, NULL);
    take_pages(s, &user);
    user_begin(s, &user);
    user_take_frame(s, &user);
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_pump(&s->frontend, -1, 50), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    story_await(s, "/device/sessions", 0);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
    user_begin(s, &user);
    user_take_frame(s, &user);
    story_leave(s);
    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
    take_pages(s, &user); /* another guest, with other memory */
    user_begin(s, &user);
    for (unsigned frame = 0; frame < 5; frame++)
        user_take_frame(s, &user);
    story_end(s);
}

/*
 * A hundred sessions in any order: opened, streamed, closed without a word, their mappings undone
 * before or long after.
 */
#define SESSIONS 100u
#define BUFFERS 2u
#define STEPS 1500u

struct member {
    bool open, streams;
    uint32_t session;
    uint64_t
        offset[BUFFERS]; /* mapped there, if 'mapped' has the buffer's bit; after a close too */
    unsigned mapped;
};

struct crowd {
    struct member members[SESSIONS];
    struct member *streaming; /* the node's buffers are one session's at a time */
    uint64_t random;
    unsigned opened, closed, streams, frames, left_mapped;
};

static uint32_t random_below(struct crowd *crowd, uint32_t limit)
{
    crowd->random = crowd->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(crowd->random >> 33) % limit;
}

static void unmap_one(struct story *s, struct member *m)
{
    for (unsigned i = 0; i < BUFFERS; i++)
        if (m->mapped & 1u << i) {
            assert_int_equal(media_guest_munmap(&s->frontend, m->offset[i]), 0);
            m->mapped &= ~(1u << i);
            return;
        }
}

static void member_open(struct story *s, struct crowd *crowd, struct member *m)
{
    assert_int_equal(media_guest_open(&s->frontend, &m->session), 0);
    m->open = true;
    crowd->opened++;
}

static void member_close(struct story *s, struct crowd *crowd, struct member *m)
{
    assert_true(media_guest_close(&s->frontend, m->session) >= 0);
    if (crowd->streaming == m)
        crowd->streaming = NULL;
    m->open = m->streams = false;
    crowd->closed++;
    crowd->left_mapped += m->mapped != 0;
}

static void member_queue(struct story *s, struct member *m, uint32_t index, unsigned long code,
                         struct v4l2_buffer *buffer)
{
    *buffer = (struct v4l2_buffer){.index = index, .type = TYPE, .memory = V4L2_MEMORY_MMAP};
    assert_int_equal(media_guest_ioctl(&s->frontend, m->session, code, buffer), 0);
}

static void member_stream(struct story *s, struct crowd *crowd, struct member *m)
{
    struct v4l2_buffer buffer;
    uint64_t length;

    if (crowd->streaming != NULL) {
        assert_int_equal(request_buffers(s, m->session, BUFFERS, V4L2_MEMORY_MMAP), EBUSY);
        return;
    }
    set_format(s, m->session);
    assert_int_equal(request_buffers(s, m->session, BUFFERS, V4L2_MEMORY_MMAP), 0);
    for (uint32_t i = 0; i < BUFFERS; i++) {
        member_queue(s, m, i, VIDIOC_QUERYBUF, &buffer);
        assert_int_equal(
            media_guest_mmap(&s->frontend, m->session, buffer.m.offset, &m->offset[i], &length), 0);
        m->mapped |= 1u << i;
        member_queue(s, m, i, VIDIOC_QBUF, &buffer);
    }
    assert_int_equal(stream_switch(s, m->session, true), 0);
    m->streams = true;
    crowd->streaming = m;
    crowd->streams++;
}

/* An event may be a frame of a session that is closed by now, or of this one. */
static void member_frame(struct story *s, struct crowd *crowd, struct member *m)
{
    struct virtio_media_event_dqbuf event;
    struct v4l2_buffer buffer;

    assert_int_equal(media_guest_event(&s->frontend, &event, FRONTEND_PATIENCE), sizeof(event));
    if (event.hdr.session_id != m->session)
        return;
    assert_in_range(event.buffer.index, 0, BUFFERS - 1);
    assert_whole(&event.buffer,
                 guest_window_at(&s->frontend.window, m->offset[event.buffer.index], SIZE));
    member_queue(s, m, event.buffer.index, VIDIOC_QBUF, &buffer);
    crowd->frames++;
}

static void step(struct story *s, struct crowd *crowd)
{
    struct member *m = &crowd->members[random_below(crowd, SESSIONS)];
    uint32_t what = random_below(crowd, 8);

    if (!m->open && m->mapped != 0)
        unmap_one(s, m);
    else if (!m->open)
        member_open(s, crowd, m);
    else if (!m->streams && what < 5)
        member_stream(s, crowd, m);
    else if (what == 7)
        member_close(s, crowd, m);
    if (crowd->streaming != NULL && what == 0)
        member_frame(s, crowd, crowd->streaming);
    /* The crowd is full at times, and those who stream are killed at times. */
    if (crowd->streaming != NULL && random_below(crowd, 8) == 0)
        member_close(s, crowd, crowd->streaming);
}

static void everyone_goes(struct story *s, struct crowd *crowd)
{
    for (unsigned n = SESSIONS; n > 0; n--) {
        struct member *m = &crowd->members[n * 37 % SESSIONS];

        if (m->open)
            member_close(s, crowd, m);
    }
    for (unsigned i = 0; i < SESSIONS; i++)
        while (crowd->members[i].mapped != 0)
            unmap_one(s, &crowd->members[i]);
}

static void one_round(struct story *s, struct crowd *crowd, unsigned steps)
{
    for (unsigned i = 0; i < SESSIONS; i++)
        member_open(s, crowd, &crowd->members[i]);
    story_await(s, "/device/sessions", SESSIONS);
    for (unsigned i = 0; i < steps; i++)
        step(s, crowd);
    everyone_goes(s, crowd);
    story_await(s, "/device/sessions", 0);
    story_await(s, "/device/resources", 0);
    story_await(s, "/device/mapped", 0);
    story_await(s, "/device/loans", 0);
}

static void a_hundred_sessions_come_and_go(void **state)
{
    static struct crowd crowd;
    struct story *s = story(state);
    struct footprint door, worker;

    crowd = (struct crowd){.random = 7};
    open_device(s, NULL);
    one_round(s, &crowd, 200); /* so that what is opened at the first use is open */
    footprint_take(&door, s->daemon.pid);
    footprint_take(&worker, story_worker(s));
    one_round(s, &crowd, STEPS);
    footprint_assert_same(&door, s->daemon.pid, 1024);
    footprint_assert_same(&worker, story_worker(s), 1024);
    print_message("%u sessions, %u streams, %u frames; %u closed with mappings left\n",
                  crowd.opened, crowd.streams, crowd.frames, crowd.left_mapped);
    assert_int_equal(crowd.opened, crowd.closed);
    assert_true(crowd.opened > 2 * SESSIONS && crowd.streams > 20 && crowd.left_mapped > 10);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(frames_go_into_a_programs_memory, media_qemu),
        STORY(frames_go_into_a_programs_memory, media_crosvm),
        STORY(a_guest_goes_with_its_memory, media_qemu),
        STORY(a_guest_goes_with_its_memory, media_crosvm),
        STORY(a_hundred_sessions_come_and_go, media_qemu),
        STORY(a_hundred_sessions_come_and_go, media_crosvm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
