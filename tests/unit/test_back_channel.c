/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "back_end_peer.h"
#include "base/units.h"
#include "door/back_channel.h"

#define LIMIT_US 40000u /* where it is to be reached */
#define ANSWERS 8u

static sd_event *loop;
static struct back_channel channel;
static struct peer peer;
static bool is_quiet;
static unsigned answers;
static struct {
    char name;
    int result;
} got[ANSWERS];

static bool quiet(void *data)
{
    return is_quiet;
}

/* 'data' is the request's name. */
static void done(void *data, int result)
{
    assert_true(answers < ANSWERS);
    got[answers].name = *(const char *)data;
    got[answers++].result = result;
}

/* The next answer, and that it is about that request. */
static void expect(unsigned index, char name, int result)
{
    assert_true(index < answers);
    assert_int_equal(got[index].name, name);
    assert_int_equal(got[index].result, result);
}

static char *name_of(char name)
{
    static char names[128];

    names[(unsigned)name] = name;
    return &names[(unsigned)name];
}

static void begin(void)
{
    assert_true(sd_event_new(&loop) >= 0);
    is_quiet = true;
    answers = 0;
    back_channel_init(&channel, loop, PEER_PATIENCE_US, quiet, NULL);
    assert_false(back_channel_attached(&channel));
    assert_int_equal(back_channel_attach(&channel, peer_init(&peer)), 0);
    assert_true(back_channel_attached(&channel));
}

static void begin_open(bool knock)
{
    begin();
    channel.knock = knock;
    back_channel_hold(&channel, false);
}

static void end(void)
{
    back_channel_finish(&channel);
    peer_finish(&peer);
    loop = sd_event_unref(loop);
}

static void ask_map(char name, int fd)
{
    struct vhost_user_mmap mmap = {1, {0}, 0x3000, 0x4000, 0x5000, VHOST_USER_MMAP_RW};

    assert_int_equal(
        back_channel_mmap(&channel, VHOST_USER_BACKEND_SHMEM_MAP, &mmap, fd, done, name_of(name)),
        0);
}

static void ask_unmap(char name)
{
    struct vhost_user_mmap mmap = {1, {0}, 0, 0x4000, 0x5000, 0};

    assert_int_equal(
        back_channel_mmap(&channel, VHOST_USER_BACKEND_SHMEM_UNMAP, &mmap, -1, done, name_of(name)),
        0);
}

static void ask_barrier(char name, bool send)
{
    assert_int_equal(back_channel_barrier(&channel, send, done, name_of(name)), 0);
}

static void wait_ms(unsigned ms)
{
    uint64_t until = units_now_ns() + ms * UINT64_C(1000000);

    do
        sd_event_run(loop, 2000);
    while (units_now_ns() < until);
}

static uint64_t loop_now(void)
{
    uint64_t now = 0;

    assert_true(sd_event_now(loop, CLOCK_MONOTONIC, &now) >= 0);
    return now;
}

/* Until there are so many answers. */
static void await_answers(unsigned count)
{
    uint64_t end_at = units_now_ns() + PEER_PATIENCE_US * UINT64_C(1000);

    while (answers < count) {
        assert_true(units_now_ns() < end_at);
        assert_true(sd_event_run(loop, 10000) >= 0);
    }
    assert_int_equal(answers, count);
}

/* Begins, with a limit that is to be reached. The loop has a time of its own from its first turn
 * on. */
static void begin_limited(bool knock)
{
    begin_open(knock);
    channel.limit_us = LIMIT_US;
    wait_ms(1);
}

/* The limit of what was asked, or let go on, at the loop's time 'since' is over with so many
 * answers, and not before. */
static void await_limit(uint64_t since, unsigned count)
{
    await_answers(count);
    assert_true(loop_now() >= since + LIMIT_US);
}

static bool has_limit(void)
{
    return sd_event_source_get_enabled(channel.timer, NULL) > 0;
}

/* What has happened after the channel became useless. */
static void expect_broken(void)
{
    struct vhost_user_mmap mmap = {0};

    assert_false(back_channel_attached(&channel));
    assert_int_equal(
        back_channel_mmap(&channel, VHOST_USER_BACKEND_SHMEM_MAP, &mmap, -1, done, name_of('x')),
        -ENOTCONN);
    assert_int_equal(back_channel_barrier(&channel, true, done, name_of('x')), -ENOTCONN);
    assert_int_equal(back_channel_config_change(&channel), -ENOTCONN);
    back_channel_hold(&channel, true);
    back_channel_hold(&channel, false);
    back_channel_poke(&channel);
    back_channel_drain(&channel);
    back_channel_cancel_unsent(&channel);
}

/* ---- order and form ---- */

static void one_request_is_under_way(void **state)
{
    int fd = fd_memfd("test", 4096);

    begin_open(false);
    ask_map('a', fd);
    ask_unmap('b');
    ask_barrier('c', true);
    assert_true(peer_has_request(&peer));
    assert_int_equal(peer_unread(&peer), 0); /* the others wait */
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_SHMEM_MAP);
    assert_int_equal(peer.header.size, 40);
    assert_int_equal(peer.payload.mmap.shmid, 1);
    assert_int_equal(peer.payload.mmap.fd_offset, 0x3000);
    assert_int_equal(peer.payload.mmap.shm_offset, 0x4000);
    assert_int_equal(peer.payload.mmap.len, 0x5000);
    assert_int_equal(peer.fds.count, 1);
    assert_true(fd_same_file(peer.fds.fds[0], fd));
    peer_answer(&peer, 0);
    assert_int_equal(answers, 0);
    loop_turns(loop);
    assert_int_equal(answers, 1);
    assert_true(peer_has_request(&peer));
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_SHMEM_UNMAP);
    assert_int_equal(peer.fds.count, 0);
    peer_answer(&peer, 7);
    loop_turns(loop);
    assert_true(peer_has_request(&peer));
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE);
    assert_int_equal(peer.header.size, 16);
    peer_answer(&peer, 1);
    loop_turns(loop);
    assert_int_equal(answers, 3);
    expect(0, 'a', 0);
    expect(1, 'b', -EIO);
    expect(2, 'c', 0); /* refused is as good */
    end();
    fd_close(&fd);
}

static void a_barrier_can_be_silent(void **state)
{
    uint64_t due = 0, late = 0;

    begin_open(false);
    wait_ms(1);
    ask_barrier('a', false);
    assert_int_equal(answers, 0); /* never from within */
    /* At the loop's next turn, and that comes at once. */
    assert_true(sd_event_source_get_time(channel.timer, &due) >= 0);
    assert_true(sd_event_source_get_time_accuracy(channel.timer, &late) >= 0);
    assert_true(due <= loop_now() && late <= 1000);
    await_answers(1);
    expect(0, 'a', 0);
    ask_unmap('b');
    ask_barrier('c', false);
    ask_unmap('d');
    loop_turns(loop);
    assert_int_equal(answers, 1); /* what was asked before it is not answered */
    peer_run(&peer, loop);
    assert_int_equal(answers, 4);
    expect(2, 'c', 0);
    expect(3, 'd', -EIO);
    assert_int_equal(peer.barriers, 0);
    end();
}

static void a_silent_barrier_waits_while_held(void **state)
{
    begin_open(false);
    ask_barrier('a', false);
    back_channel_hold(&channel, true);
    wait_ms(5);
    assert_int_equal(answers, 0);
    back_channel_hold(&channel, false);
    loop_turns(loop);
    expect(0, 'a', 0);
    ask_barrier('b', false);
    back_channel_hold(&channel, true);
    back_channel_cancel_unsent(&channel);
    expect(1, 'b', -ECANCELED);
    back_channel_hold(&channel, false);
    loop_turns(loop);
    assert_int_equal(answers, 2);
    end();
}

static void asks_again(void *data, int result)
{
    assert_int_equal(result, 0);
    done(data, result);
    if (answers == 1)
        ask_barrier('y', true);
}

static void an_answer_may_ask_for_more(void **state)
{
    begin_open(false);
    assert_int_equal(back_channel_barrier(&channel, true, asks_again, name_of('a')), 0);
    ask_barrier('b', true);
    peer_run(&peer, loop);
    assert_int_equal(answers, 3);
    expect(0, 'a', 0);
    expect(1, 'b', 0);
    expect(2, 'y', 0);
    end();
}

static void a_change_of_config_is_a_request(void **state)
{
    begin_open(false);
    assert_int_equal(back_channel_config_change(&channel), 0);
    ask_unmap('a');
    assert_true(peer_has_request(&peer));
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_CONFIG_CHANGE);
    assert_int_equal(peer.header.size, 0);
    assert_int_equal(peer_unread(&peer), 0);
    peer_answer(&peer, 0);
    peer_run(&peer, loop);
    assert_int_equal(answers, 1);
    end();
}

/* ---- what ends a channel ---- */

static void the_limit_ends_it(void **state)
{
    uint64_t asked;

    begin_limited(false);
    asked = loop_now();
    ask_unmap('a');
    ask_barrier('b', false);
    await_limit(asked, 2);
    expect(0, 'a', -ETIMEDOUT);
    expect(1, 'b', -ETIMEDOUT);
    expect_broken();
    assert_int_equal(answers, 2);
    end();
}

static void no_time_runs_while_held(void **state)
{
    uint64_t released;

    begin_limited(false);
    ask_unmap('a');
    back_channel_hold(&channel, true);
    wait_ms(3 * LIMIT_US / 1000);
    assert_int_equal(answers, 0);
    released = loop_now();
    back_channel_hold(&channel, false);
    await_limit(released, 1);
    expect(0, 'a', -ETIMEDOUT);
    end();
}

/* Looks at the clock that is set, and does not wait for it: a busy machine makes no difference. */
static void the_limit_is_for_each(void **state)
{
    uint64_t last = 0;

    begin_open(false);
    wait_ms(1);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t now = loop_now(), end_at = 0;

        assert_true(now > last); /* time has run since the one before */
        last = now;
        ask_unmap('a');
        assert_true(has_limit());
        assert_true(sd_event_source_get_time(channel.timer, &end_at) >= 0);
        assert_int_equal(end_at, now + channel.limit_us);
        wait_ms(2);
        assert_true(peer_has_request(&peer));
        peer_answer(&peer, 0);
        loop_turns(loop);
        assert_int_equal(answers, i + 1);
        assert_false(has_limit()); /* none for nothing */
    }
    assert_true(back_channel_attached(&channel));
    end();
}

/* Asks, and gets the answer. */
static void ask_and_answer(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        ask_unmap('a');
        assert_true(peer_has_request(&peer));
        peer_answer(&peer, 0);
        loop_turns(loop);
        assert_int_equal(answers, 1);
        answers = 0;
    }
}

/* Of many requests one after the other each has its limit, with one timer that nobody moves. */
static void many_share_a_timer(void **state)
{
    uint64_t first = 0, then = 0, asked;

    begin_limited(false);
    channel.limit_us = 4 * LIMIT_US;
    ask_and_answer(30);
    assert_true(has_limit());
    assert_true(sd_event_source_get_time(channel.timer, &first) >= 0);
    wait_ms(2);
    asked = loop_now();
    ask_unmap('b');
    assert_true(sd_event_source_get_time(channel.timer, &then) >= 0);
    assert_int_equal(first, then); /* it is the limit of one before */
    assert_true(first < asked + channel.limit_us);
    await_answers(1);
    assert_true(loop_now() >= asked + 4 * LIMIT_US);
    expect(0, 'b', -ETIMEDOUT);
    end();
}

static void a_rest_stops_the_timer(void **state)
{
    begin_limited(false);
    ask_and_answer(30);
    assert_true(has_limit());
    wait_ms(3 * LIMIT_US / 1000);
    assert_false(has_limit());
    assert_true(back_channel_attached(&channel));
    ask_and_answer(1);
    assert_false(has_limit()); /* and counts anew */
    ask_and_answer(29);
    assert_true(has_limit());
    back_channel_hold(&channel, true);
    assert_false(has_limit());
    end();
}

static const uint32_t answer_flags = VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY;

static void say_other(void)
{
    peer_say(&peer, VHOST_USER_BACKEND_SHMEM_MAP, answer_flags, 0);
}

static void say_no_reply(void)
{
    peer_say(&peer, VHOST_USER_BACKEND_SHMEM_UNMAP, VHOST_USER_VERSION, 0);
}

static void say_version_2(void)
{
    peer_say(&peer, VHOST_USER_BACKEND_SHMEM_UNMAP, 2 | VHOST_USER_FLAG_REPLY, 0);
}

static void say_size_16(void)
{
    struct vhost_user_header header = {VHOST_USER_BACKEND_SHMEM_UNMAP, answer_flags, 16};
    uint8_t bytes[VHOST_USER_HEADER_SIZE + 16] = {0};

    memcpy(bytes, &header, VHOST_USER_HEADER_SIZE);
    assert_int_equal(fd_send(peer.fd, bytes, sizeof(bytes), NULL, 0), sizeof(bytes));
}

static void say_twice(void)
{
    peer_say(&peer, VHOST_USER_BACKEND_SHMEM_UNMAP, answer_flags, 0);
    peer_say(&peer, VHOST_USER_BACKEND_SHMEM_UNMAP, answer_flags, 0);
}

static void say_with_a_descriptor(void)
{
    assert_int_equal(fd_send(peer.fd, "x", 1, &peer.fd, 1), 1);
}

static void hang_up(void)
{
    peer_finish(&peer);
}

static void hang_up_half_way(void)
{
    assert_int_equal(fd_send(peer.fd, "x", 1, NULL, 0), 1);
    peer_finish(&peer);
}

static void nonsense_ends_it(void **state)
{
    static void (*const ways[])(void) = {
        say_other, say_no_reply, say_version_2,         say_size_16,
        say_twice, hang_up,      say_with_a_descriptor, hang_up_half_way};

    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        begin_open(false);
        ask_unmap('a');
        assert_true(peer_has_request(&peer));
        ways[i]();
        loop_turns(loop);
        expect(0, 'a', ways[i] == say_twice ? 0 : -ECONNRESET);
        expect_broken();
        end();
    }
}

static void an_answer_to_nothing_ends_it(void **state)
{
    begin(); /* also while it is held */
    peer_say(&peer, VHOST_USER_BACKEND_SHMEM_UNMAP, answer_flags, 0);
    loop_turns(loop);
    expect_broken();
    end();
}

static void an_answer_may_come_in_pieces(void **state)
{
    struct vhost_user_header header = {VHOST_USER_BACKEND_SHMEM_UNMAP, answer_flags, 8};
    uint8_t bytes[VHOST_USER_HEADER_SIZE + 8] = {0};

    memcpy(bytes, &header, VHOST_USER_HEADER_SIZE);
    begin_open(false);
    ask_unmap('a');
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        assert_int_equal(answers, 0);
        assert_int_equal(fd_send(peer.fd, bytes + i, 1, NULL, 0), 1);
        loop_turns(loop);
    }
    expect(0, 'a', 0);
    end();
}

static void who_does_not_read_is_left(void **state)
{
    uint8_t filler[4096] = {0};

    begin_open(false);
    while (fd_send(channel.fd, filler, sizeof(filler), NULL, 0) > 0)
        ;
    ask_unmap('a');
    ask_unmap('b');
    assert_int_equal(answers, 0); /* never from within */
    back_channel_hold(&channel, true);
    loop_turns(loop);
    expect(0, 'a', -ECONNRESET);
    expect(1, 'b', -ECONNRESET);
    expect_broken();
    end();
}

static void the_end_answers_all(void **state)
{
    begin_open(false);
    ask_unmap('a');
    ask_barrier('b', false);
    ask_barrier('c', true);
    end();
    assert_int_equal(answers, 3);
    expect(0, 'a', -ECONNRESET);
    expect(1, 'b', -ECONNRESET);
    expect(2, 'c', -ECONNRESET);
}

static void a_new_channel_takes_over(void **state)
{
    int pipe_fds[2];

    begin_open(false);
    ask_unmap('a');
    peer_finish(&peer);
    assert_int_equal(back_channel_attach(&channel, peer_init(&peer)), 0);
    expect(0, 'a', -ECONNRESET);
    ask_unmap('b');
    peer_run(&peer, loop);
    expect(1, 'b', -EIO);
    /* What cannot be waited for is none; what is no socket is none when it is used. */
    assert_int_equal(back_channel_attach(&channel, fd_memfd("test", 4096)), -EPERM);
    expect_broken();
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(back_channel_attach(&channel, pipe_fds[1]), 0);
    ask_unmap('c');
    loop_turns(loop);
    expect(2, 'c', -ECONNRESET);
    expect_broken();
    close(pipe_fds[0]);
    end();
}

/* ---- holding ---- */

static void nothing_goes_out_while_held(void **state)
{
    begin();
    ask_unmap('a');
    ask_barrier('b', true);
    loop_turns(loop);
    assert_int_equal(peer_unread(&peer), 0);
    back_channel_hold(&channel, false);
    peer_run(&peer, loop);
    assert_int_equal(answers, 2);
    end();
}

static void the_unsent_can_be_cancelled(void **state)
{
    begin_open(false);
    ask_unmap('a');
    ask_unmap('b');
    ask_barrier('c', true);
    back_channel_hold(&channel, true);
    back_channel_cancel_unsent(&channel);
    assert_int_equal(answers, 2);
    expect(0, 'b', -ECANCELED);
    expect(1, 'c', -ECANCELED);
    peer_run(&peer, loop); /* what is under way is answered still */
    assert_int_equal(answers, 3);
    expect(2, 'a', -EIO);
    assert_int_equal(peer.unmaps, 1);
    end();
}

static void an_answer_that_came_can_be_taken(void **state)
{
    begin_open(false);
    back_channel_drain(&channel);
    ask_unmap('a');
    back_channel_drain(&channel);
    assert_int_equal(answers, 0);
    assert_true(peer_has_request(&peer));
    peer_answer(&peer, 0);
    back_channel_drain(&channel);
    expect(0, 'a', 0);
    end();
}

/* ---- knocking ---- */

static void the_rest_follows_the_knock(void **state)
{
    int fd = fd_memfd("test", 4096);

    begin_open(true);
    ask_map('a', fd);
    ask_unmap('b');
    loop_turns(loop);
    assert_int_equal(peer_unread(&peer), 1);
    peer_read(&peer, 1);
    assert_int_equal(peer.fds.count, 1); /* it belongs to the first byte */
    assert_int_equal(peer_unread(&peer), 0);
    loop_turns(loop);
    assert_int_equal(peer_unread(&peer), VHOST_USER_HEADER_SIZE + 40 - 1);
    assert_true(peer_has_request(&peer));
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_SHMEM_MAP);
    assert_int_equal(peer.fds.count, 1); /* and it came once */
    peer_answer(&peer, 0);
    loop_turns(loop);
    expect(0, 'a', 0);
    assert_int_equal(peer_unread(&peer), 1);
    peer_run(&peer, loop);
    expect(1, 'b', -EIO);
    end();
    fd_close(&fd);
}

static void it_enters_only_when_it_is_quiet(void **state)
{
    begin_open(true);
    is_quiet = false;
    ask_unmap('a');
    loop_turns(loop);
    back_channel_poke(&channel);
    is_quiet = true;
    back_channel_poke(&channel); /* the byte is not read yet */
    assert_int_equal(peer_unread(&peer), 1);
    is_quiet = false;
    peer_read(&peer, 1);
    loop_turns(loop);
    back_channel_poke(&channel);
    assert_int_equal(peer_unread(&peer), 0);
    is_quiet = true;
    back_channel_poke(&channel);
    peer_run(&peer, loop);
    expect(0, 'a', -EIO);
    end();
}

static void a_barrier_does_not_knock(void **state)
{
    begin_open(true);
    ask_barrier('a', true);
    assert_true(peer_has_request(&peer));
    peer_answer(&peer, 0);
    loop_turns(loop);
    expect(0, 'a', 0);
    end();
}

static void a_knock_is_withdrawn(void **state)
{
    begin_open(true);
    ask_unmap('a');
    ask_unmap('b');
    loop_turns(loop);
    back_channel_hold(&channel, true);
    back_channel_cancel_unsent(&channel);
    assert_int_equal(answers, 2);
    expect(0, 'a', -ECANCELED); /* the first too: it was not made */
    assert_false(peer_has_request(&peer));
    assert_int_equal(peer.withdrawn, 1);
    assert_int_equal(peer.have, 0);
    assert_false(has_limit());
    loop_turns(loop);
    assert_true(back_channel_attached(&channel));
    back_channel_hold(&channel, false);
    ask_unmap('c');
    peer_run(&peer, loop);
    expect(2, 'c', -EIO);
    end();
}

/* Also when its first byte was read already. */
static void a_withdrawn_request_comes_again(void **state)
{
    int fd = fd_memfd("test", 4096);

    begin_open(true);
    is_quiet = false;
    ask_map('a', fd);
    peer_read(&peer, 1);
    loop_turns(loop);
    back_channel_hold(&channel, true);
    assert_int_equal(answers, 0);
    is_quiet = true;
    back_channel_hold(&channel, false);
    peer_run(&peer, loop);
    assert_int_equal(peer.withdrawn, 1);
    assert_int_equal(peer.maps, 1); /* with its descriptor: the peer insists */
    expect(0, 'a', 0);
    end();
    fd_close(&fd);
}

static void a_knock_has_a_limit(void **state)
{
    uint64_t asked;

    begin_limited(true);
    asked = loop_now();
    ask_unmap('a');
    await_limit(asked, 1);
    expect(0, 'a', -ETIMEDOUT);
    expect_broken();
    end();
}

static void objects_do_not_knock(void **state)
{
    const uint8_t uuid[16] = "an object";
    const struct {
        uint32_t request;
        char name;
    } row[] = {
        {VHOST_USER_BACKEND_SHARED_OBJECT_ADD, 'a'},
        {VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE, 'r'},
        {VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP, 'l'},
    };

    begin_open(true);
    is_quiet = false;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(
            back_channel_object(&channel, row[i].request, uuid, done, name_of(row[i].name)), 0);
        loop_turns(loop);
        assert_true(peer_has_request(&peer));
        assert_int_equal(peer.header.request, row[i].request);
        assert_int_equal(peer.header.size, 16);
        assert_memory_equal(peer.payload.uuid, uuid, 16);
        assert_int_equal(peer.fds.count, 0);
        peer_answer(&peer, i);
        loop_turns(loop);
        expect(i, row[i].name, i == 0 ? 0 : -EIO);
    }
    end();
}

static void look_up(char name)
{
    const uint8_t uuid[16] = "an object";

    assert_int_equal(back_channel_object(&channel, VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP, uuid,
                                         done, name_of(name)),
                     0);
    loop_turns(loop);
    assert_true(peer_has_request(&peer));
}

static void a_look_up_brings_a_descriptor(void **state)
{
    int fd = fd_memfd("object", units_page_size());

    begin_open(false);
    look_up('a');
    peer_answer_fd(&peer, 0, fd);
    loop_turns(loop);
    assert_int_equal(answers, 1);
    assert_true(got[0].result > 0 && fd_same_file(got[0].result, fd));
    close(got[0].result);
    /* Refused, with a descriptor all the same: it is closed. */
    look_up('b');
    peer_answer_fd(&peer, 1, fd);
    loop_turns(loop);
    expect(1, 'b', -EIO);
    /* Found, but not sent: what QEMU 11.1 does. */
    look_up('c');
    peer_answer_fd(&peer, 0, -1);
    loop_turns(loop);
    expect(2, 'c', -EIO);
    assert_true(back_channel_attached(&channel));
    close(fd);
    end();
}

/* The descriptor comes with the first byte, the rest later, or never. */
static void a_descriptor_may_come_in_pieces(void **state)
{
    struct vhost_user_header header = {VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP,
                                       VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY, 8};
    uint8_t bytes[20] = {0};
    int fd = fd_memfd("object", units_page_size());

    memcpy(bytes, &header, sizeof(header));
    begin_open(false);
    for (unsigned i = 0; i < 2; i++) {
        look_up('a');
        peer.have = 0;
        assert_int_equal(fd_send(peer.fd, bytes, 1, &fd, 1), 1);
        loop_turns(loop);
        assert_int_equal(answers, i);
        if (i == 0)
            assert_int_equal(fd_send(peer.fd, bytes + 1, 19, NULL, 0), 19);
        else
            fd_close(&peer.fd);
        loop_turns(loop);
        assert_int_equal(answers, i + 1);
    }
    assert_true(fd_same_file(got[0].result, fd));
    close(got[0].result);
    expect(1, 'a', -ECONNRESET);
    close(fd);
    end();
}

static void two_descriptors_end_it(void **state)
{
    int fds[2] = {peer.fd, peer.fd};
    uint8_t bytes[20] = {0};

    begin_open(false);
    look_up('a');
    fds[0] = fds[1] = peer.fd;
    assert_int_equal(fd_send(peer.fd, bytes, sizeof(bytes), fds, 2), sizeof(bytes));
    loop_turns(loop);
    expect(0, 'a', -ECONNRESET);
    expect_broken();
    end();
}

static void an_answer_to_a_knock_ends_it(void **state)
{
    begin_open(true);
    ask_unmap('a');
    peer_say(&peer, VHOST_USER_BACKEND_SHMEM_UNMAP, answer_flags, 0);
    loop_turns(loop);
    expect(0, 'a', -ECONNRESET);
    expect_broken();
    end();
}

static void a_knock_that_cannot_be_withdrawn_ends_it(void **state)
{
    uint8_t filler[4096] = {0};

    begin_open(true);
    ask_unmap('a');
    while (fd_send(channel.fd, filler, sizeof(filler), NULL, 0) > 0)
        ;
    back_channel_hold(&channel, true);
    assert_int_equal(answers, 0);
    loop_turns(loop);
    expect(0, 'a', -ECONNRESET);
    expect_broken();
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(one_request_is_under_way),
        FD_TEST(a_barrier_can_be_silent),
        FD_TEST(a_silent_barrier_waits_while_held),
        FD_TEST(an_answer_may_ask_for_more),
        FD_TEST(a_change_of_config_is_a_request),
        FD_TEST(the_limit_ends_it),
        FD_TEST(no_time_runs_while_held),
        FD_TEST(the_limit_is_for_each),
        FD_TEST(many_share_a_timer),
        FD_TEST(a_rest_stops_the_timer),
        FD_TEST(nonsense_ends_it),
        FD_TEST(an_answer_to_nothing_ends_it),
        FD_TEST(an_answer_may_come_in_pieces),
        FD_TEST(who_does_not_read_is_left),
        FD_TEST(the_end_answers_all),
        FD_TEST(a_new_channel_takes_over),
        FD_TEST(nothing_goes_out_while_held),
        FD_TEST(the_unsent_can_be_cancelled),
        FD_TEST(an_answer_that_came_can_be_taken),
        FD_TEST(the_rest_follows_the_knock),
        FD_TEST(it_enters_only_when_it_is_quiet),
        FD_TEST(a_barrier_does_not_knock),
        FD_TEST(a_knock_is_withdrawn),
        FD_TEST(a_withdrawn_request_comes_again),
        FD_TEST(a_knock_has_a_limit),
        FD_TEST(objects_do_not_knock),
        FD_TEST(a_look_up_brings_a_descriptor),
        FD_TEST(a_descriptor_may_come_in_pieces),
        FD_TEST(two_descriptors_end_it),
        FD_TEST(an_answer_to_a_knock_ends_it),
        FD_TEST(a_knock_that_cannot_be_withdrawn_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
