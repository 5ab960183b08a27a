/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "worker/port.h"

#define PAGES 16u
#define ANSWERS 16u

static sd_event *loop;
static struct port port;
static struct arena arena;
static struct journal journal;
static uint64_t page;
static int door; /* the other end of the link */
static bool with_arena;
static unsigned answers;
static struct {
    char name;
    int result;
} got[ANSWERS];

/* 'data' is the request's name. */
static void done(void *data, int result)
{
    assert_true(answers < ANSWERS);
    got[answers].name = *(const char *)data;
    got[answers++].result = result;
}

static void expect(unsigned index, char name, int result)
{
    assert_true(index < answers);
    assert_int_equal(got[index].name, name);
    assert_int_equal(got[index].result, result);
}

static void *name_of(char name)
{
    static char names[128];

    names[(unsigned)name] = name;
    return &names[(unsigned)name];
}

static void begin(bool has_arena, enum link_window_news news)
{
    int pair[2];

    page = units_page_size();
    with_arena = has_arena;
    answers = 0;
    assert_true(sd_event_new(&loop) >= 0);
    assert_int_equal(journal_create(&journal), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    door = pair[1];
    assert_int_equal(fd_set_nonblock(door), 0);
    if (has_arena)
        assert_int_equal(arena_init(&arena, fd_memfd("arena", PAGES * page), PAGES * page), 0);
    assert_int_equal(
        port_init(&port, loop, PAGES * page, pair[0], has_arena ? &arena : NULL, &journal), 0);
    port_window(&port, news);
}

/* The loans of the journal. */
static unsigned loans(void)
{
    struct journal_loan loan;
    uint32_t slot = 0;
    unsigned n = 0;

    while (journal_loan_next(&journal, &slot, &loan))
        n++;
    return n;
}

static void end(void)
{
    port_finish(&port);
    assert_int_equal(port.mappings.count, 0);
    assert_int_equal(loans(), 0);
    fd_close(&port.link_fd);
    fd_close(&door);
    if (with_arena)
        arena_finish(&arena);
    journal_finish(&journal);
    loop = sd_event_unref(loop);
}

static void turn(void)
{
    while (sd_event_run(loop, 0) > 0)
        ;
}

static struct buffer *make(unsigned pages)
{
    struct buffer *buffer =
        with_arena ? arena_buffer_create(&arena, pages * page) : buffer_memfd_create(pages * page);

    assert_non_null(buffer);
    buffer->id = 42;
    return buffer;
}

static int map(struct buffer *buffer, uint64_t offset, char name)
{
    return shm_port_map(&port.base, buffer, offset, done, name_of(name));
}

static int unmap(struct buffer *buffer, uint64_t offset, char name)
{
    return shm_port_unmap(&port.base, buffer, offset, done, name_of(name));
}

/* What the door is asked next; false if nothing. */
static bool asked(struct link_message *m)
{
    struct fd_list fds = {0};
    ssize_t n = fd_receive(door, m, sizeof(*m), &fds);

    if (n <= 0)
        return false;
    assert_null(link_check(m, (uint32_t)n, fds.count, LINK_WORKER));
    fd_list_finish(&fds);
    return true;
}

/* The door answers the next request. */
static void serve(int result)
{
    struct link_message m;

    assert_true(asked(&m));
    m.shm.result = result;
    port_done(&port, &m.shm);
    turn();
}

/* Maps, and that it works. */
static void map_well(struct buffer *buffer, uint64_t offset)
{
    assert_int_equal(map(buffer, offset, 'm'), with_arena);
    if (with_arena)
        return;
    serve(0);
    turn();
    expect(answers - 1, 'm', 0);
    answers = 0;
}

static void the_impossible_is_refused_at_once(void **state)
{
    struct buffer *a, *foreign;

    for (int i = 0; i < 2; i++) {
        begin(i, LINK_WINDOW_OPEN);
        a = make(2);
        assert_int_equal(map(a, 1, 'a'), -EINVAL);
        assert_int_equal(map(a, (PAGES - 1) * page, 'a'), -EINVAL);
        assert_int_equal(map(a, UINT64_MAX & ~(page - 1), 'a'), -EINVAL);
        assert_int_equal(unmap(a, 0, 'a'), -ENOENT);
        map_well(a, page);
        assert_int_equal(unmap(a, 0, 'a'), -ENOENT);
        assert_int_equal(unmap(a, 2 * page, 'a'), -ENOENT);
        foreign = buffer_memfd_create(page);
        assert_int_equal(unmap(foreign, page, 'a'), -ENOENT);
        assert_int_equal(map(foreign, 2 * page, 'a'), i ? -EINVAL : -EEXIST);
        assert_int_equal(map(a, 2 * page, 'a'), -EEXIST);
        port_window(&port, LINK_WINDOW_NONE);
        assert_int_equal(map(a, 4 * page, 'a'), -ENOTCONN);
        turn();
        assert_int_equal(answers, 0);
        port_forget(&port);
        buffer_destroy(foreign);
        buffer_destroy(a);
        end();
    }
}

static void a_buffer_is_sent_to_the_door(void **state)
{
    struct link_message m;
    struct fd_list fds = {0};
    struct buffer *a;

    begin(false, LINK_WINDOW_OPEN);
    a = make(2);
    assert_int_equal(map(a, page, 'a'), 0);
    assert_true(fd_receive(door, &m, sizeof(m), &fds) > 0);
    assert_int_equal(m.type, LINK_SHM_MAP);
    assert_int_equal(m.shm.shm_offset, page);
    assert_int_equal(m.shm.size, 2 * page);
    assert_int_equal(m.shm.fd_offset, 0);
    assert_int_equal(m.shm.id, 42);
    assert_true(fd_same_file(fds.fds[0], a->fd));
    fd_list_finish(&fds);
    port_done(&port, &m.shm);
    expect(0, 'a', 0); /* at once: it comes from the loop */
    assert_int_equal(loans(), 1);
    port_done(&port, &m.shm); /* again: nobody waits */
    turn();
    assert_int_equal(unmap(a, page, 'b'), 0);
    assert_int_equal(unmap(a, page, 'c'), -ENOENT); /* it is leaving */
    serve(0);
    assert_int_equal(answers, 2);
    expect(1, 'b', 0);
    assert_int_equal(loans(), 0);
    assert_int_equal(unmap(a, page, 'c'), -ENOENT);
    map_well(a, page); /* its place is free */
    port_forget(&port);
    buffer_destroy(a);
    end();
}

static void a_refused_buffer_is_not_mapped(void **state)
{
    struct buffer *a;

    begin(false, LINK_WINDOW_OPEN);
    a = make(1);
    assert_int_equal(map(a, 0, 'a'), 0);
    serve(-EIO);
    expect(0, 'a', -EIO);
    assert_int_equal(port.mappings.count, 0);
    assert_int_equal(unmap(a, 0, 'b'), -ENOENT);
    map_well(a, 0);
    assert_int_equal(unmap(a, 0, 'c'), 0);
    serve(-ECANCELED); /* the door takes it out later */
    expect(0, 'c', -ECANCELED);
    assert_int_equal(port.mappings.count, 0);
    buffer_destroy(a);
    end();
}

/* The door may answer in any order. */
static void answers_keep_the_order_of_requests(void **state)
{
    struct link_message m[2];
    struct buffer *a, *b;

    begin(false, LINK_WINDOW_OPEN);
    a = make(1);
    b = make(1);
    assert_int_equal(map(a, 0, 'a'), 0);
    assert_int_equal(map(b, page, 'b'), 0);
    assert_true(asked(&m[0]) && asked(&m[1]));
    port_done(&port, &m[1].shm);
    turn();
    assert_int_equal(answers, 0);
    port_done(&port, &m[0].shm);
    assert_int_equal(answers, 2);
    expect(0, 'a', 0);
    expect(1, 'b', 0);
    port_forget(&port);
    buffer_destroy(a);
    buffer_destroy(b);
    end();
}

/* Nothing is mapped before its answer, and a mapping that failed must not be spoken of any more. */
static void what_is_not_mapped_yet_cannot_leave(void **state)
{
    struct buffer *a;

    for (int i = 0; i < 2; i++) {
        begin(i, LINK_WINDOW_SHUT);
        a = make(1);
        assert_int_equal(map(a, 0, 'a'), 0);
        assert_int_equal(unmap(a, 0, 'b'), -ENOENT);
        port_window(&port, LINK_WINDOW_NONE);
        assert_int_equal(answers, 1);
        expect(0, 'a', -ENOTCONN);
        turn();
        buffer_destroy(a);
        end();
    }
}

/* Nor another turn of the loop. */
static void the_arena_needs_no_message(void **state)
{
    struct buffer *a, *b;
    struct link_message m;

    begin(true, LINK_WINDOW_OPEN);
    a = make(1);
    b = make(1);
    assert_int_equal(map(a, 0, 'a'), 1);
    assert_int_equal(map(a, 0, 'a'), -EEXIST);
    assert_true(arena_pinned(a));
    assert_int_equal(loans(), 1);
    assert_int_equal(map(b, 0, 'b'), -EEXIST);
    assert_false(arena_pinned(b));
    assert_int_equal(map(b, page, 'b'), 1);
    assert_int_equal(loans(), 2);
    assert_int_equal(unmap(a, 0, 'c'), 1);
    assert_int_equal(loans(), 1);
    assert_false(arena_pinned(a));
    assert_int_equal(unmap(a, 0, 'c'), -ENOENT);
    assert_int_equal(map(b, 0, 'd'), -EBUSY); /* it is elsewhere */
    turn();
    assert_int_equal(loans(), 1);
    assert_int_equal(answers, 0);
    assert_false(asked(&m));
    port_forget(&port);
    buffer_destroy(a);
    buffer_destroy(b);
    end();
}

/* What was asked while the window was shut is answered before. */
static void the_arena_keeps_the_order_of_requests(void **state)
{
    struct buffer *a, *b;

    begin(true, LINK_WINDOW_SHUT);
    a = make(1);
    b = make(1);
    assert_int_equal(map(a, 0, 'a'), 0);
    port_window(&port, LINK_WINDOW_OPEN);
    assert_int_equal(map(b, page, 'b'), 0);
    assert_int_equal(answers, 0);
    turn();
    assert_int_equal(answers, 2);
    expect(0, 'a', 0);
    expect(1, 'b', 0);
    assert_int_equal(unmap(b, page, 'c'), 1);
    port_forget(&port);
    buffer_destroy(a);
    buffer_destroy(b);
    end();
}

static void requests_wait_for_the_window(void **state)
{
    struct buffer *a, *b;
    struct link_message m;

    for (int i = 0; i < 2; i++) {
        begin(i, LINK_WINDOW_SHUT);
        a = make(1);
        b = make(1);
        assert_int_equal(map(a, 0, 'a'), 0);
        assert_int_equal(map(b, page, 'b'), 0);
        turn();
        assert_int_equal(answers, 0);
        assert_false(asked(&m));
        port_window(&port, LINK_WINDOW_OPEN);
        if (!i) {
            serve(0);
            serve(0);
        }
        turn();
        assert_int_equal(answers, 2);
        expect(0, 'a', 0);
        expect(1, 'b', 0);
        port_forget(&port);
        buffer_destroy(a);
        buffer_destroy(b);
        end();
    }
}

static void shutting_fails_what_waits(void **state)
{
    static const struct {
        enum link_window_news news;
        int result;
    } ends[] = {{LINK_WINDOW_SHUT, -ECANCELED}, {LINK_WINDOW_NONE, -ENOTCONN}};
    struct link_message m;
    struct buffer *a, *b;

    for (unsigned i = 0; i < 2; i++) {
        begin(false, LINK_WINDOW_OPEN);
        a = make(1);
        b = make(1);
        map_well(a, 0);
        assert_int_equal(map(b, page, 'b'), 0);
        assert_int_equal(unmap(a, 0, 'c'), 0);
        port_window(&port, ends[i].news);
        assert_int_equal(answers, 2); /* before it returns */
        expect(0, 'b', ends[i].result);
        expect(1, 'c', ends[i].result);
        assert_int_equal(port.mappings.count, 0);
        assert_int_equal(loans(), 0);
        assert_true(asked(&m));
        port_done(&port, &m.shm); /* too late */
        turn();
        assert_int_equal(answers, 2);
        buffer_destroy(a);
        buffer_destroy(b);
        end();
    }
}

/* Taking out a piece of the arena is the worker's alone. */
static void a_piece_of_the_arena_leaves_while_shut(void **state)
{
    struct buffer *a;

    begin(true, LINK_WINDOW_OPEN);
    a = make(1);
    map_well(a, 0);
    port_window(&port, LINK_WINDOW_SHUT);
    assert_int_equal(unmap(a, 0, 'b'), 1);
    assert_false(arena_pinned(a));
    assert_int_equal(loans(), 0);
    buffer_destroy(a);
    end();
}

static void an_answer_that_was_there_counts(void **state)
{
    struct link_message m;
    struct buffer *a, *b;

    begin(false, LINK_WINDOW_OPEN);
    a = make(1);
    b = make(1);
    assert_int_equal(map(a, 0, 'a'), 0);
    assert_int_equal(map(b, page, 'b'), 0);
    assert_true(asked(&m));
    port_done(&port, &m.shm);
    port_window(&port, LINK_WINDOW_SHUT);
    expect(0, 'a', 0);
    expect(1, 'b', -ECANCELED);
    assert_int_equal(loans(), 1);
    port_forget(&port);
    buffer_destroy(a);
    buffer_destroy(b);
    end();
}

static void a_dead_link_is_an_answer(void **state)
{
    struct buffer *a;

    begin(false, LINK_WINDOW_OPEN);
    a = make(1);
    fd_close(&door);
    assert_int_equal(map(a, 0, 'a'), 0);
    turn();
    expect(0, 'a', -ENOTCONN);
    assert_int_equal(port.mappings.count, 0);
    buffer_destroy(a);
    end();
}

static struct buffer *next_buffer;

/* What a device does that has more to map. */
static void done_and_next(void *data, int result)
{
    done(data, result);
    if (answers < 3)
        shm_port_map(&port.base, next_buffer, 4 * page, done_and_next, name_of('n'));
}

static void whoever_is_told_may_ask_again(void **state)
{
    struct buffer *a;

    for (int i = 0; i < 2; i++) {
        begin(i, i ? LINK_WINDOW_SHUT : LINK_WINDOW_OPEN);
        a = make(1);
        next_buffer = make(1);
        assert_int_equal(shm_port_map(&port.base, a, 0, done_and_next, name_of('a')), 0);
        port_window(&port, LINK_WINDOW_OPEN);
        port_window(&port, LINK_WINDOW_SHUT);
        assert_int_equal(answers, 1);
        assert_int_equal(port.mappings.count, !i); /* the next waits */
        assert_int_equal(loans(), i);              /* a piece was there */
        assert_int_equal(i && arena_pinned(next_buffer), i);
        port_window(&port, LINK_WINDOW_OPEN);
        port_forget(&port); /* and this is the end: nothing new is begun */
        assert_int_equal(port.mappings.count, 0);
        assert_int_equal(loans(), 0);
        assert_false(i && (arena_pinned(a) || arena_pinned(next_buffer)));
        turn();
        port_window(&port, LINK_WINDOW_SHUT);
        port_window(&port, LINK_WINDOW_OPEN);
        turn();
        buffer_destroy(a);
        buffer_destroy(next_buffer);
        end();
    }
}

static void a_full_journal_does_not_matter(void **state)
{
    struct buffer *a;

    begin(false, LINK_WINDOW_OPEN);
    while (journal_loan_put(&journal, 0, 0, 0, 0, 0) >= 0)
        ;
    a = make(1);
    map_well(a, 0);
    assert_int_equal(unmap(a, 0, 'b'), 0);
    serve(0);
    expect(0, 'b', 0);
    buffer_destroy(a);
    journal_clear(&journal);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(the_impossible_is_refused_at_once),
        FD_TEST(a_buffer_is_sent_to_the_door),
        FD_TEST(a_refused_buffer_is_not_mapped),
        FD_TEST(answers_keep_the_order_of_requests),
        FD_TEST(what_is_not_mapped_yet_cannot_leave),
        FD_TEST(the_arena_needs_no_message),
        FD_TEST(the_arena_keeps_the_order_of_requests),
        FD_TEST(requests_wait_for_the_window),
        FD_TEST(shutting_fails_what_waits),
        FD_TEST(a_piece_of_the_arena_leaves_while_shut),
        FD_TEST(an_answer_that_was_there_counts),
        FD_TEST(a_dead_link_is_an_answer),
        FD_TEST(whoever_is_told_may_ask_again),
        FD_TEST(a_full_journal_does_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
