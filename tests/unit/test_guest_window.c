/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "back_end_peer.h"
#include "base/units.h"
#include "door/guest_window.h"

#define PAGES 16u
#define ANSWERS 16u

static sd_event *loop;
static struct guest_window window;
static struct stats stats;
static struct journal_latencies latencies;
static struct peer peer;
static uint64_t page;
static int arena_fd;
static bool is_quiet;
static enum guest_window_news news;
static unsigned news_count, answers;
static struct {
    uint64_t ticket;
    int result;
} got[ANSWERS];

static void on_changed(void *data, enum guest_window_news n)
{
    news = n;
    news_count++;
}

static void on_done(void *data, uint64_t ticket, int result)
{
    assert_true(answers < ANSWERS);
    got[answers].ticket = ticket;
    got[answers++].result = result;
}

static bool on_quiet(void *data)
{
    return is_quiet;
}

static const struct guest_window_handler handler = {on_changed, on_done, on_quiet};

enum habits { QEMU, CROSVM };

static void attach(void)
{
    assert_int_equal(back_channel_attach(&window.channel, peer_init(&peer)), 0);
}

static void begin_bare(enum habits habits, bool arena)
{
    struct shm_region region;

    page = units_page_size();
    region = (struct shm_region){.shmid = 1, .size = PAGES * page};
    assert_true(sd_event_new(&loop) >= 0);
    is_quiet = true;
    news = GUEST_WINDOW_IS_SHUT;
    news_count = answers = 0;
    stats = (struct stats){0};
    guest_window_init(&window, loop, 5000000, region, &handler, NULL);
    window.stats = &stats;
    latencies = (struct journal_latencies){0};
    window.latencies = &latencies;
    arena_fd = arena ? fd_memfd("arena", PAGES * page) : -1;
    window.arena_fd = arena_fd;
    window.writable = true;
    window.drops_at_reset = window.needs_barrier = window.channel.knock = habits == QEMU;
}

static void begin(enum habits habits, bool arena)
{
    begin_bare(habits, arena);
    attach();
}

static void begin_open(enum habits habits, bool arena)
{
    begin(habits, arena);
    guest_window_open(&window);
    peer_run(&peer, loop);
    assert_int_equal(window.state, GUEST_WINDOW_OPEN);
    assert_int_equal(news, GUEST_WINDOW_IS_OPEN);
    assert_int_equal(news_count, 1);
}

/* The ledger is empty, whatever was in it, and so is the descriptor table. */
static void end(void)
{
    guest_window_finish(&window);
    assert_null(shm_ledger_first(&window.ledger));
    assert_int_equal(window.ledger.set.count, 0);
    peer_finish(&peer);
    fd_close(&arena_fd);
    loop = sd_event_unref(loop);
}

static void expect(unsigned index, uint64_t ticket, int result)
{
    assert_true(index < answers);
    assert_int_equal(got[index].ticket, ticket);
    assert_int_equal(got[index].result, result);
}

static struct shm_wish wish(uint64_t ticket, unsigned at)
{
    return (struct shm_wish){.offset = at * page, .size = page, .ticket = ticket, .id = 5};
}

static void map(uint64_t ticket, unsigned at)
{
    struct shm_wish w = wish(ticket, at);
    guest_window_map(&window, &w, fd_memfd("test", page));
}

static void unmap(uint64_t ticket, unsigned at)
{
    struct shm_wish w = wish(ticket, at);
    guest_window_unmap(&window, &w);
}

/* Maps, and that it works. */
static void map_well(uint64_t ticket, unsigned at)
{
    unsigned before = answers;

    map(ticket, at);
    assert_int_equal(answers, before);
    peer_run(&peer, loop);
    assert_int_equal(answers, before + 1);
    expect(before, ticket, 0);
}

static size_t in_ledger(void)
{
    return window.ledger.set.count;
}

static struct shm_mapping *at(unsigned place)
{
    struct shm_mapping *m = shm_ledger_find(&window.ledger, place * page, page);

    assert_non_null(m);
    return m;
}

/* ---- putting in and taking out ---- */

static void buffers_come_and_go(void **state)
{
    struct histogram times;

    for (int habits = QEMU; habits <= CROSVM; habits++) {
        begin_open(habits, false);
        map_well(1, 0);
        map_well(2, 1);
        assert_int_equal(in_ledger(), 2);
        assert_int_equal(peer.count, 2);
        unmap(3, 0);
        peer_run(&peer, loop);
        expect(2, 3, 0);
        map_well(4, 0); /* the place is free again */
        unmap(5, 1);
        unmap(6, 0);
        peer_run(&peer, loop);
        expect(4, 5, 0);
        expect(5, 6, 0);
        assert_int_equal(peer.count, 0);
        assert_int_equal(in_ledger(), 0);
        assert_int_equal(stats.maps, 3);
        assert_int_equal(stats.unmaps, 3);
        assert_int_equal(stats.shmem_requests, 6);
        assert_int_equal(stats.shmem_refused, 0);
        assert_int_equal(peer.barriers, habits == QEMU ? 4 : 0);
        assert_int_equal(histogram_read(&latencies.map, &times), 3);
        assert_true(times.sum_ns > 0);
        assert_int_equal(histogram_read(&latencies.unmap, &times), 3);
        end();
    }
}

static void an_answer_is_not_yet_the_mapping(void **state)
{
    begin_open(QEMU, false);
    window.channel.knock = false;
    map(1, 0);
    assert_true(peer_has_request(&peer));
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_SHMEM_MAP);
    assert_int_equal(peer.payload.mmap.shmid, 1);
    peer_serve(&peer);
    loop_turns(loop);
    assert_int_equal(answers, 0);
    assert_true(peer_has_request(&peer));
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE);
    unmap(2, 0); /* nor can it be taken out */
    expect(0, 2, -ENOENT);
    peer_serve(&peer);
    loop_turns(loop);
    expect(1, 1, 0);
    end();
}

static void what_cannot_be_is_refused_at_once(void **state)
{
    struct shm_wish w;
    int first;

    begin_open(QEMU, false);
    map_well(1, 0);
    first = (int)answers;
    map(2, 0); /* taken */
    expect(first, 2, -EEXIST);
    map(3, PAGES); /* outside */
    expect(first + 1, 3, -EINVAL);
    w = wish(4, 1);
    w.fd_offset = page; /* past the file's end */
    guest_window_map(&window, &w, fd_memfd("test", page));
    expect(first + 2, 4, -EINVAL);
    w = wish(5, 1);
    guest_window_map(&window, &w, -1);
    expect(first + 3, 5, -EINVAL);
    unmap(6, 1); /* not there */
    expect(first + 4, 6, -ENOENT);
    w = wish(7, 0);
    w.size = 2 * page; /* not just that */
    guest_window_unmap(&window, &w);
    expect(first + 5, 7, -ENOENT);
    assert_int_equal(peer_unread(&peer), 0);
    assert_int_equal(in_ledger(), 1);
    end();
}

static void what_is_leaving_cannot_leave_twice(void **state)
{
    begin_open(QEMU, false);
    map(1, 0);
    unmap(2, 0); /* nor what is not there yet */
    expect(0, 2, -ENOENT);
    peer_run(&peer, loop);
    unmap(3, 0);
    unmap(4, 0);
    expect(2, 4, -ENOENT);
    peer_run(&peer, loop);
    expect(3, 3, 0);
    assert_int_equal(peer.unmaps, 1);
    end();
}

/* A guest may call its buffer what it likes. */
static void the_highest_id_is_none_of_the_arenas(void **state)
{
    struct shm_wish w;

    begin_open(CROSVM, false);
    w = wish(1, 0);
    w.id = UINT32_MAX;
    guest_window_map(&window, &w, fd_memfd("test", page));
    peer_run(&peer, loop);
    expect(0, 1, 0);
    unmap(2, 0);
    peer_run(&peer, loop);
    expect(1, 2, 0);
    assert_int_equal(in_ledger(), 0);
    assert_int_equal(peer.count, 0);
    end();
}

static void a_refused_unmapping_is_as_good(void **state)
{
    begin_open(QEMU, false);
    map_well(1, 0);
    peer.refuse = 1;
    unmap(2, 0);
    peer_run(&peer, loop);
    expect(1, 2, 0);
    assert_int_equal(in_ledger(), 0);
    assert_int_equal(stats.shmem_refused, 1);
    end();
}

/* crosvm stops the VM on a refused request: there is no second. */
static void crosvm_is_asked_once(void **state)
{
    begin_open(CROSVM, false);
    peer.refuse = 1;
    map(1, 0);
    peer_run(&peer, loop);
    expect(0, 1, -EIO);
    assert_int_equal(in_ledger(), 0);
    assert_int_equal(peer.maps + peer.unmaps, 0);
    assert_int_equal(stats.shmem_refused, 1);
    end();
}

static void qemu_may_have_an_old_mapping_there(void **state)
{
    struct histogram times;

    begin_open(QEMU, false);
    peer.mappings[peer.count++] = (struct peer_mapping){0, page};
    map(1, 0);
    peer_run(&peer, loop);
    expect(0, 1, 0);
    assert_int_equal(peer.unmaps, 1);
    assert_int_equal(peer.maps, 2);
    peer.refuse = 3; /* the mapping, the unmapping, the mapping */
    map(2, 1);
    peer_run(&peer, loop);
    expect(1, 2, -EIO);
    assert_int_equal(in_ledger(), 1);
    assert_int_equal(peer.maps, 2);
    /* How often the front-end was tried does not show. */
    assert_int_equal(histogram_read(&latencies.map, &times), 2);
    end();
}

static void without_a_channel_all_fails(void **state)
{
    begin_open(QEMU, false);
    map_well(1, 0);
    map(2, 1);
    peer_finish(&peer);
    loop_turns(loop);
    expect(1, 2, -ECONNRESET);
    map(3, 2);
    expect(2, 3, -ENOTCONN);
    unmap(4, 0);
    expect(3, 4, -ENOTCONN);
    assert_int_equal(in_ledger(), 1); /* the front-end may still have it */
    guest_window_bequeath(&window);
    end();
}

static void the_end_closes_everything(void **state)
{
    begin_open(QEMU, false);
    map_well(1, 0);
    map_well(2, 1);
    unmap(3, 0);
    map(4, 2);
    map(5, 3);
    assert_int_equal(in_ledger(), 4);
    end();
    assert_int_equal(answers, 5);
    expect(2, 3, -ECONNRESET);
    expect(3, 4, -ECONNRESET);
    expect(4, 5, -ECONNRESET);
}

/* ---- opening ---- */

static void who_cannot_write_has_no_window(void **state)
{
    begin(QEMU, true);
    window.writable = false;
    guest_window_open(&window);
    assert_int_equal(news, GUEST_WINDOW_IS_NONE);
    peer_run(&peer, loop);
    assert_int_equal(peer.maps, 0);
    end();

    begin(QEMU, false); /* and is asked for nothing, whatever the worker wants */
    window.writable = false;
    guest_window_open(&window);
    map(1, 0);
    assert_int_equal(answers, 1);
    assert_true(got[0].result < 0);
    assert_int_equal(in_ledger(), 0);
    end();

    begin_bare(QEMU, true);
    peer.fd = -1;
    guest_window_open(&window);
    assert_int_equal(news, GUEST_WINDOW_IS_NONE);
    end();
}

static void the_arena_is_mapped_once(void **state)
{
    struct shm_mapping *m;

    begin_open(QEMU, true);
    assert_int_equal(peer.maps, 1);
    assert_true(peer.barriers > 0);
    m = shm_ledger_find(&window.ledger, 0, PAGES * page);
    assert_non_null(m);
    assert_int_equal(m->state, SHM_MAPPED);
    map(1, 0);
    expect(0, 1, -EINVAL); /* it takes up the whole window */
    struct shm_wish whole = {.size = PAGES * page, .ticket = 2};
    guest_window_unmap(&window, &whole);
    expect(1, 2, -ENOENT);      /* and is not the worker's */
    guest_window_open(&window); /* it is open */
    guest_window_shut(&window);
    guest_window_shut(&window);
    assert_int_equal(news_count, 2);
    assert_int_equal(news, GUEST_WINDOW_IS_SHUT);
    guest_window_open(&window);
    peer_run(&peer, loop);
    assert_int_equal(news, GUEST_WINDOW_IS_OPEN);
    guest_window_bequeath(&window);
    peer_run(&peer, loop);
    assert_int_equal(peer.maps, 1);
    assert_int_equal(peer.unmaps, 0);
    end();
}

static void a_refused_arena_is_no_window(void **state)
{
    for (int habits = QEMU; habits <= CROSVM; habits++) {
        begin(habits, true);
        peer.refuse = 9;
        guest_window_open(&window);
        peer_run(&peer, loop);
        assert_int_equal(news, GUEST_WINDOW_IS_NONE);
        assert_int_equal(in_ledger(), 0);
        guest_window_shut(&window);
        peer.refuse = 0; /* perhaps the next time */
        guest_window_open(&window);
        peer_run(&peer, loop);
        assert_int_equal(news, GUEST_WINDOW_IS_OPEN);
        end();
    }
}

static void a_channel_that_breaks_while_opening_is_none(void **state)
{
    begin(QEMU, true);
    guest_window_open(&window);
    peer_finish(&peer);
    loop_turns(loop);
    assert_int_equal(news, GUEST_WINDOW_IS_NONE);
    assert_int_equal(in_ledger(), 0);
    end();
}

/* The answer to an opening that was broken off is not the answer to the next. */
static void each_opening_has_its_own_barrier(void **state)
{
    begin(QEMU, true);
    guest_window_open(&window);
    while (peer.maps == 0) {
        loop_turns(loop);
        if (peer_has_request(&peer))
            peer_serve(&peer);
    }
    loop_turns(loop);
    assert_true(peer_has_request(&peer)); /* the barrier: it is answered late */
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE);
    guest_window_shut(&window);
    peer.count = 0; /* a reset */
    guest_window_fresh(&window);
    guest_window_open(&window);
    peer_serve(&peer);
    loop_turns(loop);
    assert_int_equal(news, GUEST_WINDOW_IS_SHUT);
    peer_run(&peer, loop);
    assert_int_equal(news, GUEST_WINDOW_IS_OPEN);
    assert_int_equal(news_count, 2);
    end();
}

/* ---- shutting in the middle ---- */

static void what_was_not_sent_is_cancelled(void **state)
{
    for (int habits = QEMU; habits <= CROSVM; habits++) {
        begin_open(habits, false);
        map_well(1, 0);
        if (habits == CROSVM)
            map(2, 1); /* is sent at once: the next two wait */
        map(3, 2);
        unmap(4, 0);
        guest_window_shut(&window);
        assert_int_equal(answers, 3);
        expect(1, 3, -ECANCELED);
        expect(2, 4, -ECANCELED);
        assert_true(at(0)->orphan && at(0)->doubtful);
        map(5, 3);
        expect(3, 5, -ECANCELED);
        guest_window_open(&window);
        peer_run(&peer, loop);
        assert_int_equal(news, GUEST_WINDOW_IS_OPEN);
        assert_int_equal(peer.count, 0); /* what nobody owns is gone */
        assert_int_equal(in_ledger(), 0);
        assert_int_equal(peer.withdrawn, habits == QEMU);
        end();
    }
}

static void what_is_under_way_has_no_owner(void **state)
{
    begin_open(CROSVM, false);
    map(1, 0);
    guest_window_shut(&window);
    assert_int_equal(in_ledger(), 1);
    assert_true(at(0)->orphan);
    peer_run(&peer, loop); /* the answer comes now */
    assert_int_equal(at(0)->state, SHM_MAPPED);
    assert_int_equal(peer.unmaps, 0); /* it must wait */
    guest_window_open(&window);
    peer_run(&peer, loop);
    assert_int_equal(peer.unmaps, 1);
    assert_int_equal(in_ledger(), 0);
    map_well(2, 0);
    unmap(3, 0);
    guest_window_shut(&window);
    guest_window_open(&window); /* before the answer */
    peer_run(&peer, loop);
    assert_int_equal(in_ledger(), 0);
    assert_int_equal(peer.unmaps, 2);
    map_well(4, 0);
    end();
}

/* An answer that came before the shutting counts; what waited behind it is not sent any more. */
static void shutting_takes_an_answer_and_sends_nothing(void **state)
{
    begin_open(CROSVM, false);
    map(1, 0);
    map(2, 1);
    assert_true(peer_has_request(&peer));
    peer_serve(&peer);
    guest_window_shut(&window);
    assert_int_equal(answers, 2);
    expect(0, 1, 0);
    expect(1, 2, -ECANCELED);
    assert_int_equal(peer_unread(&peer), 0);
    assert_int_equal(in_ledger(), 1);
    assert_false(at(0)->orphan);
    end();
}

static void a_mapping_before_its_barrier_has_no_owner(void **state)
{
    begin_open(QEMU, false);
    window.channel.knock = false;
    map(1, 0);
    assert_true(peer_has_request(&peer));
    peer_serve(&peer);
    guest_window_shut(&window); /* the answer counts, but its barrier was never sent */
    expect(0, 1, -ECANCELED);
    assert_true(at(0)->orphan);
    guest_window_open(&window);
    peer_run(&peer, loop);
    assert_int_equal(in_ledger(), 0);
    assert_int_equal(peer.count, 0);
    end();
}

/* The worker was told that its request failed, and will make it again. */
static void a_mapping_at_its_barrier_has_no_owner(void **state)
{
    begin_open(QEMU, false);
    map(1, 0);
    while (!peer_has_request(&peer))
        loop_turns(loop);
    peer_serve(&peer);
    loop_turns(loop);
    assert_true(peer_has_request(&peer));
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE);
    guest_window_shut(&window);
    guest_window_open(&window);
    peer_run(&peer, loop);
    assert_int_equal(in_ledger(), 0);
    answers = 0;
    map_well(2, 0);
    end();
}

static void an_unmapping_while_shut_is_done_later(void **state)
{
    begin_open(QEMU, false);
    map_well(1, 0);
    guest_window_shut(&window);
    unmap(2, 0);
    expect(1, 2, -ECANCELED);
    unmap(3, 0);
    expect(2, 3, -ENOENT); /* it is the worker's no more */
    assert_int_equal(in_ledger(), 1);
    guest_window_open(&window);
    peer_run(&peer, loop);
    assert_int_equal(in_ledger(), 0);
    end();
}

static void an_unmapping_while_opening_is_done(void **state)
{
    begin_open(QEMU, false);
    map_well(1, 0);
    guest_window_shut(&window);
    guest_window_open(&window);
    unmap(2, 0);
    peer_run(&peer, loop);
    assert_int_equal(news, GUEST_WINDOW_IS_OPEN);
    assert_int_equal(in_ledger(), 0); /* or its place would be taken until the next opening */
    end();
}

static void the_config_may_change_without_shmem(void **state)
{
    begin(CROSVM, false);
    window.writable = false;
    guest_window_open(&window);
    assert_int_equal(back_channel_config_change(&window.channel), 0);
    assert_true(peer_has_request(&peer));
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_CONFIG_CHANGE);
    end();
}

/* ---- a fresh driver ---- */

static void qemu_drops_mappings_at_a_reset(void **state)
{
    for (int arena = 0; arena < 2; arena++) {
        begin_open(QEMU, arena);
        if (!arena)
            map_well(1, 0);
        guest_window_shut(&window);
        peer.count = 0;
        guest_window_fresh(&window);
        assert_int_equal(in_ledger(), 0);
        guest_window_open(&window);
        peer_run(&peer, loop);
        assert_int_equal(news, GUEST_WINDOW_IS_OPEN);
        assert_int_equal(peer.unmaps, 0);
        assert_int_equal(peer.count, arena);
        end();
    }
}

static void crosvm_keeps_mappings_over_a_reset(void **state)
{
    for (int arena = 0; arena < 2; arena++) {
        begin_open(CROSVM, arena);
        if (!arena)
            map_well(1, 0);
        guest_window_shut(&window);
        guest_window_fresh(&window);
        assert_int_equal(in_ledger(), 1);
        guest_window_open(&window);
        peer_run(&peer, loop);
        assert_int_equal(news, GUEST_WINDOW_IS_OPEN);
        assert_int_equal(peer.maps, 1);
        assert_int_equal(peer.count, arena);
        assert_int_equal(in_ledger(), arena);
        end();
    }
}

/* The answer to a mapping that a reset took away is not the answer to the one that took its place.
 */
static void a_late_answer_is_about_what_was_asked(void **state)
{
    begin(QEMU, true);
    window.channel.knock = false;
    guest_window_open(&window);
    assert_true(peer_has_request(&peer));
    assert_int_equal(peer.header.request, VHOST_USER_BACKEND_SHMEM_MAP);
    guest_window_shut(&window);
    guest_window_fresh(&window);
    assert_int_equal(in_ledger(), 0);
    guest_window_open(&window);
    peer_answer(&peer, 0); /* what was mapped before the reset, and is gone with it */
    peer.refuse = 9;
    peer_run(&peer, loop);
    assert_int_equal(news, GUEST_WINDOW_IS_NONE);
    assert_int_equal(in_ledger(), 0);
    end();
}

/* ---- a worker that died ---- */

/* The next worker goes on with what was settled, and only with that. */
static void what_was_settled_is_bequeathed(void **state)
{
    for (int habits = QEMU; habits <= CROSVM; habits++) {
        struct shm_wish same = wish(20, 0);
        uint64_t requests;

        begin_open(habits, false);
        map_well(1, 0);
        map_well(2, 1);
        map_well(3, 2);
        map(4, 3); /* not answered: in doubt */
        unmap(5, 2);
        guest_window_bequeath(&window);
        assert_int_equal(news, GUEST_WINDOW_IS_SHUT); /* until doubtful places are free */
        peer_run(&peer, loop);
        assert_int_equal(news, GUEST_WINDOW_IS_OPEN);
        assert_int_equal(answers, 3); /* nobody is told who is dead */
        assert_int_equal(in_ledger(), 2);
        assert_int_equal(peer.count, 2);
        /* What it asks for again, it has at once. */
        requests = stats.shmem_requests;
        guest_window_map(&window, &same, fd_duplicate(at(0)->fd));
        expect(3, 20, 0);
        assert_int_equal(stats.shmem_requests, requests);
        guest_window_map(&window, &same, fd_duplicate(at(0)->fd)); /* but only once */
        expect(4, 20, -EEXIST);
        /* Other memory at a place that nobody spoke of: the next try finds it free. */
        map(21, 1);
        expect(5, 21, -EEXIST);
        peer_run(&peer, loop);
        map_well(22, 1);
        unmap(23, 0);
        unmap(24, 1);
        peer_run(&peer, loop);
        assert_int_equal(in_ledger(), 0);
        assert_int_equal(peer.count, 0);
        end();
    }
}

/* It is taken out by whoever inherits it, without a word before. */
static void a_legacy_can_be_taken_out(void **state)
{
    begin_open(QEMU, false);
    map_well(1, 0);
    guest_window_bequeath(&window);
    assert_int_equal(news, GUEST_WINDOW_IS_OPEN); /* nothing was in doubt */
    unmap(1, 0);
    peer_run(&peer, loop);
    expect(1, 1, 0);
    assert_int_equal(in_ledger(), 0);
    end();

    begin_open(QEMU, true);
    guest_window_bequeath(&window);
    assert_int_equal(in_ledger(), 1); /* the arena is nobody's legacy */
    assert_int_equal(news_count, 1);
    end();
}

/* The next worker gives the same tickets to other requests. */
static void a_dead_worker_is_not_answered(void **state)
{
    begin_open(CROSVM, false);
    map_well(1, 0);
    map(7, 1);
    unmap(8, 0);
    guest_window_bequeath(&window);
    peer_run(&peer, loop);
    assert_int_equal(answers, 1);
    assert_int_equal(in_ledger(), 0);
    assert_int_equal(peer.count, 0);
    end();

    begin_open(QEMU, false);
    map(7, 1);
    guest_window_bequeath(&window);
    peer_run(&peer, loop);
    assert_int_equal(answers, 0);
    assert_int_equal(in_ledger(), 0);
    assert_int_equal(peer.count, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(buffers_come_and_go),
        FD_TEST(an_answer_is_not_yet_the_mapping),
        FD_TEST(what_cannot_be_is_refused_at_once),
        FD_TEST(what_is_leaving_cannot_leave_twice),
        FD_TEST(the_highest_id_is_none_of_the_arenas),
        FD_TEST(a_refused_unmapping_is_as_good),
        FD_TEST(crosvm_is_asked_once),
        FD_TEST(qemu_may_have_an_old_mapping_there),
        FD_TEST(without_a_channel_all_fails),
        FD_TEST(the_end_closes_everything),
        FD_TEST(who_cannot_write_has_no_window),
        FD_TEST(the_arena_is_mapped_once),
        FD_TEST(a_refused_arena_is_no_window),
        FD_TEST(a_channel_that_breaks_while_opening_is_none),
        FD_TEST(each_opening_has_its_own_barrier),
        FD_TEST(what_was_not_sent_is_cancelled),
        FD_TEST(what_is_under_way_has_no_owner),
        FD_TEST(shutting_takes_an_answer_and_sends_nothing),
        FD_TEST(a_mapping_before_its_barrier_has_no_owner),
        FD_TEST(a_mapping_at_its_barrier_has_no_owner),
        FD_TEST(an_unmapping_while_shut_is_done_later),
        FD_TEST(an_unmapping_while_opening_is_done),
        FD_TEST(the_config_may_change_without_shmem),
        FD_TEST(qemu_drops_mappings_at_a_reset),
        FD_TEST(crosvm_keeps_mappings_over_a_reset),
        FD_TEST(a_late_answer_is_about_what_was_asked),
        FD_TEST(what_was_settled_is_bequeathed),
        FD_TEST(a_legacy_can_be_taken_out),
        FD_TEST(a_dead_worker_is_not_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
