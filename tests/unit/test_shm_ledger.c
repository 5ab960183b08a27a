/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "shm/shm_ledger.h"

#define PAGES 16u

static struct shm_ledger ledger;
static uint64_t page;

static void begin(void)
{
    page = units_page_size();
    shm_ledger_init(&ledger, (struct shm_region){.shmid = 1, .size = PAGES * page});
}

static void end(void)
{
    shm_ledger_finish(&ledger);
    assert_null(shm_ledger_first(&ledger));
}

static int ask(uint64_t offset, uint64_t size, uint64_t fd_offset, int fd)
{
    struct shm_wish wish = {offset, size, fd_offset, .ticket = 9, .id = 5};
    struct shm_mapping *m = NULL;
    int r = shm_ledger_ask(&ledger, &wish, fd, &m);

    assert_int_equal(r == 0, m != NULL);
    return r;
}

static int four_pages(void)
{
    return fd_memfd("test", 4 * page);
}

static void only_some_sizes_are_regions(void **state)
{
    assert_null(shm_region_check(64 * 1024));
    assert_null(shm_region_check(UINT64_C(256) << 20));
    assert_null(shm_region_check(UINT64_C(1) << 46));
    assert_non_null(strstr(shm_region_check(0), "at least 64K"));
    assert_non_null(strstr(shm_region_check(32 * 1024), "at least 64K"));
    assert_non_null(strstr(shm_region_check(64 * 1024 + 4096), "power of two"));
    assert_non_null(strstr(shm_region_check(UINT64_MAX), "power of two"));
    assert_non_null(strstr(shm_region_check(UINT64_C(1) << 47), "address space"));
}

/* What a front-end would refuse is refused here; the descriptor is closed each time. */
static void a_bad_wish_is_refused(void **state)
{
    begin();
    assert_int_equal(ask(0, 0, 0, four_pages()), -EINVAL);
    assert_int_equal(ask(1, page, 0, four_pages()), -EINVAL);
    assert_int_equal(ask(0, page + 1, 0, four_pages()), -EINVAL);
    assert_int_equal(ask(0, page, page / 2, four_pages()), -EINVAL);
    assert_int_equal(ask(PAGES * page, page, 0, four_pages()), -EINVAL);
    assert_int_equal(ask((PAGES - 1) * page, 2 * page, 0, four_pages()), -EINVAL);
    assert_int_equal(ask(-page, page, 0, four_pages()), -EINVAL);
    assert_int_equal(ask(page, -page, 0, four_pages()), -EINVAL);
    assert_int_equal(ask(0, 5 * page, 0, four_pages()), -EINVAL);
    assert_int_equal(ask(0, 2 * page, 3 * page, four_pages()), -EINVAL);
    assert_int_equal(ask(0, page, 4 * page, four_pages()), -EINVAL);
    assert_int_equal(ask(0, page, -page, four_pages()), -EINVAL);
    assert_int_equal(ask(0, page, 0, fd_memfd("empty", 0)), -EINVAL);
    assert_int_equal(ask(0, page, 0, -1), -EINVAL);
    assert_int_equal(ledger.set.count, 0);
    end();
}

static void it_must_be_readable_and_writable(void **state)
{
    static const int modes[] = {O_RDONLY, O_WRONLY, O_PATH};
    char path[32];
    int pair[2];

    begin();
    for (unsigned i = 0; i < 3; i++) {
        int fd = four_pages();
        int other;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        other = open(path, modes[i] | O_CLOEXEC);
        assert_true(other >= 0);
        assert_int_equal(ask(0, page, 0, other), -EINVAL);
        fd_close(&fd);
    }
    assert_int_equal(pipe(pair), 0);
    close(pair[0]);
    assert_int_equal(ask(0, page, 0, pair[1]), -EINVAL);
    assert_int_equal(ask(0, page, 0, open("/dev/null", O_RDWR | O_CLOEXEC)), -EINVAL);
    end();
}

static void mappings_do_not_overlap(void **state)
{
    begin();
    assert_int_equal(ask(4 * page, 4 * page, 0, four_pages()), 0);
    assert_int_equal(ask(3 * page, 2 * page, 0, four_pages()), -EEXIST);
    assert_int_equal(ask(7 * page, 2 * page, 0, four_pages()), -EEXIST);
    assert_int_equal(ask(5 * page, page, 0, four_pages()), -EEXIST);
    assert_int_equal(ask(4 * page, 4 * page, 0, four_pages()), -EEXIST);
    assert_int_equal(ask(3 * page, page, 3 * page, four_pages()), 0);
    assert_int_equal(ask(8 * page, page, 0, four_pages()), 0);
    assert_int_equal(ledger.set.count, 3);
    end();
}

static void a_mapping_is_found_by_its_range(void **state)
{
    struct shm_mapping *m;

    begin();
    assert_int_equal(ask(4 * page, 2 * page, page, four_pages()), 0);
    assert_null(shm_ledger_find(&ledger, 4 * page, page));
    assert_null(shm_ledger_find(&ledger, 5 * page, page));
    assert_null(shm_ledger_find(&ledger, 0, page));
    m = shm_ledger_find(&ledger, 4 * page, 2 * page);
    assert_non_null(m);
    assert_int_equal(m->fd_offset, page);
    assert_int_equal(m->ticket, 9);
    assert_int_equal(m->id, 5);
    end();
}

/* The descriptor is held until the very end, and the place with it. */
static void a_mapping_lives_until_it_is_gone(void **state)
{
    struct shm_mapping *m;
    uint64_t serial;
    int before;

    begin();
    before = fd_count();
    assert_int_equal(ask(0, page, 0, four_pages()), 0);
    m = shm_ledger_first(&ledger);
    serial = m->serial;
    assert_int_equal(m->state, SHM_ASKED);
    assert_string_equal(shm_state_name(m->state), "asked");
    m->doubtful = true;
    shm_ledger_mapped(m);
    assert_int_equal(m->state, SHM_MAPPED);
    assert_string_equal(shm_state_name(m->state), "mapped");
    assert_false(m->doubtful);
    shm_ledger_leaving(m, 77);
    assert_int_equal(m->state, SHM_LEAVING);
    assert_string_equal(shm_state_name(m->state), "leaving");
    assert_int_equal(m->ticket, 77);
    assert_int_equal(fcntl(m->fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_count(), before + 1);
    assert_int_equal(ask(0, page, 0, four_pages()), -EEXIST);
    shm_ledger_gone(&ledger, m);
    assert_int_equal(fd_count(), before);
    assert_null(shm_ledger_first(&ledger));
    assert_int_equal(ask(0, page, 0, four_pages()), 0);
    assert_true(shm_ledger_first(&ledger)->serial != serial);
    end();
}

static void mappings_are_seen_in_order(void **state)
{
    struct shm_mapping *m;
    unsigned n = 0;

    begin();
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(ask((i * 7 % PAGES) * page, page, 0, four_pages()), 0);
    for (m = shm_ledger_first(&ledger); m != NULL; m = shm_ledger_next(m))
        assert_int_equal(m->range.start, n++ * page);
    assert_int_equal(n, PAGES);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(only_some_sizes_are_regions),      FD_TEST(a_bad_wish_is_refused),
        FD_TEST(it_must_be_readable_and_writable), FD_TEST(mappings_do_not_overlap),
        FD_TEST(a_mapping_is_found_by_its_range),  FD_TEST(a_mapping_lives_until_it_is_gone),
        FD_TEST(mappings_are_seen_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
