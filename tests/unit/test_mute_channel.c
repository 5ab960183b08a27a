/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>

#include "back_end_peer.h"
#include "base/units.h"
#include "door/back_channel.h"

/* The back-end channel to a front-end that answers nothing, as libkrun's does. */
#define MAP_SIZE (VHOST_USER_HEADER_SIZE + sizeof(struct vhost_user_mmap))

static sd_event *loop;
static struct back_channel channel;
static struct peer peer;
static unsigned answers;
static int results[4];

static bool quiet(void *data)
{
    return true;
}

static void done(void *data, int result)
{
    assert_true(answers < 4);
    results[answers++] = result;
}

static void begin(void)
{
    assert_true(sd_event_new(&loop) >= 0);
    answers = 0;
    back_channel_init(&channel, loop, PEER_PATIENCE_US, quiet, NULL);
    assert_int_equal(back_channel_attach(&channel, peer_init(&peer)), 0);
    channel.mute = true;
    back_channel_hold(&channel, false);
}

static void end(void)
{
    back_channel_finish(&channel);
    peer_finish(&peer);
    loop = sd_event_unref(loop);
}

static void ask(uint32_t request, int fd)
{
    struct vhost_user_mmap mmap = {.shm_offset = 0x4000, .len = 0x5000};

    assert_int_equal(back_channel_mmap(&channel, request, &mmap, fd, done, NULL), 0);
}

/* Reads so many bytes, as rust-vmm does: a header, then what it says. */
static struct vhost_user_header read_bytes(size_t size, unsigned fds)
{
    uint8_t bytes[MAP_SIZE];
    struct vhost_user_header header;
    struct fd_list list = {0};

    assert_int_equal(fd_receive(peer.fd, bytes, size, &list), size);
    assert_int_equal(list.count, fds);
    fd_list_finish(&list);
    memcpy(&header, bytes, sizeof(header));
    loop_turns(loop);
    return header;
}

/* What is sent behind each request, and says nothing. */
static void read_follower(void)
{
    struct vhost_user_header header = read_bytes(VHOST_USER_HEADER_SIZE, 0);

    assert_int_equal(header.request, VHOST_USER_BACKEND_CONFIG_CHANGE);
    assert_int_equal(header.flags, VHOST_USER_VERSION);
    assert_int_equal(header.size, 0);
}

static void a_request_is_done_when_the_next_is_read(void **state)
{
    int fd = fd_memfd("test", 4096);
    struct vhost_user_header header;

    begin();
    ask(VHOST_USER_BACKEND_SHMEM_MAP, fd);
    ask(VHOST_USER_BACKEND_SHMEM_UNMAP, -1);
    loop_turns(loop);
    assert_int_equal(answers, 0);
    header = read_bytes(VHOST_USER_HEADER_SIZE, 1);
    assert_int_equal(header.request, VHOST_USER_BACKEND_SHMEM_MAP);
    assert_int_equal(header.flags, VHOST_USER_VERSION); /* no answer is asked for */
    assert_int_equal(header.size, sizeof(struct vhost_user_mmap));
    read_bytes(sizeof(struct vhost_user_mmap), 0);
    assert_int_equal(answers, 0); /* it may still be mapping */
    assert_int_equal(peer_unread(&peer), VHOST_USER_HEADER_SIZE);
    read_follower();
    assert_int_equal(answers, 1);
    assert_int_equal(results[0], 0);
    header = read_bytes(MAP_SIZE, 0);
    assert_int_equal(header.request, VHOST_USER_BACKEND_SHMEM_UNMAP);
    read_follower();
    assert_int_equal(answers, 2);
    assert_int_equal(results[1], 0);
    assert_int_equal(peer_unread(&peer), 0);
    end();
    fd_close(&fd);
}

static void a_barrier_follows_what_is_done(void **state)
{
    begin();
    ask(VHOST_USER_BACKEND_SHMEM_UNMAP, -1);
    assert_int_equal(back_channel_barrier(&channel, false, done, NULL), 0);
    read_bytes(MAP_SIZE, 0);
    assert_int_equal(answers, 0);
    read_follower();
    assert_int_equal(answers, 2);
    end();
}

/* What follows a request changes nothing; this one does, and is its own follower. */
static void a_change_of_config_has_no_follower(void **state)
{
    begin();
    assert_int_equal(back_channel_config_change(&channel), 0);
    ask(VHOST_USER_BACKEND_SHMEM_UNMAP, -1);
    read_follower();
    read_bytes(MAP_SIZE, 0);
    read_follower();
    assert_int_equal(answers, 1);
    end();
}

/* The rings stop after the front-end has read a request, and before the loop looked. */
static void what_was_read_counts_at_a_stop(void **state)
{
    uint8_t bytes[MAP_SIZE + VHOST_USER_HEADER_SIZE];
    struct fd_list fds = {0};

    begin();
    ask(VHOST_USER_BACKEND_SHMEM_UNMAP, -1);
    ask(VHOST_USER_BACKEND_SHMEM_UNMAP, -1);
    assert_int_equal(fd_receive(peer.fd, bytes, sizeof(bytes), &fds), sizeof(bytes));
    back_channel_hold(&channel, true);
    back_channel_drain(&channel);
    assert_int_equal(answers, 1);
    assert_int_equal(results[0], 0);
    loop_turns(loop);
    assert_int_equal(peer_unread(&peer), 0); /* the other waits */
    back_channel_cancel_unsent(&channel);
    assert_int_equal(results[1], -ECANCELED);
    end();
}

static void who_does_not_read_is_left(void **state)
{
    uint64_t until = units_now_ns() + PEER_PATIENCE_US * UINT64_C(1000);

    begin();
    channel.limit_us = 40000;
    ask(VHOST_USER_BACKEND_SHMEM_UNMAP, -1);
    read_bytes(MAP_SIZE, 0);
    while (answers == 0 && units_now_ns() < until)
        sd_event_run(loop, 2000);
    assert_int_equal(answers, 1);
    assert_int_equal(results[0], -ETIMEDOUT);
    assert_false(back_channel_attached(&channel));
    end();
}

static void an_answer_ends_it(void **state)
{
    begin();
    ask(VHOST_USER_BACKEND_SHMEM_UNMAP, -1);
    peer_say(&peer, VHOST_USER_BACKEND_SHMEM_UNMAP, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY, 0);
    loop_turns(loop);
    assert_int_equal(answers, 1);
    assert_int_equal(results[0], -ECONNRESET);
    assert_false(back_channel_attached(&channel));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_request_is_done_when_the_next_is_read),
        FD_TEST(a_barrier_follows_what_is_done),
        FD_TEST(a_change_of_config_has_no_follower),
        FD_TEST(what_was_read_counts_at_a_stop),
        FD_TEST(who_does_not_read_is_left),
        FD_TEST(an_answer_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
