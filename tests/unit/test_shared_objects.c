/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "back_end_peer.h"
#include "base/units.h"
#include "door/shared_objects.h"

static sd_event *loop;
static struct back_channel channel;
static struct shared_objects objects;
static struct peer peer;
static unsigned founds;
static struct {
    uint64_t ticket;
    int fd;
} found[8];

static bool quiet(void *data)
{
    return true;
}

static void on_found(void *data, uint64_t ticket, int fd)
{
    assert_true(founds < 8);
    found[founds].ticket = ticket;
    found[founds++].fd = fd;
}

static const struct shared_objects_handler handler = {on_found};

static void begin(void)
{
    founds = 0;
    assert_true(sd_event_new(&loop) >= 0);
    back_channel_init(&channel, loop, PEER_PATIENCE_US, quiet, NULL);
    assert_int_equal(back_channel_attach(&channel, peer_init(&peer)), 0);
    shared_objects_init(&objects, &channel, &handler, NULL);
    objects.usable = true;
    back_channel_hold(&channel, false);
}

static void end(void)
{
    back_channel_finish(&channel);
    shared_objects_finish(&objects);
    assert_int_equal(objects.count, 0);
    assert_int_equal(objects.lookups, 0);
    peer_finish(&peer);
    loop = sd_event_unref(loop);
}

static const uint8_t *uuid(unsigned n)
{
    static uint8_t bytes[16];

    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, &n, sizeof(n));
    return bytes;
}

static int share(unsigned n)
{
    int fd = fd_memfd("object", units_page_size());

    assert_true(fd >= 0);
    return shared_objects_add(&objects, uuid(n), fd);
}

static void settle(void)
{
    peer_run(&peer, loop);
}

static bool is_told(unsigned n)
{
    return peer_object(&peer, uuid(n)) < peer.objects;
}

static void tells_what_is_shared(void **state)
{
    begin();
    assert_int_equal(share(1), 0);
    assert_int_equal(share(2), 0);
    settle();
    assert_true(is_told(1) && is_told(2));
    assert_true(shared_objects_find(&objects, uuid(1)) >= 0);
    assert_int_equal(shared_objects_find(&objects, uuid(3)), -1);
    shared_objects_remove(&objects, uuid(1));
    assert_int_equal(shared_objects_find(&objects, uuid(1)), -1);
    shared_objects_remove(&objects, uuid(1));
    shared_objects_remove(&objects, uuid(7));
    settle();
    assert_false(is_told(1));
    assert_true(is_told(2));
    assert_int_equal(objects.count, 1);
    assert_int_equal(peer.removes, 1);
    end();
}

static void a_uuid_is_shared_once(void **state)
{
    int fd;

    begin();
    assert_int_equal(share(1), 0);
    fd = shared_objects_find(&objects, uuid(1));
    assert_int_equal(share(1), -EEXIST);
    assert_int_equal(shared_objects_find(&objects, uuid(1)), fd);
    settle();
    assert_int_equal(peer.adds, 1);
    end();
}

/* Before the front-end has heard of the first step, the next is taken. */
static void what_goes_at_once_goes(void **state)
{
    begin();
    assert_int_equal(share(1), 0);
    shared_objects_remove(&objects, uuid(1));
    assert_int_equal(share(1), -EEXIST); /* the front-end may have it still */
    settle();
    assert_int_equal(peer.adds, 1);
    assert_int_equal(peer.removes, 1);
    assert_int_equal(objects.count, 0);
    assert_int_equal(share(1), 0);
    settle();
    assert_true(is_told(1));
    end();
}

static void there_are_only_so_many(void **state)
{
    begin();
    objects.usable = false; /* none of them is told */
    for (unsigned i = 0; i < SHARED_OBJECTS_MAX; i++)
        assert_int_equal(shared_objects_add(&objects, uuid(i), fd_duplicate(peer.fd)), 0);
    assert_int_equal(share(SHARED_OBJECTS_MAX), -ENOSPC);
    shared_objects_remove(&objects, uuid(5));
    assert_int_equal(share(SHARED_OBJECTS_MAX), 0);
    end();
}

static void it_waits_while_the_rings_are_stopped(void **state)
{
    begin();
    assert_int_equal(share(1), 0);
    settle();
    back_channel_hold(&channel, true);
    back_channel_cancel_unsent(&channel);
    assert_int_equal(share(2), 0);
    shared_objects_remove(&objects, uuid(1));
    back_channel_cancel_unsent(&channel);
    settle();
    assert_true(is_told(1));
    assert_false(is_told(2));
    back_channel_hold(&channel, false);
    shared_objects_tell(&objects);
    settle();
    assert_false(is_told(1));
    assert_true(is_told(2));
    assert_int_equal(objects.count, 1);
    end();
}

static void a_refused_object_is_given_all_the_same(void **state)
{
    begin();
    memcpy(peer.uuids[peer.objects++], uuid(1), 16); /* another device's */
    assert_int_equal(share(1), 0);
    settle();
    assert_true(shared_objects_find(&objects, uuid(1)) >= 0);
    shared_objects_tell(&objects);
    settle();
    assert_int_equal(peer.adds, 1);
    shared_objects_remove(&objects, uuid(1));
    settle();
    assert_true(is_told(1)); /* it is not ours to remove */
    assert_int_equal(objects.count, 0);
    end();
}

static void nobody_is_told_who_did_not_ask(void **state)
{
    begin();
    objects.usable = false;
    assert_int_equal(share(1), 0);
    settle();
    assert_int_equal(peer.bytes, 0);
    assert_true(shared_objects_find(&objects, uuid(1)) >= 0);
    shared_objects_remove(&objects, uuid(1));
    assert_int_equal(objects.count, 0);
    end();
}

/* ... until a driver begins anew. */
static void what_is_shared_outlives_its_worker(void **state)
{
    begin();
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(share(i), 0);
    settle();
    assert_int_equal(share(20), 0); /* and not told yet */
    shared_objects_bequeath(&objects);
    assert_true(shared_objects_find(&objects, uuid(3)) >= 0);
    settle();
    assert_int_equal(peer.objects, 21);
    shared_objects_remove_all(&objects);
    assert_int_equal(shared_objects_find(&objects, uuid(3)), -1);
    settle();
    assert_int_equal(peer.objects, 0);
    assert_int_equal(objects.count, 0);
    end();
}

static void a_lost_channel_tells_nothing(void **state)
{
    begin();
    assert_int_equal(share(1), 0);
    settle();
    assert_int_equal(share(2), 0);
    fd_close(&peer.fd);
    loop_turns(loop);
    assert_false(back_channel_attached(&channel));
    assert_int_equal(share(3), 0);
    shared_objects_remove(&objects, uuid(1));
    shared_objects_remove(&objects, uuid(2));
    shared_objects_remove(&objects, uuid(3));
    assert_int_equal(objects.count, 0);
    end();
}

static void finds_what_another_shares(void **state)
{
    begin();
    peer.found = fd_memfd("theirs", units_page_size());
    shared_objects_lookup(&objects, uuid(9), 77);
    assert_int_equal(founds, 0);
    settle();
    assert_int_equal(founds, 1);
    assert_int_equal(found[0].ticket, 77);
    assert_true(fd_same_file(found[0].fd, peer.found));
    close(found[0].fd);
    fd_close(&peer.found);
    shared_objects_lookup(&objects, uuid(9), 78);
    settle();
    assert_int_equal(found[1].ticket, 78);
    assert_int_equal(found[1].fd, -ENOENT);
    end();
}

static void says_why_it_cannot_look(void **state)
{
    begin();
    objects.usable = false;
    shared_objects_lookup(&objects, uuid(1), 1);
    objects.usable = true;
    back_channel_hold(&channel, true);
    shared_objects_lookup(&objects, uuid(1), 2);
    back_channel_hold(&channel, false);
    objects.lookups = SHARED_OBJECTS_LOOKUPS;
    shared_objects_lookup(&objects, uuid(1), 3);
    objects.lookups = 0;
    shared_objects_lookup(&objects, uuid(1), 4);
    fd_close(&peer.fd);
    loop_turns(loop);
    assert_int_equal(found[0].fd, -EOPNOTSUPP);
    assert_int_equal(found[1].fd, -ECANCELED);
    assert_int_equal(found[2].fd, -EBUSY);
    assert_int_equal(found[3].fd, -ECONNRESET);
    shared_objects_lookup(&objects, uuid(1), 5);
    assert_int_equal(found[4].fd, -ENOTCONN);
    assert_int_equal(founds, 5);
    end();
}

/* The next worker has the same tickets for requests of its own. */
static void a_dead_worker_gets_no_answer(void **state)
{
    begin();
    peer.found = fd_memfd("theirs", units_page_size());
    shared_objects_lookup(&objects, uuid(9), 1);
    shared_objects_bequeath(&objects);
    settle();
    assert_int_equal(peer.lookups, 1);
    assert_int_equal(founds, 0);
    fd_close(&peer.found);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(tells_what_is_shared),
        FD_TEST(a_uuid_is_shared_once),
        FD_TEST(what_goes_at_once_goes),
        FD_TEST(there_are_only_so_many),
        FD_TEST(it_waits_while_the_rings_are_stopped),
        FD_TEST(a_refused_object_is_given_all_the_same),
        FD_TEST(nobody_is_told_who_did_not_ask),
        FD_TEST(what_is_shared_outlives_its_worker),
        FD_TEST(a_lost_channel_tells_nothing),
        FD_TEST(finds_what_another_shares),
        FD_TEST(says_why_it_cannot_look),
        FD_TEST(a_dead_worker_gets_no_answer),
    };

    fd_raise_limit();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
