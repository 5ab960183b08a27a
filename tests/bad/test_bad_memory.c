/* SPDX-License-Identifier: MIT */
#include "bad.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/frontend/media_guest.h"

#define HALF (32 * MIB) /* of guest memory */
#define HIGH (UINT64_C(1) << 32)
#define USER UINT64_C(0x7f0000000000)

/* Tables that are well formed and lie. The table before them stays in force. */
static const struct {
    const char *what;
    uint32_t count;
    struct vhost_user_region regions[2];
} lies[] = {
    {"no byte", 1, {{0, 0, USER, 0}}},
    {"the same twice", 2, {{0, HALF, USER, 0}, {0, HALF, USER, 0}}},
    {"overlap for the guest", 2, {{0, HALF, USER, 0}, {HALF - 4096, HALF, USER + HALF, 0}}},
    {"overlap for the front-end", 2, {{0, HALF, USER, 0}, {HIGH, HALF, USER + HALF - 1, 0}}},
    {"guest addresses wrap", 1, {{UINT64_MAX - 4095, 8192, USER, 0}}},
    {"front-end addresses wrap", 1, {{0, 8192, UINT64_MAX - 4095, 0}}},
    {"offsets wrap", 1, {{0, 8192, USER, UINT64_MAX - 4095}}},
    {"everything wraps", 1, {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}}},
    {"larger than the file", 1, {{0, 2 * HALF + 4096, USER, 0}}},
    {"behind the file's end", 1, {{0, 4096, USER, 2 * HALF}}},
    {"half behind the file's end", 1, {{0, HALF, USER, HALF + 4096}}},
    {"all there is", 1, {{0, UINT64_MAX - 4095, USER, 0}}},
};

static void lying_tables_are_refused(void **state)
{
    struct story *s = story(state);

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct vhost_user_mem_table table = {.count = lies[i].count};
        struct bad_message message = {
            VHOST_USER_SET_MEM_TABLE, 0, 8 + lies[i].count * 32, BAD_ALL, lies[i].count, &table};

        memcpy(table.regions, lies[i].regions, sizeof(lies[i].regions));
        print_message("a table with: %s\n", lies[i].what);
        bad_expect(s, &message, BAD_REFUSED);
        subject_serves(s);
    }
    bad_told(s, "front_end_errors", "SET_MEM_TABLE is refused: ");
    bad_afterwards(s);
    story_end(s);
}

/* The count and what comes with it disagree. */
static void miscounted_tables_are_refused(void **state)
{
    const struct {
        uint32_t count, size;
        unsigned fds;
    } rows[] = {
        {2, 8 + 64, 1}, {1, 8 + 32, 2},  {1, 8 + 32, 0},          {2, 8 + 32, 2},
        {1, 8, 1},      {33, 8 + 32, 1}, {UINT32_MAX, 8 + 32, 1}, {UINT32_MAX / 32 + 1, 8, 0},
    };
    struct story *s = story(state);

    bad_start(s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vhost_user_mem_table table = {
            .count = rows[i].count, .regions = {{0, 4096, USER, 0}, {HIGH, 4096, USER + MIB, 0}}};
        struct bad_message message = {
            VHOST_USER_SET_MEM_TABLE, 0, rows[i].size, BAD_ALL, rows[i].fds, &table};

        bad_join(s, false);
        bad_expect(s, &message, BAD_REFUSED);
        story_leave(s);
    }
    bad_told(s, "front_end_errors", "SET_MEM_TABLE is refused: ");
    bad_afterwards(s);
    story_end(s);
}

static void an_empty_table_is_no_lie(void **state)
{
    struct vhost_user_mem_table table = {0};
    struct bad_message message = {VHOST_USER_SET_MEM_TABLE, 0, 8, BAD_ALL, 0, &table};
    struct story *s = story(state);

    bad_start(s);
    bad_join(s, false);
    bad_expect(s, &message, BAD_TAKEN);
    bad_afterwards(s);
    story_end(s);
}

/* Descriptors that are no memory, or too little of it. What has no size can only be believed, until
 * something points there. */
static void what_is_no_memory_is_refused_or_harmless(void **state)
{
    struct vhost_user_mem_table table = {.count = 1, .regions = {{0, MIB, USER, 0}}};
    struct story *s = story(state);
    int pipes[2], fds[4];

    assert_int_equal(pipe(pipes), 0);
    fds[0] = memfd_create("empty", MFD_CLOEXEC);
    fds[1] = memfd_create("short", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fds[1], MIB - 4096), 0);
    fds[2] = pipes[0];
    fds[3] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bad_start(s);
    for (unsigned i = 0; i < 4; i++) {
        int r;

        bad_join(s, true);
        r = frontend_tell(&s->frontend, VHOST_USER_SET_MEM_TABLE, &table, 40, &fds[i], 1, true);
        assert_in_range(r, i < 2 ? 1 : 0, 1);
        assert_true(daemon_process_number(&s->daemon, "/worker/pid") > 0);
        story_leave(s);
        close(fds[i]);
    }
    close(pipes[1]);
    bad_told(s, "front_end_errors", "SET_MEM_TABLE is refused: ");
    bad_afterwards(s);
    story_end(s);
}

/* Kicks, and gives the device time to look at rings that are not there. */
static void kick_in_vain(struct story *s)
{
    uint64_t one = 1;

    for (unsigned i = 0; i < 20; i++) {
        for (unsigned k = 0; k < FRONTEND_QUEUES; k++)
            assert_int_equal(write(s->frontend.queues[k].kick, &one, 8), 8);
        usleep(5000);
    }
}

/* The file behind guest memory shrinks under the running device. Its rings stand still, and when
 * the front-end has told its memory anew, a driver finds all in order, in the same conversation. */
static void guest_memory_may_shrink(void **state)
{
    struct story *s = story(state);
    uint8_t request[64];
    size_t size, space;

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    for (unsigned i = 0; i < 3; i++) {
        size = subject_request(s, request, &space);
        assert_true(frontend_submit(&s->frontend, SUBJECT_QUEUE, request, size, space) >= 0);
        /* All of it, and all but the rings of the first. */
        assert_int_equal(ftruncate(s->frontend.ram.fd, i == 2 ? 4096 : 0), 0);
        kick_in_vain(s);
        assert_int_equal(ftruncate(s->frontend.ram.fd, (off_t)s->frontend.plan.ram_size), 0);
        assert_int_equal(frontend_reset(&s->frontend), 0);
        assert_int_equal(frontend_tell_memory(&s->frontend), 0);
        assert_int_equal(frontend_start(&s->frontend), 0);
        subject_bind(s);
        subject_serves(s);
    }
    story_leave(s);
    bad_told(s, "memory_lost", "cut guest memory short");
    bad_afterwards(s);
    story_end(s);
}

/* Who gets a buffer or the arena can neither shrink nor grow it. */
static void what_is_lent_keeps_its_size(void **state)
{
    struct story *s = story(state);
    struct guest_window_mapping *m;
    unsigned seen = 0;
    struct stat st;

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    assert_true(subject_map(s));
    for (m = s->frontend.window.mappings; m != NULL; m = m->next, seen++) {
        assert_int_equal(fstat(m->fd, &st), 0);
        assert_true(ftruncate(m->fd, 0) < 0 && errno == EPERM);
        assert_true(ftruncate(m->fd, st.st_size + 4096) < 0 && errno == EPERM);
        assert_true(fcntl(m->fd, F_ADD_SEALS, F_SEAL_WRITE) < 0);
    }
    assert_true(seen > 0);
    subject_verify(s);
    bad_afterwards(s);
    story_end(s);
}

#define WIDTH 320u
#define HEIGHT 240u
#define FRAME (WIDTH * HEIGHT * 2)
#define PAGE 4096u

struct user_call {
    struct v4l2_buffer buffer;
    struct virtio_media_sg list[FRAME / PAGE + 1];
};

/* USERPTR: pages from the last to the first, so that they are shown one by one. */
static int queue_users_pages(struct story *s, uint32_t session, uint64_t gpa, uint32_t index)
{
    struct user_call call = {.buffer = {.index = index,
                                        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                        .memory = V4L2_MEMORY_USERPTR,
                                        .length = FRAME,
                                        .m.userptr = 0x7f0000000000ull}};
    unsigned pages = (FRAME + PAGE - 1) / PAGE;

    for (unsigned i = 0; i < pages; i++)
        call.list[i] =
            (struct virtio_media_sg){.start = gpa + (uint64_t)(pages - 1 - i) * PAGE,
                                     .len = i + 1 < pages ? PAGE : FRAME - (pages - 1) * PAGE};
    return media_guest_ioctl_sized(&s->frontend, session, _IOC_NR(VIDIOC_QBUF), &call, sizeof(call),
                                   sizeof(call.buffer));
}

/* A stream into pages of a program's, at '*gpa' when it has begun. */
static void stream_into_pages(struct story *s, uint64_t *gpa)
{
    struct v4l2_format format = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .fmt.pix = {.width = WIDTH, .height = HEIGHT, .pixelformat = V4L2_PIX_FMT_YUYV}};
    struct v4l2_requestbuffers request = {
        .count = 2, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_USERPTR};
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    uint32_t session;

    bad_join(s, true);
    assert_int_equal(media_guest_open(&s->frontend, &session), 0);
    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_S_FMT, &format), 0);
    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_REQBUFS, &request), 0);
    *gpa = guest_ram_take(&s->frontend.ram, GUEST_RAM_UPPER, 4 * FRAME, PAGE);
    assert_true(*gpa != UINT64_MAX);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(queue_users_pages(s, session, *gpa + i * 2ull * FRAME, i), 0);
    assert_int_equal(media_guest_ioctl(&s->frontend, session, VIDIOC_STREAMON, &type), 0);
}

/* A camera draws into a program's pages, in a thread and a mapping of their own, and they go. The
 * rings lie below, and stay. */
static void a_programs_memory_may_shrink(void **state)
{
    struct story *s = story(state);
    uint8_t request[64];
    size_t size, space;
    uint64_t gpa;
    off_t end;
    int slot;

    bad_start(s);
    stream_into_pages(s, &gpa);
    assert_int_equal(frontend_pump(&s->frontend, -1, 200), 0);
    story_leave(s);
    bad_note(s);
    stream_into_pages(s, &gpa);
    end = (uint8_t *)guest_ram_at(&s->frontend.ram, gpa) - s->frontend.ram.data;
    assert_int_equal(ftruncate(s->frontend.ram.fd, end), 0);
    assert_int_equal(frontend_pump(&s->frontend, -1, 300), 0);
    assert_int_equal(ftruncate(s->frontend.ram.fd, (off_t)s->frontend.plan.ram_size), 0);
    /* The rings stand still. */
    size = subject_request(s, request, &space);
    slot = frontend_submit(&s->frontend, SUBJECT_QUEUE, request, size, space);
    assert_true(slot >= 0);
    assert_int_equal(frontend_pump(&s->frontend, -1, 100), 0);
    driver_queue_collect(&s->frontend.queues[SUBJECT_QUEUE]);
    assert_false(s->frontend.queues[SUBJECT_QUEUE].slot[slot].answered);
    assert_int_equal(frontend_reset(&s->frontend), 0);
    assert_int_equal(frontend_tell_memory(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    subject_bind(s);
    subject_serves(s);
    story_leave(s);
    bad_told(s, "memory_lost", "cut guest memory short");
    bad_afterwards(s);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(lying_tables_are_refused, gpu_qemu_arena),
        STORY(lying_tables_are_refused, media_qemu),
        STORY(miscounted_tables_are_refused, gpu_qemu_arena),
        STORY(miscounted_tables_are_refused, media_qemu),
        STORY(an_empty_table_is_no_lie, gpu_qemu_arena),
        STORY(an_empty_table_is_no_lie, media_qemu),
        STORY(what_is_no_memory_is_refused_or_harmless, gpu_qemu_arena),
        STORY(what_is_no_memory_is_refused_or_harmless, media_qemu),
        STORY(what_is_lent_keeps_its_size, gpu_qemu_arena),
        STORY(what_is_lent_keeps_its_size, gpu_qemu_single),
        STORY(what_is_lent_keeps_its_size, media_qemu),
        STORY(what_is_lent_keeps_its_size, media_qemu_single),
        STORY(a_programs_memory_may_shrink, media_qemu),
        STORY(guest_memory_may_shrink, gpu_qemu_arena),
        STORY(guest_memory_may_shrink, media_qemu),
        STORY(guest_memory_may_shrink, gpu_qemu_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
