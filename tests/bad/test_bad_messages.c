/* SPDX-License-Identifier: MIT */
#include "bad.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LIMIT 20000 /* milliseconds, until descriptors are closed */

/* Requests that exist, and so have a rule to break. */
static bool exists(uint32_t request)
{
    return vhost_user_rule(request) != NULL;
}

static void closes_on(struct story *s, struct bad_message message)
{
    bad_join(s, false);
    bad_expect(s, &message, BAD_CLOSED);
    story_leave(s);
}

static void wrong_sizes_end_the_connection(void **state)
{
    struct story *s = story(state);

    bad_start(s);
    for (uint32_t request = 0; request < VHOST_USER_REQUESTS; request++) {
        const struct vhost_user_rule *rule = vhost_user_rule(request);

        if (!exists(request))
            continue;
        closes_on(s, (struct bad_message){request, 0, rule->max_size + 1, BAD_ALL, rule->min_fds});
        if (rule->min_size > 0)
            closes_on(s,
                      (struct bad_message){request, 0, rule->min_size - 1, BAD_ALL, rule->min_fds});
    }
    bad_told(s, "front_end_errors", "is refused: ");
    bad_afterwards(s);
    story_end(s);
}

static void surplus_descriptors_end_the_connection(void **state)
{
    struct story *s = story(state);

    bad_start(s);
    for (uint32_t request = 0; request < VHOST_USER_REQUESTS; request++) {
        const struct vhost_user_rule *rule = vhost_user_rule(request);

        if (!exists(request))
            continue;
        closes_on(s, (struct bad_message){request, 0, rule->min_size, BAD_ALL, rule->max_fds + 1u});
        closes_on(s, (struct bad_message){request, 0, rule->min_size, BAD_ALL, 40});
        if (rule->min_fds > 0)
            closes_on(s, (struct bad_message){request, 0, rule->min_size, BAD_ALL, 0});
    }
    bad_told(s, "front_end_errors", "is refused: ");
    bad_afterwards(s);
    story_end(s);
}

static void unknown_requests_end_the_connection(void **state)
{
    const uint32_t more[] = {VHOST_USER_REQUESTS, 100, 1000, 1u << 31, UINT32_MAX};
    struct story *s = story(state);

    bad_start(s);
    for (uint32_t request = 0; request < VHOST_USER_REQUESTS; request++)
        if (!exists(request)) {
            closes_on(s, (struct bad_message){request, 0, 0, BAD_ALL, 0});
            closes_on(s, (struct bad_message){request, VHOST_USER_FLAG_NEED_REPLY, 8, BAD_ALL, 1});
        }
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        closes_on(s, (struct bad_message){more[i], 0, 8, BAD_ALL, 3});
    bad_told(s, "front_end_errors", "is refused: ");
    bad_afterwards(s);
    story_end(s);
}

static void wrong_headers_end_the_connection(void **state)
{
    const struct bad_message rows[] = {
        {VHOST_USER_GET_FEATURES, BAD_FLAGS | 0, 0, BAD_ALL, 0},
        {VHOST_USER_GET_FEATURES, BAD_FLAGS | 2, 0, BAD_ALL, 0},
        {VHOST_USER_GET_FEATURES, BAD_FLAGS | 3, 0, BAD_ALL, 0},
        {VHOST_USER_GET_FEATURES, VHOST_USER_FLAG_REPLY, 0, BAD_ALL, 0},
        {VHOST_USER_SET_FEATURES, VHOST_USER_FLAG_REPLY, 8, BAD_ALL, 0},
        {VHOST_USER_SET_FEATURES, 0, VHOST_USER_MAX_PAYLOAD + 1, 8, 0},
        {VHOST_USER_SET_FEATURES, 0, 1u << 31, 8, 0},
        {VHOST_USER_SET_MEM_TABLE, 0, UINT32_MAX, 8, 1},
        {UINT32_MAX, BAD_FLAGS | 0x7fffffff, UINT32_MAX, 64, 1},
    };
    struct story *s = story(state);

    bad_start(s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        closes_on(s, rows[i]);
    bad_told(s, "front_end_errors", "The front-end broke the protocol: ");
    bad_afterwards(s);
    story_end(s);
}

/* What needs a protocol feature that was not taken. */
static void messages_that_were_not_negotiated_end_the_connection(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;

    bad_start(s);
    frontend_plan_init(&plan, s->cast.habit);
    for (uint32_t request = 0; request < VHOST_USER_REQUESTS; request++) {
        const struct vhost_user_rule *rule = vhost_user_rule(request);
        struct bad_message message = {request, 0, 0, BAD_ALL, 0};

        if (!exists(request) || rule->needs == 0)
            continue;
        message.size = rule->min_size;
        message.fds = rule->min_fds;
        story_connect(s, &plan);
        bad_expect(s, &message, BAD_CLOSED);
        story_leave(s);
    }
    bad_told(s, "front_end_errors", "is refused: ");
    bad_afterwards(s);
    story_end(s);
}

static void half_a_message_stalls_nobody(void **state)
{
    const struct bad_message rows[] = {
        {VHOST_USER_SET_FEATURES, 0, 8, 0, 0},
        {VHOST_USER_SET_FEATURES, 0, 8, 3, 0},
        {VHOST_USER_SET_MEM_TABLE, 0, 72, 40, 2},
        {VHOST_USER_SET_VRING_KICK, 0, 8, 7, 1},
    };
    struct story *s = story(state);
    uint8_t header[5] = {1, 0, 0, 0, 1};

    bad_start(s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bad_join(s, true);
        subject_bind(s);
        assert_int_equal(bad_send(s, &rows[i]), 0);
        /* The rings and the control socket are served meanwhile. */
        subject_serves(s);
        assert_true(daemon_process_number(&s->daemon, "/worker/pid") > 0);
        story_leave(s);
    }
    bad_join(s, false);
    assert_int_equal(frontend_send_raw(&s->frontend, header, sizeof(header), NULL, 0), 0);
    usleep(50000);
    assert_true(daemon_process_number(&s->daemon, "/worker/pid") > 0);
    bad_told(s, "front_end_errors", "The front-end broke the protocol: ");
    bad_afterwards(s);
    story_end(s);
}

/* Byte by byte: slow, but not wrong. */
static void a_message_may_come_in_pieces(void **state)
{
    const uint8_t bytes[] = {VHOST_USER_GET_FEATURES, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    struct story *s = story(state);
    struct vhost_user_message answer;

    bad_start(s);
    bad_join(s, false);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        assert_int_equal(frontend_send_raw(&s->frontend, &bytes[i], 1, NULL, 0), 0);
        usleep(2000);
    }
    assert_int_equal(frontend_receive(&s->frontend, VHOST_USER_GET_FEATURES, &answer), 0);
    assert_true(answer.u64 == s->frontend.offered);
    story_end(s);
}

/* Many messages in one write are read one after the other. */
static void messages_may_come_together(void **state)
{
    struct story *s = story(state);
    struct vhost_user_header headers[100];
    struct vhost_user_message answer;

    bad_start(s);
    bad_join(s, true);
    for (unsigned i = 0; i < 100; i++)
        headers[i] = (struct vhost_user_header){
            i % 2 ? VHOST_USER_GET_FEATURES : VHOST_USER_GET_QUEUE_NUM, VHOST_USER_VERSION, 0};
    assert_int_equal(frontend_send_raw(&s->frontend, headers, sizeof(headers), NULL, 0), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(frontend_receive(&s->frontend, headers[i].request, &answer), 0);
        assert_true(answer.u64 == (i % 2 ? s->frontend.offered : 2));
    }
    story_end(s);
}

/* The same message over and over: what came before is given back. The device has asked for its
 * mappings before that: a front-end that is busy with its storm would not answer in time. */
static void a_storm_of_messages_leaks_nothing(void **state)
{
    struct story *s = story(state);
    int fds[2], before;
    uint64_t ring = 1;

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    before = daemon_process_fds(s->daemon.pid);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(frontend_tell(&s->frontend, VHOST_USER_SET_VRING_CALL, &ring, 8,
                                       &s->frontend.queues[1].call, 1, true),
                         0);
        assert_int_equal(frontend_tell(&s->frontend, VHOST_USER_SET_VRING_ERR, &ring, 8,
                                       &s->frontend.queues[1].call, 1, true),
                         0);
        if (i % 10 == 0)
            assert_int_equal(frontend_tell_memory(&s->frontend), 0);
    }
    assert_in_range(daemon_process_await_few_fds(s->daemon.pid, before, LIMIT), 1, before);
    subject_serves(s);
    story_leave(s);
    /* Another back-end channel each time: the old one is closed. */
    bad_join(s, false);
    before = daemon_process_fds(s->daemon.pid);
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(
            frontend_tell(&s->frontend, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &fds[1], 1, true),
            0);
        close(fds[0]);
        close(fds[1]);
    }
    assert_in_range(daemon_process_await_few_fds(s->daemon.pid, before, LIMIT), 1, before);
    bad_afterwards(s);
    story_end(s);
}

/* Of what carries no descriptor and of what does, as fast as they can be sent. */
static void a_hundred_thousand_messages_leak_nothing(void **state)
{
    struct story *s = story(state);
    struct vhost_user_vring_state num = {1, 256}, base = {1, 0};
    int before;

    bad_start(s);
    bad_join(s, true);
    subject_bind(s);
    assert_int_equal(frontend_enable_ring(&s->frontend, 1, false), 0);
    assert_int_equal(frontend_stop_ring(&s->frontend, 1), 0);
    before = daemon_process_fds(s->daemon.pid);
    for (unsigned i = 0; i < 100000; i++) {
        const uint64_t ring = 1;
        bool ask = i % 1000 == 999; /* so that it is no race */

        if (i % 4 == 0)
            assert_int_equal(
                frontend_tell(&s->frontend, VHOST_USER_SET_VRING_NUM, &num, 8, NULL, 0, ask), 0);
        else if (i % 4 == 1)
            assert_int_equal(
                frontend_tell(&s->frontend, VHOST_USER_SET_VRING_BASE, &base, 8, NULL, 0, ask), 0);
        else
            assert_int_equal(
                frontend_tell(&s->frontend,
                              i % 4 == 2 ? VHOST_USER_SET_VRING_CALL : VHOST_USER_SET_VRING_ERR,
                              &ring, 8, &s->frontend.queues[1].call, 1, ask),
                0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        const uint64_t ring = 1;

        assert_int_equal(frontend_tell(&s->frontend, VHOST_USER_SET_VRING_KICK, &ring, 8,
                                       &s->frontend.queues[1].kick, 1, true),
                         0);
        assert_int_equal(frontend_stop_ring(&s->frontend, 1), 0);
    }
    assert_in_range(daemon_process_await_few_fds(s->daemon.pid, before, LIMIT), 1, before);
    subject_serves(s);
    bad_afterwards(s);
    story_end(s);
}

/* A front-end that asks and never reads the answers. */
static void a_front_end_that_does_not_read_is_left(void **state)
{
    struct vhost_user_header header = {VHOST_USER_GET_SHMEM_CONFIG, VHOST_USER_VERSION, 0};
    struct story *s = story(state);
    struct pollfd writable;
    unsigned sent = 0;
    int r = 0;

    bad_start(s);
    bad_join(s, false);
    writable = (struct pollfd){.fd = s->frontend.socket, .events = POLLOUT};
    while (r == 0 && sent < 100000 && poll(&writable, 1, 1000) == 1 &&
           !(writable.revents & (POLLHUP | POLLERR))) {
        r = frontend_send_raw(&s->frontend, &header, sizeof(header), NULL, 0);
        sent++;
    }
    assert_true(daemon_process_number(&s->daemon, "/worker/pid") > 0);
    bad_told(s, "front_end_errors", "The front-end broke the protocol: ");
    bad_afterwards(s);
    story_end(s);
}

/* Noise that knows nothing of the protocol. */
static void noise_ends_the_connection(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;
    uint64_t seed = 1;
    uint8_t noise[512];

    bad_start(s);
    frontend_plan_init(&plan, s->cast.habit);
    for (unsigned i = 0; i < 50; i++) {
        for (unsigned k = 0; k < sizeof(noise); k++)
            noise[k] = (uint8_t)memory_stream_word(seed++, 3);
        noise[4] &= 0xfe; /* never version 1 */
        story_connect(s, &plan);
        frontend_send_raw(&s->frontend, noise, sizeof(noise), NULL, 0);
        assert_int_equal(frontend_await_close(&s->frontend, 5000), 0);
        story_leave(s);
    }
    bad_told(s, "front_end_errors", "The front-end broke the protocol: ");
    bad_afterwards(s);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(wrong_sizes_end_the_connection, gpu_qemu_arena),
        STORY(wrong_sizes_end_the_connection, media_qemu),
        STORY(surplus_descriptors_end_the_connection, gpu_qemu_arena),
        STORY(surplus_descriptors_end_the_connection, media_qemu),
        STORY(unknown_requests_end_the_connection, gpu_qemu_arena),
        STORY(unknown_requests_end_the_connection, media_qemu),
        STORY(wrong_headers_end_the_connection, gpu_qemu_arena),
        STORY(wrong_headers_end_the_connection, media_qemu),
        STORY(messages_that_were_not_negotiated_end_the_connection, gpu_qemu_arena),
        STORY(messages_that_were_not_negotiated_end_the_connection, media_qemu),
        STORY(half_a_message_stalls_nobody, gpu_qemu_arena),
        STORY(half_a_message_stalls_nobody, media_qemu),
        STORY(a_message_may_come_in_pieces, gpu_qemu_arena),
        STORY(a_message_may_come_in_pieces, media_qemu),
        STORY(messages_may_come_together, gpu_qemu_arena),
        STORY(messages_may_come_together, media_qemu),
        STORY(a_storm_of_messages_leaks_nothing, gpu_qemu_arena),
        STORY(a_storm_of_messages_leaks_nothing, media_qemu),
        STORY(a_storm_of_messages_leaks_nothing, gpu_qemu_single),
        STORY(a_hundred_thousand_messages_leak_nothing, gpu_qemu_arena),
        STORY(a_hundred_thousand_messages_leak_nothing, media_qemu),
        STORY(a_front_end_that_does_not_read_is_left, gpu_qemu_arena),
        STORY(a_front_end_that_does_not_read_is_left, media_qemu),
        STORY(noise_ends_the_connection, gpu_qemu_arena),
        STORY(noise_ends_the_connection, media_qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
