/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "journal/journal.h"

static struct journal door, worker;

static void begin(void)
{
    assert_int_equal(journal_create(&door), 0);
    assert_int_equal(journal_attach(&worker, fd_duplicate(door.fd)), 0);
}

static void end(void)
{
    journal_finish(&worker);
    journal_finish(&door);
    journal_finish(&door); /* twice is once */
    assert_int_equal(door.fd, -1);
    assert_null(door.page);
}

static unsigned count(void)
{
    struct journal_loan loan;
    uint32_t slot = 0;
    unsigned n = 0;

    while (journal_loan_next(&door, &slot, &loan))
        n++;
    return n;
}

static void both_see_the_same_page(void **state)
{
    begin();
    assert_int_equal(door.page->version, JOURNAL_VERSION);
    assert_true(worker.page != door.page);
    worker.page->stats.maps = 7;
    assert_int_equal(door.page->stats.maps, 7);
    end();
}

static void refuse(int fd)
{
    struct journal journal;

    assert_int_equal(journal_attach(&journal, fd), -EPROTO);
    assert_null(journal.page);
    assert_int_equal(journal.fd, -1);
}

/* The descriptor is closed each time. */
static void a_strange_journal_is_refused(void **state)
{
    struct journal journal;
    char path[32];

    begin();
    refuse(-1);
    refuse(fd_memfd("empty", 0));
    refuse(fd_memfd("short", units_page_size()));
    refuse(fd_memfd("zeros", 4 << 20));
    door.page->magic++;
    refuse(fd_duplicate(door.fd));
    door.page->magic--;
    door.page->version++;
    refuse(fd_duplicate(door.fd));
    door.page->version--;
    door.page->size--;
    refuse(fd_duplicate(door.fd));
    door.page->size++;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", door.fd);
    assert_int_equal(journal_attach(&journal, open(path, O_RDONLY | O_CLOEXEC)), -EACCES);
    assert_int_equal(journal.fd, -1);
    assert_int_equal(journal_attach(&journal, fd_duplicate(door.fd)), 0);
    journal_finish(&journal);
    end();
}

/* The record of ring 'index', as the one or the other sees it. */
static struct ring_record *record_of(struct journal *journal, unsigned index)
{
    return &journal->page->rings[index].record;
}

static unsigned in_flight(unsigned index)
{
    unsigned found;

    free(ring_record_heads(record_of(&door, index), RING_RECORD_HEADS, &found));
    return found;
}

static void the_door_sees_what_is_in_flight(void **state)
{
    const struct ring_place place = {.size = 64};

    begin();
    for (unsigned i = 0; i < JOURNAL_RINGS; i++) {
        ring_record_begin(record_of(&worker, i), &place, (uint16_t)(100 * i));
        ring_record_take(record_of(&worker, i), 63);
        ring_record_take(record_of(&worker, i), (uint16_t)i);
        ring_record_answered(record_of(&worker, i), 63);
        assert_int_equal(ring_record_base(record_of(&door, i)), 100 * i + 2);
        assert_int_equal(in_flight(i), 1);
    }
    journal_rings_void(&door);
    for (unsigned i = 0; i < JOURNAL_RINGS; i++)
        assert_int_equal(in_flight(i), 0);
    assert_int_equal(ring_record_base(record_of(&door, 1)), 102); /* where they are they stay */
    end();
}

/* The records have room for the largest rings; what is not used takes no memory. */
static void small_rings_take_little_memory(void **state)
{
    const struct ring_place place = {.size = 256};
    struct stat st;

    begin();
    for (unsigned i = 0; i < JOURNAL_RINGS; i++) {
        ring_record_begin(record_of(&worker, i), &place, 0);
        for (uint16_t head = 0; head < 256; head++)
            ring_record_take(record_of(&worker, i), head);
    }
    journal_rings_void(&door);
    assert_int_equal(fstat(door.fd, &st), 0);
    assert_true(st.st_size > 4 * 32768 * 8);
    assert_true(st.st_blocks * 512 <= 16 * (int64_t)units_page_size());
    end();
}

static void loans_come_and_go(void **state)
{
    struct journal_loan loan;
    uint64_t before;
    uint32_t slot = 0;
    int a, b, c;

    begin();
    assert_false(journal_loan_next(&door, &slot, &loan));
    before = units_tick_ns();
    a = journal_loan_put(&worker, 1, 10, 7, 0x1000, 0x2000);
    b = journal_loan_put(&worker, 2, 11, 0, 0x3000, 0x4000);
    c = journal_loan_put(&worker, 3, 99, 0, 0x5000, 0x6000);
    assert_true(a >= 0 && b >= 0 && c >= 0 && a != b && b != c && a != c);
    journal_loan_erase(&worker, b);
    journal_loan_name(&worker, c, 12, 9);
    assert_true(journal_loan_next(&door, &slot, &loan));
    assert_int_equal(loan.kind, 1);
    assert_int_equal(loan.id, 10);
    assert_int_equal(loan.offset, 0x1000);
    assert_int_equal(loan.size, 0x2000);
    assert_int_equal(loan.owner, 7);
    assert_true(loan.since_ns >= before && loan.since_ns <= units_now_ns());
    assert_true(journal_loan_next(&door, &slot, &loan));
    assert_int_equal(loan.id, 12);
    assert_int_equal(loan.owner, 9);
    assert_int_equal(loan.offset, 0x5000);
    assert_false(journal_loan_next(&door, &slot, &loan));
    assert_false(journal_loan_next(&door, &slot, &loan));
    assert_int_equal(journal_loan_put(&worker, 4, 13, 0, 0, 1), b); /* the one that is free */
    assert_int_equal(count(), 3);
    end();
}

static void a_full_journal_says_so(void **state)
{
    begin();
    for (unsigned i = 0; i < JOURNAL_LOANS; i++)
        assert_true(journal_loan_put(&worker, 1, i, 0, 0, 1) >= 0);
    assert_int_equal(journal_loan_put(&worker, 1, 0, 0, 0, 1), -ENOSPC);
    assert_int_equal(count(), JOURNAL_LOANS);
    journal_loan_erase(&worker, JOURNAL_LOANS - 1);
    assert_int_equal(journal_loan_put(&worker, 1, 0, 0, 0, 1), JOURNAL_LOANS - 1);
    journal_loan_erase(&worker, 5);
    journal_loan_erase(&worker, 9);
    assert_int_equal(journal_loan_put(&worker, 1, 0, 0, 0, 1), 9);
    assert_int_equal(journal_loan_put(&worker, 1, 0, 0, 0, 1), 5);
    assert_int_equal(journal_loan_put(&worker, 1, 0, 0, 0, 1), -ENOSPC);
    assert_int_equal(count(), JOURNAL_LOANS);
    end();
}

/* Nobody else's clearing leads the writer to use a loan twice. */
static void loans_that_the_door_cleared_are_in_use(void **state)
{
    int a, b;

    begin();
    a = journal_loan_put(&worker, 1, 10, 0, 0x1000, 0x2000);
    b = journal_loan_put(&worker, 1, 11, 0, 0x3000, 0x2000);
    journal_loan_erase(&worker, a);
    journal_clear(&door);
    assert_int_equal(journal_loan_put(&worker, 1, 12, 0, 0, 1), a);
    assert_int_equal(count(), 1);
    assert_int_not_equal(journal_loan_put(&worker, 1, 13, 0, 0, 1), b);
    assert_int_equal(count(), 2);
    journal_loan_erase(&worker, b);
    assert_int_equal(count(), 2);
    end();
}

/* The door clears what a dead worker wrote: nothing of it is believed on the way. */
static void a_clear_journal_is_empty(void **state)
{
    begin();
    for (unsigned i = 0; i < 100; i++)
        journal_loan_put(&worker, 1, i, 0, 0, 1);
    worker.page->census.resources = 5;
    ring_record_begin(record_of(&worker, 0), &(struct ring_place){.size = 8}, 4);
    worker.page->loans_high = UINT32_MAX; /* as wrong as it can be */
    assert_int_equal(count(), 100);
    journal_clear(&door);
    assert_int_equal(count(), 0);
    assert_int_equal(door.page->census.resources, 0);
    assert_int_equal(ring_record_base(record_of(&door, 0)), 4); /* the rings go on */
    assert_int_equal(journal_loan_put(&door, 1, 0, 0, 0, 1), 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(both_see_the_same_page),
        FD_TEST(a_strange_journal_is_refused),
        FD_TEST(the_door_sees_what_is_in_flight),
        FD_TEST(small_rings_take_little_memory),
        FD_TEST(loans_come_and_go),
        FD_TEST(loans_that_the_door_cleared_are_in_use),
        FD_TEST(a_full_journal_says_so),
        FD_TEST(a_clear_journal_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
