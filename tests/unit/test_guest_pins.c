/* SPDX-License-Identifier: MIT */
#include "guest_ring.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "guest/guest_pins.h"

#define FILE_SIZE 0x10000u

/* How many mappings of the file called 'name' this process has. */
static unsigned mappings_of(const char *name)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    unsigned count = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL)
        count += strstr(line, name) != NULL;
    fclose(maps);
    return count;
}

/* Two regions that touch, of one file each, and a third far away that is the first file again. */
struct pins_guest {
    struct guest_memory memory;
    int files[2];
};

static const struct guest_region_spec specs[3] = {
    {0x10000, 0x4000, 0x1000000, 0},
    {0x14000, 0x4000, 0x2000000, 0x1000},
    {0x40000, 0x4000, 0x3000000, 0x8000},
};

static void set_table(struct pins_guest *guest, unsigned count)
{
    int fds[3] = {guest->files[0], guest->files[1], guest->files[0]};

    for (unsigned i = 0; i < count; i++)
        fds[i] = fd_duplicate(fds[i]);
    assert_int_equal(guest_memory_set(&guest->memory, specs, fds, count), 0);
}

static void guest_init(struct pins_guest *guest)
{
    guest_memory_init(&guest->memory);
    guest->files[0] = fd_memfd("pinned-a", FILE_SIZE);
    guest->files[1] = fd_memfd("pinned-b", FILE_SIZE);
    set_table(guest, 3);
}

static void guest_finish(struct pins_guest *guest)
{
    guest_memory_finish(&guest->memory);
    fd_close(&guest->files[0]);
    fd_close(&guest->files[1]);
    assert_int_equal(mappings_of("pinned-"), 0);
}

static void pieces_become_pointers(void **state)
{
    const struct guest_piece pieces[3] = {{0x40010, 8}, {0x13ffc, 0x10}, {0x10000, 4}};
    struct pins_guest guest;
    struct guest_pins *pins;

    guest_init(&guest);
    pins = guest_pins_create(&guest.memory, pieces, 3);
    assert_non_null(pins);
    assert_int_equal(pins->count, 4); /* the second piece crosses from region to region */
    assert_int_equal(pins->size, 8 + 0x10 + 4);
    assert_int_equal(pins->mapping_count, 3);
    assert_int_equal(pins->iov[0].iov_len, 8);
    assert_int_equal(pins->iov[1].iov_len, 4);
    assert_int_equal(pins->iov[2].iov_len, 12);
    assert_int_equal(pins->iov[3].iov_len, 4);
    memcpy(pins->iov[0].iov_base, "far away", 8);
    memcpy(pins->iov[1].iov_base, "left", 4);
    memcpy(pins->iov[2].iov_base, "on the right", 12);
    memcpy(pins->iov[3].iov_base, "1st.", 4);
    {
        char text[17] = "";

        assert_true(guest_memory_read(&guest.memory, 0x13ffc, text, 16));
        assert_string_equal(text, "lefton the right");
        assert_int_equal(pread(guest.files[0], text, 8, 0x8010), 8);
        assert_memory_equal(text, "far away", 8);
        assert_int_equal(pread(guest.files[0], text, 4, 0), 4);
        assert_memory_equal(text, "1st.", 4);
    }
    guest_pins_unref(pins);
    guest_finish(&guest);
}

static void pins_outlive_the_table(void **state)
{
    const struct guest_piece pieces[2] = {{0x10000, 5}, {0x14000, 5}};
    struct pins_guest guest;
    struct guest_pins *pins;

    guest_init(&guest);
    assert_true(guest_memory_write(&guest.memory, 0x10000, "first", 5));
    assert_true(guest_memory_write(&guest.memory, 0x14000, "secnd", 5));
    pins = guest_pins_create(&guest.memory, pieces, 2);
    assert_non_null(pins);
    assert_int_equal(mappings_of("pinned-"), 2); /* nobody pointed into the third region */
    set_table(&guest, 0);
    assert_null(guest_memory_at(&guest.memory, 0x10000, 1));
    assert_int_equal(mappings_of("pinned-"), 2);
    assert_memory_equal(pins->iov[0].iov_base, "first", 5);
    assert_memory_equal(pins->iov[1].iov_base, "secnd", 5);
    /* The same table again is mapped afresh, and shows the same bytes. */
    set_table(&guest, 2);
    assert_true(guest_memory_write(&guest.memory, 0x10000, "again", 5));
    assert_memory_equal(pins->iov[0].iov_base, "again", 5);
    assert_int_equal(mappings_of("pinned-"), 3);
    guest_memory_finish(&guest.memory);
    assert_int_equal(mappings_of("pinned-"), 2);
    assert_ptr_equal(guest_pins_ref(pins), pins);
    guest_pins_unref(pins);
    assert_memory_equal(pins->iov[0].iov_base, "again", 5);
    guest_pins_unref(pins);
    assert_int_equal(mappings_of("pinned-"), 0);
    guest_finish(&guest);
}

/* A region that a new table has unchanged is the same mapping for the table and the pins. */
static void what_did_not_change_is_not_mapped_twice(void **state)
{
    const struct guest_piece piece = {0x10000, 0x8000};
    struct pins_guest guest;
    struct guest_pins *pins;

    guest_init(&guest);
    pins = guest_pins_create(&guest.memory, &piece, 1);
    assert_non_null(pins);
    for (unsigned i = 0; i < 100; i++) {
        struct guest_pins *more;

        set_table(&guest, 2 + i % 2);
        more = guest_pins_create(&guest.memory, &piece, 1);
        assert_non_null(more);
        assert_ptr_equal(more->iov[1].iov_base, pins->iov[1].iov_base);
        guest_pins_unref(more);
        assert_int_equal(mappings_of("pinned-"), 2);
    }
    guest_pins_unref(pins);
    assert_int_equal(mappings_of("pinned-"), 2); /* the table's own */
    guest_finish(&guest);
}

/* The region is taken out alone, as with CONFIGURE_MEM_SLOTS. */
static void a_region_goes_under_its_pins(void **state)
{
    const struct guest_piece piece = {0x40000, 4};
    struct pins_guest guest;
    struct guest_pins *pins;

    guest_init(&guest);
    pins = guest_pins_create(&guest.memory, &piece, 1);
    assert_non_null(pins);
    assert_int_equal(guest_memory_remove(&guest.memory, &specs[2]), 0);
    memcpy(pins->iov[0].iov_base, "here", 4);
    {
        char text[4];

        assert_int_equal(pread(guest.files[0], text, 4, 0x8000), 4);
        assert_memory_equal(text, "here", 4);
    }
    guest_pins_unref(pins);
    assert_int_equal(mappings_of("pinned-"), 0);
    guest_finish(&guest);
}

static void expect_refusal(struct pins_guest *guest, const struct guest_piece *pieces,
                           unsigned count, int error)
{
    errno = 0;
    assert_null(guest_pins_create(&guest->memory, pieces, count));
    assert_int_equal(errno, error);
}

static void what_is_not_there_is_refused(void **state)
{
    static const struct guest_piece wrong[] = {
        {0x10000, 0},          /* empty */
        {0x17fff, 2},          /* runs out of the second region */
        {0xffff, 1},           /* before the first */
        {UINT64_MAX, 2},       /* wraps */
        {0x10000, UINT64_MAX}, /* wraps */
        {0x3ffff, 2},          /* begins in a hole */
        {0x10000, UINT64_C(1) << 62},
    };
    struct pins_guest guest;

    guest_init(&guest);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct guest_piece pieces[2] = {{0x10000, 1}, wrong[i]};

        expect_refusal(&guest, pieces, 2, EFAULT);
        expect_refusal(&guest, &wrong[i], 1, EFAULT);
    }
    assert_int_equal(guest.memory.regions[0].mapping->refs, 1); /* nothing is held */
    guest_finish(&guest);
}

static void there_is_a_limit_to_pins(void **state)
{
    const unsigned many = GUEST_PINS_MAX + 1;
    struct guest_piece *pieces = calloc(many, sizeof(*pieces));
    struct pins_guest guest;
    struct guest_pins *pins;

    assert_non_null(pieces);
    guest_init(&guest);
    for (unsigned i = 0; i < many; i++)
        pieces[i] = (struct guest_piece){0x10000, 0x8000};
    expect_refusal(&guest, pieces, GUEST_PINS_MAX / 2 + 1, E2BIG); /* each is two places */
    for (unsigned i = 0; i < many; i++)
        pieces[i].size = 1;
    expect_refusal(&guest, pieces, many, E2BIG);
    pins = guest_pins_create(&guest.memory, pieces, many - 1);
    assert_non_null(pins);
    assert_int_equal(pins->count, GUEST_PINS_MAX);
    guest_pins_unref(pins);
    pins = guest_pins_create(&guest.memory, NULL, 0);
    assert_non_null(pins);
    assert_int_equal(pins->count, 0);
    guest_pins_unref(pins);
    guest_pins_unref(NULL);
    guest_finish(&guest);
    free(pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(pieces_become_pointers),
        FD_TEST(pins_outlive_the_table),
        FD_TEST(what_did_not_change_is_not_mapped_twice),
        FD_TEST(a_region_goes_under_its_pins),
        FD_TEST(what_is_not_there_is_refused),
        FD_TEST(there_is_a_limit_to_pins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
