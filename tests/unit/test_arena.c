/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "buffer/arena.h"

#define PAGES 64u

static uint64_t page;
static struct arena arena;
static uint8_t *window; /* what the guest sees */

static void begin(void)
{
    int fd = fd_memfd("arena", PAGES * units_page_size());

    page = units_page_size();
    window = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(window != MAP_FAILED);
    assert_int_equal(arena_init(&arena, fd, PAGES * page), 0);
}

static void end(void)
{
    assert_int_equal(arena.loans.count, 0);
    arena_finish(&arena);
    munmap(window, PAGES * page);
}

/* The memory that a file costs, in pages. */
static uint64_t pages_of(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return (uint64_t)st.st_blocks * 512 / page;
}

static void all_is(const uint8_t *bytes, uint64_t size, uint8_t value)
{
    for (uint64_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], value);
}

static void only_whole_files_are_arenas(void **state)
{
    uint64_t size = units_page_size() * 4;
    struct arena bad;

    assert_int_equal(arena_init(&bad, fd_memfd("arena", size), size * 2), -EINVAL);
    assert_int_equal(arena_init(&bad, fd_memfd("arena", size), size / 2), -EINVAL);
    assert_int_equal(arena_init(&bad, fd_memfd("arena", 0), 0), -EINVAL);
    assert_int_equal(arena_init(&bad, fd_memfd("arena", 100), 100), -EINVAL);
    assert_int_equal(arena_init(&bad, -1, size), -EBADF);
    arena_finish(&bad);
}

static void a_placed_buffer_is_in_the_window(void **state)
{
    uint64_t offset = 0;
    struct buffer *buffer;

    begin();
    buffer = arena_buffer_create(&arena, 2 * page - 1);
    assert_non_null(buffer);
    assert_int_equal(buffer->size, 2 * page);
    assert_int_equal(buffer->fd, -1);
    assert_false(arena_offset(buffer, &offset));
    assert_false(arena_pinned(buffer));
    assert_int_equal(arena_place(&arena, buffer, 3 * page), 0);
    assert_true(arena_offset(buffer, &offset));
    assert_int_equal(offset, 3 * page);
    assert_true(arena_pinned(buffer));
    assert_int_equal(arena_place(&arena, buffer, 3 * page), 0); /* the same is nothing */
    assert_int_equal(arena_place(&arena, buffer, 4 * page), -EBUSY);
    memset(buffer_data(buffer), 5, 2 * page);
    all_is(window + 3 * page, 2 * page, 5);
    window[3 * page] = 9;
    assert_int_equal(*(uint8_t *)buffer_data(buffer), 9);
    assert_int_equal(pages_of(arena.fd), 2);
    arena_unpin(&arena, buffer);
    assert_false(arena_pinned(buffer));
    assert_true(arena_offset(buffer, &offset)); /* it keeps its place */
    buffer_destroy(buffer);
    all_is(window, PAGES * page, 0);
    end();
}

static void a_pinned_buffer_that_dies_leaves_no_bytes(void **state)
{
    struct buffer *buffer;

    begin();
    buffer = arena_buffer_create(&arena, page);
    assert_int_equal(arena_place(&arena, buffer, 0), 0);
    memset(buffer_data(buffer), 0x77, page);
    buffer_destroy(buffer);
    assert_int_equal(pages_of(arena.fd), 0);
    assert_int_equal(window[0], 0);
    end();
}

static void bad_places_are_refused(void **state)
{
    struct buffer *buffer, *large, *memfd;

    begin();
    buffer = arena_buffer_create(&arena, 2 * page);
    large = arena_buffer_create(&arena, (PAGES + 1) * page);
    memfd = buffer_memfd_create(page);
    assert_int_equal(arena_place(&arena, buffer, 1), -EINVAL);
    assert_int_equal(arena_place(&arena, buffer, (PAGES - 1) * page), -EINVAL);
    assert_int_equal(arena_place(&arena, buffer, PAGES * page), -EINVAL);
    assert_int_equal(arena_place(&arena, buffer, UINT64_MAX - page + 1), -EINVAL);
    assert_int_equal(arena_place(&arena, large, 0), -EINVAL);
    assert_int_equal(arena_place(&arena, memfd, 0), -EINVAL);
    assert_int_equal(arena_place(&arena, buffer, (PAGES - 2) * page), 0);
    errno = 0;
    assert_null(arena_buffer_create(&arena, 0));
    assert_int_equal(errno, EINVAL);
    assert_null(arena_buffer_create(&arena, UINT64_MAX));
    assert_int_equal(errno, EFBIG);
    buffer_destroy(buffer);
    buffer_destroy(large);
    buffer_destroy(memfd);
    end();
}

static void bytes_move_with_their_buffer(void **state)
{
    struct buffer *a, *b;
    uint64_t offset;

    begin();
    a = arena_buffer_create(&arena, 4 * page);
    b = arena_buffer_create(&arena, 4 * page);
    memset(buffer_data(a), 0xa1, page); /* before it has a place */
    memset((uint8_t *)buffer_data(a) + 3 * page, 0xa4, page);
    assert_int_equal(arena_place(&arena, a, 8 * page), 0);
    all_is(window + 8 * page, page, 0xa1);
    all_is(window + 9 * page, 2 * page, 0);
    all_is(window + 11 * page, page, 0xa4);
    /* Somebody pinned is in the way, before and behind. */
    assert_int_equal(arena_place(&arena, b, 8 * page), -EEXIST);
    assert_int_equal(arena_place(&arena, b, 11 * page), -EEXIST);
    assert_int_equal(arena_place(&arena, b, 5 * page), -EEXIST);
    assert_false(arena_offset(b, &offset));
    /* Somebody who is not gives way, with all bytes. */
    arena_unpin(&arena, a);
    assert_int_equal(arena_place(&arena, b, 10 * page), 0);
    assert_false(arena_offset(a, &offset));
    all_is(window + 8 * page, 6 * page, 0); /* b is new: nothing of a is seen */
    all_is(buffer_data(a), page, 0xa1);
    all_is((uint8_t *)buffer_data(a) + page, 2 * page, 0);
    all_is((uint8_t *)buffer_data(a) + 3 * page, page, 0xa4);
    /* And comes back to another place. */
    assert_int_equal(arena_place(&arena, a, 20 * page), 0);
    all_is(window + 20 * page, page, 0xa1);
    all_is(window + 23 * page, page, 0xa4);
    buffer_destroy(a);
    buffer_destroy(b);
    end();
}

static void a_buffer_may_move_over_itself(void **state)
{
    struct buffer *buffer;
    uint8_t *data;

    begin();
    buffer = arena_buffer_create(&arena, 4 * page);
    assert_int_equal(arena_place(&arena, buffer, 8 * page), 0);
    data = buffer_data(buffer);
    for (unsigned i = 0; i < 4; i++)
        memset(data + i * page, (int)i + 1, page);
    arena_unpin(&arena, buffer);
    assert_int_equal(arena_place(&arena, buffer, 9 * page), 0);
    for (unsigned i = 0; i < 4; i++)
        all_is(window + (9 + i) * page, page, (uint8_t)(i + 1));
    all_is(window + 8 * page, page, 0);
    arena_unpin(&arena, buffer);
    assert_int_equal(arena_place(&arena, buffer, 30 * page), 0);
    all_is(window + 30 * page, page, 1);
    all_is(window + 9 * page, 4 * page, 0);
    buffer_destroy(buffer);
    end();
}

static void a_pinned_neighbour_keeps_all_where_they_are(void **state)
{
    struct buffer *loose, *tight, *big;
    uint64_t offset;

    begin();
    loose = arena_buffer_create(&arena, page);
    tight = arena_buffer_create(&arena, page);
    big = arena_buffer_create(&arena, 8 * page);
    assert_int_equal(arena_place(&arena, loose, page), 0);
    assert_int_equal(arena_place(&arena, tight, 5 * page), 0);
    arena_unpin(&arena, loose);
    assert_int_equal(arena_place(&arena, big, 0), -EEXIST);
    assert_true(arena_offset(loose, &offset)); /* nobody was sent away in vain */
    arena_unpin(&arena, tight);
    assert_int_equal(arena_place(&arena, big, 0), 0);
    assert_false(arena_offset(loose, &offset));
    assert_false(arena_offset(tight, &offset));
    buffer_destroy(loose);
    buffer_destroy(tight);
    buffer_destroy(big);
    end();
}

/* A buffer of 32 pages with one of them written costs one page, wherever it lies. */
static void sparse_buffers_stay_sparse(void **state)
{
    struct buffer *a, *b;

    begin();
    a = arena_buffer_create(&arena, 32 * page);
    b = arena_buffer_create(&arena, 32 * page);
    assert_int_equal(arena_place(&arena, a, 0), 0);
    window[20 * page + 1] = 1;
    arena_unpin(&arena, a);
    assert_int_equal(arena_place(&arena, b, 0), 0); /* a is parked */
    assert_int_equal(pages_of(arena.fd), 0);
    assert_int_equal(arena_place(&arena, a, 32 * page), 0);
    assert_int_equal(pages_of(arena.fd), 1);
    assert_int_equal(window[52 * page + 1], 1);
    buffer_destroy(a);
    buffer_destroy(b);
    end();
}

static void an_untouched_buffer_costs_nothing(void **state)
{
    struct buffer *a, *b;
    int before;

    begin();
    before = fd_count();
    a = arena_buffer_create(&arena, 32 * page);
    b = arena_buffer_create(&arena, 32 * page);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(arena_place(&arena, a, 0), 0);
        arena_unpin(&arena, a);
        assert_int_equal(arena_place(&arena, b, 0), 0);
        arena_unpin(&arena, b);
    }
    assert_int_equal(fd_count(), before); /* no memfd is made for zeros */
    assert_int_equal(pages_of(arena.fd), 0);
    buffer_destroy(a);
    buffer_destroy(b);
    end();
}

/* The guest can write where nothing was lent; the next buffer there must not show it. */
static void a_new_buffer_is_zeroed(void **state)
{
    struct buffer *buffer;

    begin();
    memset(window, 0xee, PAGES * page);
    buffer = arena_buffer_create(&arena, 4 * page);
    assert_int_equal(arena_place(&arena, buffer, 4 * page), 0);
    all_is(buffer_data(buffer), 4 * page, 0);
    assert_int_equal(window[4 * page - 1], 0xee);
    assert_int_equal(window[8 * page], 0xee);
    assert_int_equal(arena_punch_all(&arena), -EBUSY);
    assert_int_equal(window[0], 0xee);
    buffer_destroy(buffer);
    assert_int_equal(arena_punch_all(&arena), 0);
    assert_int_equal(pages_of(arena.fd), 0);
    assert_int_equal(window[0], 0);
    end();
}

static void sum_loans(void *data, struct buffer *buffer, uint64_t offset)
{
    uint64_t *sum = data;

    *sum = *sum * 100 + buffer->id * 10 + offset / page;
}

static void loans_are_listed_in_order(void **state)
{
    struct buffer *a, *b;
    uint64_t sum = 0;

    begin();
    a = arena_buffer_create(&arena, page);
    b = arena_buffer_create(&arena, page);
    a->id = 1;
    b->id = 2;
    assert_int_equal(arena_place(&arena, a, 7 * page), 0);
    assert_int_equal(arena_place(&arena, b, 3 * page), 0);
    arena_each_loan(&arena, sum_loans, &sum);
    assert_int_equal(sum, 2317);
    buffer_destroy(b);
    sum = 0;
    arena_each_loan(&arena, sum_loans, &sum);
    assert_int_equal(sum, 17);
    buffer_destroy(a);
    end();
}

/* With no descriptor left nobody can be parked: all stay where they are, with their bytes. */
static void a_failed_move_loses_nothing(void **state)
{
    struct rlimit old, tight = {0};
    struct buffer *a, *b;
    uint64_t offset;

    begin();
    a = arena_buffer_create(&arena, 4 * page);
    b = arena_buffer_create(&arena, 4 * page);
    assert_int_equal(arena_place(&arena, a, 0), 0);
    memset(buffer_data(a), 0xaa, 4 * page);
    arena_unpin(&arena, a);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(arena_place(&arena, b, 2 * page), -EMFILE);
    assert_null(buffer_data(b));
    assert_int_equal(errno, EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_true(arena_offset(a, &offset));
    assert_false(arena_offset(b, &offset));
    assert_false(arena_pinned(b));
    all_is(window, 4 * page, 0xaa);
    assert_int_equal(arena_place(&arena, b, 2 * page), 0);
    all_is(buffer_data(a), 4 * page, 0xaa);
    buffer_destroy(a);
    buffer_destroy(b);
    end();
}

#define BUFFERS 12u

/* Buffers come, move and go at random; each always shows the bytes that were last written to it. */
static void a_thousand_moves_keep_every_byte(void **state)
{
    struct buffer *buffers[BUFFERS] = {0};
    uint8_t values[BUFFERS] = {0};
    uint32_t seed = 4711;

    begin();
    for (unsigned round = 0; round < 5000; round++) {
        seed = seed * 1664525u + 1013904223u;
        unsigned i = (seed >> 8) % BUFFERS;
        uint64_t place = (seed >> 13) % PAGES * page;

        if (buffers[i] == NULL) {
            buffers[i] = arena_buffer_create(&arena, (1 + (seed >> 20) % 16) * page);
            values[i] = 0;
        } else if ((seed >> 27) == 0) {
            buffer_destroy(buffers[i]);
            buffers[i] = NULL;
            continue;
        } else if ((seed >> 27) < 8) {
            values[i] = (uint8_t)(seed >> 5);
            memset(buffer_data(buffers[i]), values[i], buffers[i]->size);
        } else if (arena_pinned(buffers[i])) {
            arena_unpin(&arena, buffers[i]);
        } else {
            arena_place(&arena, buffers[i], place); /* may well be refused */
        }
        const uint8_t *data = buffer_data(buffers[i]);

        for (uint64_t at = 0; at < buffers[i]->size; at += page / 2)
            assert_int_equal(data[at], values[i]);
    }
    for (unsigned i = 0; i < BUFFERS; i++)
        buffer_destroy(buffers[i]);
    assert_int_equal(pages_of(arena.fd), 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(only_whole_files_are_arenas),
        FD_TEST(a_placed_buffer_is_in_the_window),
        FD_TEST(a_pinned_buffer_that_dies_leaves_no_bytes),
        FD_TEST(bad_places_are_refused),
        FD_TEST(bytes_move_with_their_buffer),
        FD_TEST(a_buffer_may_move_over_itself),
        FD_TEST(a_pinned_neighbour_keeps_all_where_they_are),
        FD_TEST(sparse_buffers_stay_sparse),
        FD_TEST(an_untouched_buffer_costs_nothing),
        FD_TEST(a_new_buffer_is_zeroed),
        FD_TEST(loans_are_listed_in_order),
        FD_TEST(a_failed_move_loses_nothing),
        FD_TEST(a_thousand_moves_keep_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
