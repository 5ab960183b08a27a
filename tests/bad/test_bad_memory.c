/* SPDX-License-Identifier: MIT */
#include "bad.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* The file behind guest memory shrinks under the running device. Its rings stand still, and when the
 * front-end has told its memory anew, a driver finds all in order, in the same conversation. */
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
        STORY(guest_memory_may_shrink, gpu_qemu_arena),
        STORY(guest_memory_may_shrink, media_qemu),
        STORY(guest_memory_may_shrink, gpu_qemu_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
