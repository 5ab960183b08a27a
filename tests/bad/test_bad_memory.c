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

    story_start(s, NULL);
    bad_join(s, true);
    gpu_story_bind(s);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct vhost_user_mem_table table = {.count = lies[i].count};
        struct bad_message message = {
            VHOST_USER_SET_MEM_TABLE, 0, 8 + lies[i].count * 32, BAD_ALL, lies[i].count, &table};

        memcpy(table.regions, lies[i].regions, sizeof(lies[i].regions));
        print_message("a table with: %s\n", lies[i].what);
        bad_expect(s, &message, BAD_REFUSED);
        assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
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

    story_start(s, NULL);
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

    story_start(s, NULL);
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
    story_start(s, NULL);
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

/* The file behind guest memory shrinks under the running device: a worker may die of it, the door
 * may not. */
static void guest_memory_may_shrink(void **state)
{
    struct virtio_gpu_ctrl_hdr ping = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
    struct story *s = story(state);
    int fds;

    story_start(s, NULL);
    fds = s->idle_fds;
    bad_join(s, true);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_true(gpu_guest_begin(&s->frontend, &ping, sizeof(ping), 408) >= 0);
    assert_int_equal(ftruncate(s->frontend.ram.fd, 0), 0);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t one = 1;

        assert_int_equal(write(s->frontend.queues[0].kick, &one, 8), 8);
        usleep(5000);
    }
    assert_true(daemon_process_alive(s->daemon.pid));
    assert_int_equal(ftruncate(s->frontend.ram.fd, (off_t)s->frontend.plan.ram_size), 0);
    story_await(s, "/rings_started", 2);
    story_leave(s);
    s->idle_fds = fds;
    for (unsigned i = 0; i < 1000 && daemon_process_number(&s->daemon, "/worker/pid") <= 0; i++)
        usleep(10000);
    bad_afterwards(s);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(lying_tables_are_refused, gpu_qemu_arena),
        STORY(miscounted_tables_are_refused, gpu_qemu_arena),
        STORY(an_empty_table_is_no_lie, gpu_qemu_arena),
        STORY(what_is_no_memory_is_refused_or_harmless, gpu_qemu_arena),
        STORY(guest_memory_may_shrink, gpu_qemu_arena),
        STORY(guest_memory_may_shrink, gpu_qemu_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
