/* SPDX-License-Identifier: MIT */
#include "bad.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Numbers of rings that are not there. */
static const uint32_t no_rings[] = {2, 4, 8, 200, 255, 256, 65536, (1u << 24) - 1, UINT32_MAX};

#define NO_RINGS (sizeof(no_rings) / sizeof(no_rings[0]))

static void rings_that_are_not_there_are_refused(void **state)
{
    const uint32_t requests[] = {VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE,
                                 VHOST_USER_SET_VRING_ENABLE};
    struct story *s = story(state);

    bad_start(s);
    bad_join(s, true);
    for (size_t i = 0; i < NO_RINGS; i++) {
        struct vhost_user_vring_addr addr = {.index = no_rings[i]};
        struct bad_message message = {VHOST_USER_SET_VRING_ADDR, 0, 40, BAD_ALL, 0, &addr};

        bad_expect(s, &message, BAD_REFUSED);
        for (unsigned k = 0; k < 3; k++) {
            struct vhost_user_vring_state ring = {no_rings[i], 0};

            ring.num = requests[k] == VHOST_USER_SET_VRING_NUM ? 256 : 0;
            message = (struct bad_message){requests[k], 0, 8, BAD_ALL, 0, &ring};
            bad_expect(s, &message, BAD_REFUSED);
        }
    }
    subject_serves(s);
    bad_told(s, "front_end_errors", "is refused: ");
    bad_afterwards(s);
    story_end(s);
}

/* The ring's number has 8 bits here; bit 8 says that no descriptor comes. */
static void descriptors_for_rings_that_are_not_there_are_refused(void **state)
{
    const uint32_t requests[] = {VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_CALL,
                                 VHOST_USER_SET_VRING_ERR};
    const uint64_t rings[] = {2, 4, 200, 255, 2 | VHOST_USER_VRING_NO_FD};
    struct story *s = story(state);

    bad_start(s);
    bad_join(s, true);
    for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++)
        for (unsigned k = 0; k < 3; k++) {
            struct bad_message message = {
                requests[k], 0, 8, BAD_ALL, rings[i] & VHOST_USER_VRING_NO_FD ? 0 : 1, &rings[i]};

            bad_expect(s, &message, BAD_REFUSED);
        }
    subject_serves(s);
    bad_told(s, "front_end_errors", "is refused: ");
    bad_afterwards(s);
    story_end(s);
}

/* Bit 8 and a descriptor contradict each other. */
static void a_descriptor_too_many_or_too_few_is_refused(void **state)
{
    const uint32_t requests[] = {VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_CALL,
                                 VHOST_USER_SET_VRING_ERR};
    struct story *s = story(state);
    uint64_t with = 0, without = VHOST_USER_VRING_NO_FD;

    bad_start(s);
    for (unsigned k = 0; k < 3; k++) {
        struct bad_message missing = {requests[k], 0, 8, BAD_ALL, 0, &with};
        struct bad_message surplus = {requests[k], 0, 8, BAD_ALL, 1, &without};

        bad_join(s, false);
        bad_expect(s, &missing, BAD_REFUSED);
        story_leave(s);
        bad_join(s, false);
        bad_expect(s, &surplus, BAD_REFUSED);
        story_leave(s);
    }
    bad_told(s, "front_end_errors", "is refused: ");
    bad_afterwards(s);
    story_end(s);
}

static void sizes_that_no_ring_has_are_refused(void **state)
{
    const uint32_t sizes[] = {0, 3, 255, 257, 65535, 65536, 100000, 1u << 31, UINT32_MAX};
    const uint32_t good[] = {1, 2, 64, 256, 1024, 32768};
    struct story *s = story(state);

    bad_start(s);
    bad_join(s, false);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct vhost_user_vring_state ring = {0, sizes[i]};
        struct bad_message message = {VHOST_USER_SET_VRING_NUM, 0, 8, BAD_ALL, 0, &ring};

        bad_expect(s, &message, BAD_REFUSED);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(
            frontend_tell_ring(&s->frontend, VHOST_USER_SET_VRING_NUM, 0, good[i], true), 0);
    assert_int_equal(frontend_tell_ring(&s->frontend, VHOST_USER_SET_VRING_BASE, 0, 65536, true),
                     1);
    bad_told(s, "front_end_errors", "is refused: ");
    bad_afterwards(s);
    story_end(s);
}

/* A ring that is started before all of it is known, or that lies nowhere, does not run; the rest
 * does. */
static void half_a_ring_does_not_start(void **state)
{
    struct story *s = story(state);
    uint64_t ring = 0;

    bad_start(s);
    bad_join(s, false);
    /* Neither memory, size nor addresses. */
    frontend_tell(&s->frontend, VHOST_USER_SET_VRING_KICK, &ring, 8, &s->frontend.queues[0].kick, 1,
                  true);
    frontend_enable_ring(&s->frontend, 0, true);
    assert_true(daemon_process_number(&s->daemon, "/worker/pid") > 0);
    story_leave(s);
    for (unsigned i = 0; i < 4; i++) {
        const uint64_t nowhere[] = {0, 1, UINT64_MAX - 15, UINT64_C(1) << 60};
        struct vhost_user_vring_addr addr = {
            .index = 0, .desc = nowhere[i], .avail = nowhere[i], .used = nowhere[i]};

        bad_join(s, false);
        assert_int_equal(
            frontend_tell_u64(&s->frontend, VHOST_USER_SET_FEATURES, s->frontend.features, true),
            0);
        assert_int_equal(frontend_tell_memory(&s->frontend), 0);
        assert_int_equal(frontend_tell_ring(&s->frontend, VHOST_USER_SET_VRING_NUM, 0, 256, true),
                         0);
        frontend_tell(&s->frontend, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0, true);
        frontend_tell(&s->frontend, VHOST_USER_SET_VRING_KICK, &ring, 8,
                      &s->frontend.queues[0].kick, 1, true);
        frontend_enable_ring(&s->frontend, 0, true);
        assert_int_equal(write(s->frontend.queues[0].kick, "\1\0\0\0\0\0\0\0", 8), 8);
        assert_int_equal(frontend_pump(&s->frontend, -1, 30), 0);
        assert_true(daemon_process_number(&s->daemon, "/worker/pid") > 0);
        story_leave(s);
    }
    bad_afterwards(s);
    story_end(s);
}

/* GET_VRING_BASE has an answer of its own form, so a wrong ring can only end the connection, or be
 * answered somehow; twice for the same ring is no fault. */
static void a_ring_may_be_stopped_twice(void **state)
{
    struct story *s = story(state);

    bad_start(s);
    bad_join(s, true);
    assert_int_equal(frontend_stop(&s->frontend), 0);
    assert_int_equal(frontend_stop_ring(&s->frontend, 0), 0);
    assert_int_equal(frontend_stop_ring(&s->frontend, 1), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    subject_serves(s);
    for (size_t i = 0; i < NO_RINGS; i++) {
        struct vhost_user_vring_state ring = {no_rings[i], 0};

        frontend_send(&s->frontend, VHOST_USER_GET_VRING_BASE, 0, &ring, sizeof(ring), NULL, 0);
        usleep(5000);
        assert_true(daemon_process_number(&s->daemon, "/worker/pid") > 0);
        story_leave(s);
        bad_join(s, true);
    }
    bad_afterwards(s);
    story_end(s);
}

static void things_may_come_twice(void **state)
{
    struct story *s = story(state);

    bad_start(s);
    bad_join(s, true);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(frontend_enable_ring(&s->frontend, 0, true), 0);
        assert_int_equal(
            frontend_tell_u64(&s->frontend, VHOST_USER_SET_FEATURES, s->frontend.features, true),
            0);
        assert_int_equal(frontend_tell(&s->frontend, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0, true),
                         0);
        assert_int_equal(frontend_tell_memory(&s->frontend), 0);
        subject_serves(s);
    }
    bad_afterwards(s);
    story_end(s);
}

/* Kick descriptors that are no eventfds, among them some that can always be read. */
static void a_kick_that_is_no_eventfd_burns_nothing(void **state)
{
    struct story *s = story(state);
    uint64_t ring = 1;
    int pipes[2];

    bad_start(s);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    for (unsigned i = 0; i < 3; i++) {
        int fd = i == 0   ? open("/dev/zero", O_RDWR | O_CLOEXEC)
                 : i == 1 ? pipes[0]
                          : open("/dev/null", O_RDWR | O_CLOEXEC);

        bad_join(s, true);
        if (i == 1) {
            close(pipes[1]); /* its end can be read for ever */
        }
        assert_int_equal(frontend_enable_ring(&s->frontend, 1, false), 0);
        assert_int_equal(frontend_stop_ring(&s->frontend, 1), 0);
        frontend_tell(&s->frontend, VHOST_USER_SET_VRING_KICK, &ring, 8, &fd, 1, true);
        frontend_enable_ring(&s->frontend, 1, true);
        /* Of 50 ticks, a busy loop takes nearly all. */
        assert_in_range(bad_busy_ticks(story_worker(s), s->daemon.pid, 500), 0, 15);
        subject_serves(s);
        close(fd);
        story_leave(s);
    }
    bad_afterwards(s);
    story_end(s);
}

/* Makes the call descriptor, which does not block, as full as it can be. The call of an answer that
 * was seen in the ring already may still come: not while the ring is disabled. */
static void fill(struct frontend *frontend, int fd)
{
    const uint64_t most = UINT64_MAX - 1;
    uint64_t calls;

    assert_int_equal(frontend_enable_ring(frontend, SUBJECT_QUEUE, false), 0);
    assert_true(read(fd, &calls, 8) == 8 || errno == EAGAIN);
    assert_int_equal(write(fd, &most, 8), 8);
    assert_int_equal(frontend_enable_ring(frontend, SUBJECT_QUEUE, true), 0);
}

/* A call descriptor that is full, or none at all: nobody waits for it. */
static void a_call_that_cannot_be_made_blocks_nobody(void **state)
{
    const uint64_t no_call = 0 | VHOST_USER_VRING_NO_FD;
    struct story *s = story(state);
    struct driver_queue *queue = &s->frontend.queues[SUBJECT_QUEUE];
    uint8_t request[64];
    size_t size, space;
    int fd, flags;

    bad_start(s);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t ring = 0;
        int slot;

        bad_join(s, true);
        fd = queue->call;
        if (i == 1)
            fill(&s->frontend, fd);
        /* Blocking on purpose: whoever writes to it without care hangs. */
        flags = fcntl(fd, F_GETFL);
        assert_int_equal(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), 0);
        if (i == 0)
            assert_int_equal(
                frontend_tell(&s->frontend, VHOST_USER_SET_VRING_CALL, &no_call, 8, NULL, 0, true),
                0);
        size = subject_request(s, request, &space);
        slot = frontend_submit(&s->frontend, SUBJECT_QUEUE, request, size, space);
        assert_true(slot >= 0);
        for (unsigned waited = 0; waited < 5000 && !queue->slot[slot].answered; waited += 5) {
            assert_int_equal(frontend_pump(&s->frontend, -1, 5), 0);
            driver_queue_collect(queue);
        }
        assert_true(queue->slot[slot].answered);
        driver_queue_release(queue, (unsigned)slot);
        assert_true(fcntl(fd, F_SETFL, flags) == 0);
        if (i == 0)
            assert_int_equal(
                frontend_tell(&s->frontend, VHOST_USER_SET_VRING_CALL, &ring, 8, &fd, 1, true), 0);
        else
            assert_int_equal(read(fd, &ring, 8), 8);
        subject_serves(s);
        story_leave(s);
    }
    bad_afterwards(s);
    story_end(s);
}

/* Config space: pieces that are not there. */
static void config_reads_past_the_end_are_errors(void **state)
{
    const uint32_t pieces[][2] = {{0, 257}, {256, 1}, {UINT32_MAX, 1}, {UINT32_MAX - 3, 8}};
    struct story *s = story(state);
    struct vhost_user_message answer;
    int r;

    bad_start(s);
    for (size_t i = 0; i < 4; i++) {
        struct vhost_user_config config = {.offset = pieces[i][0], .size = pieces[i][1]};

        bad_join(s, true);
        r = frontend_ask(&s->frontend, VHOST_USER_GET_CONFIG, &config, 12 + 256, &answer);
        /* The specification: no payload is an error. Hanging up says it too. */
        if (r == 0)
            assert_in_range(answer.header.size, 0, 12);
        else
            assert_true(r < 0);
        assert_true(daemon_process_number(&s->daemon, "/worker/pid") > 0);
        story_leave(s);
    }
    bad_afterwards(s);
    story_end(s);
}

/* A driver may write its config space, and a front-end what it likes: what is read only stays. */
static void config_writes_change_nothing_else(void **state)
{
    const uint32_t pieces[][2] = {{0, 257}, {256, 1}, {UINT32_MAX, 1}, {UINT32_MAX - 3, 8}};
    struct story *s = story(state);
    struct vhost_user_config config = {0};
    uint8_t whole[64], again[64];

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    assert_int_equal(frontend_get_config(&s->frontend, 0, sizeof(whole), whole), 0);
    for (size_t i = 0; i < 4; i++) {
        config.offset = pieces[i][0];
        config.size = pieces[i][1];
        assert_int_equal(
            frontend_tell(&s->frontend, VHOST_USER_SET_CONFIG, &config, 12 + 8, NULL, 0, true), 1);
    }
    memset(config.data, 0xff, sizeof(config.data));
    for (uint32_t at = 0; at < 256; at += 32) {
        config.offset = at;
        config.size = 32;
        assert_int_equal(
            frontend_tell(&s->frontend, VHOST_USER_SET_CONFIG, &config, 12 + 32, NULL, 0, true), 0);
    }
    subject_serves(s);
    assert_int_equal(frontend_get_config(&s->frontend, 0, sizeof(again), again), 0);
    assert_memory_equal(whole, again, sizeof(whole));
    story_leave(s);
    bad_told(s, "front_end_errors", "SET_CONFIG is refused");
    bad_afterwards(s);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(rings_that_are_not_there_are_refused, gpu_qemu_arena),
        STORY(rings_that_are_not_there_are_refused, media_qemu),
        STORY(descriptors_for_rings_that_are_not_there_are_refused, gpu_qemu_arena),
        STORY(descriptors_for_rings_that_are_not_there_are_refused, media_qemu),
        STORY(a_descriptor_too_many_or_too_few_is_refused, gpu_qemu_arena),
        STORY(a_descriptor_too_many_or_too_few_is_refused, media_qemu),
        STORY(sizes_that_no_ring_has_are_refused, gpu_qemu_arena),
        STORY(sizes_that_no_ring_has_are_refused, media_qemu),
        STORY(half_a_ring_does_not_start, gpu_qemu_arena),
        STORY(half_a_ring_does_not_start, media_qemu),
        STORY(a_ring_may_be_stopped_twice, gpu_qemu_arena),
        STORY(a_ring_may_be_stopped_twice, media_qemu),
        STORY(things_may_come_twice, gpu_qemu_arena),
        STORY(things_may_come_twice, media_qemu),
        STORY(a_kick_that_is_no_eventfd_burns_nothing, gpu_qemu_arena),
        STORY(a_kick_that_is_no_eventfd_burns_nothing, media_qemu),
        STORY(a_call_that_cannot_be_made_blocks_nobody, gpu_qemu_arena),
        STORY(a_call_that_cannot_be_made_blocks_nobody, media_qemu),
        STORY(config_writes_change_nothing_else, gpu_qemu_arena),
        STORY(config_writes_change_nothing_else, media_qemu),
        STORY(config_reads_past_the_end_are_errors, gpu_qemu_arena),
        STORY(config_reads_past_the_end_are_errors, media_qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
