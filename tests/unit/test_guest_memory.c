/* SPDX-License-Identifier: MIT */
#include "guest_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct guest_ring ring;

static void bytes_cross_from_region_to_region(void **state)
{
    uint8_t out[300], in[300];

    guest_ring_memory(&ring);
    for (unsigned i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7);
    assert_true(guest_memory_write(&ring.memory, GUEST_SPLIT - 100, out, sizeof(out)));
    assert_memory_equal(guest_ring_at(&ring, GUEST_SPLIT - 100), out, sizeof(out));
    assert_true(guest_memory_read(&ring.memory, GUEST_SPLIT - 100, in, sizeof(in)));
    assert_memory_equal(in, out, sizeof(in));
    guest_ring_finish(&ring);
}

static void a_pointer_stays_in_one_region(void **state)
{
    uint64_t size = 1000;

    guest_ring_memory(&ring);
    assert_non_null(guest_memory_at(&ring.memory, GUEST_RAM, GUEST_HALF));
    assert_null(guest_memory_at(&ring.memory, GUEST_RAM, GUEST_HALF + 1));
    assert_null(guest_memory_at(&ring.memory, GUEST_RAM - 1, 1));
    assert_null(guest_memory_at(&ring.memory, GUEST_SPLIT - 1, 2));
    assert_non_null(guest_memory_at(&ring.memory, GUEST_SPLIT + GUEST_HALF - 1, 1));
    assert_null(guest_memory_at(&ring.memory, GUEST_SPLIT + GUEST_HALF, 1));
    assert_null(guest_memory_at(&ring.memory, GUEST_RAM + 1, UINT64_MAX));
    assert_null(guest_memory_at(&ring.memory, UINT64_MAX, 1));
    assert_non_null(guest_memory_piece(&ring.memory, GUEST_SPLIT - 10, &size));
    assert_int_equal(size, 10);
    size = UINT64_MAX;
    assert_non_null(guest_memory_piece(&ring.memory, GUEST_SPLIT, &size));
    assert_int_equal(size, GUEST_HALF);
    assert_null(guest_memory_piece(&ring.memory, GUEST_HOLE, &size));
    guest_ring_finish(&ring);
}

static void what_is_not_there_is_not_copied(void **state)
{
    uint8_t bytes[32] = {0};

    guest_ring_memory(&ring);
    assert_false(guest_memory_read(&ring.memory, GUEST_HOLE, bytes, 1));
    assert_false(guest_memory_read(&ring.memory, GUEST_RAM + GUEST_RAM_SIZE - 16, bytes, 32));
    assert_false(guest_memory_write(&ring.memory, GUEST_RAM - 1, bytes, 2));
    assert_false(guest_memory_write(&ring.memory, UINT64_MAX - 3, bytes, 32));
    assert_true(guest_memory_read(&ring.memory, GUEST_HOLE, bytes, 0));
    guest_ring_finish(&ring);
    guest_memory_init(&ring.memory);
    assert_null(guest_memory_at(&ring.memory, 0, 1)); /* no table at all */
}

static void user_addresses_are_translated(void **state)
{
    uint64_t gpa = 0;

    guest_ring_memory(&ring);
    assert_true(guest_memory_from_user(&ring.memory, GUEST_USER + 5, &gpa));
    assert_int_equal(gpa, GUEST_RAM + 5);
    assert_true(guest_memory_from_user(&ring.memory, GUEST_USER + GUEST_RAM_SIZE - 1, &gpa));
    assert_int_equal(gpa, GUEST_RAM + GUEST_RAM_SIZE - 1);
    assert_false(guest_memory_from_user(&ring.memory, GUEST_USER + GUEST_RAM_SIZE, &gpa));
    assert_false(guest_memory_from_user(&ring.memory, GUEST_USER - 1, &gpa));
    guest_ring_finish(&ring);
}

/* Offers one region of a file of 64 KiB; returns what guest_memory_set says. */
static int offer(struct guest_memory *memory, uint64_t gpa, uint64_t size, uint64_t user,
                 uint64_t offset)
{
    struct guest_region_spec spec = {gpa, size, user, offset};
    int fd = fd_memfd("guest", 65536);

    return guest_memory_set(memory, &spec, &fd, 1);
}

static void impossible_regions_are_refused(void **state)
{
    struct guest_memory memory;

    guest_memory_init(&memory);
    assert_int_equal(offer(&memory, 0x1000, 0x1000, 0x5000, 0), 0);
    assert_int_equal(offer(&memory, 0x1000, 0, 0x5000, 0), -EINVAL);
    assert_int_equal(offer(&memory, 0x1000, 65537, 0x5000, 0), -EINVAL);
    assert_int_equal(offer(&memory, 0x1000, 4096, 0x5000, 61441), -EINVAL);
    assert_int_equal(offer(&memory, 0x1000, 4096, 0x5000, UINT64_MAX), -EINVAL);
    assert_int_equal(offer(&memory, 0x1000, 4096, 0x5000, UINT64_MAX - 4095), -EINVAL);
    assert_int_equal(offer(&memory, 0x1000, UINT64_MAX, 0x5000, 0), -EINVAL);
    assert_int_equal(offer(&memory, 0x1000, INT64_MAX, 0x5000, 4096), -EINVAL);
    assert_int_equal(offer(&memory, UINT64_MAX - 4095, 4096, 0x5000, 0), -EINVAL);
    assert_int_equal(offer(&memory, 0x1000, 4096, UINT64_MAX - 100, 0), -EINVAL);
    /* The table that was right is still there. */
    assert_int_equal(memory.count, 1);
    assert_non_null(guest_memory_at(&memory, 0x1000, 0x1000));
    assert_int_equal(offer(&memory, 0x1000, 4096, 0x5000, 61440), 0);
    guest_memory_finish(&memory);
}

static void overlap_is_refused_and_closes_all(void **state)
{
    static const struct guest_region_spec specs[3] = {
        {0x10000, 0x4000, 0x1000000, 0},
        {0x20000, 0x4000, 0x2000000, 0},
        {0x13fff, 0x4000, 0x3000000, 0},
    };
    struct guest_memory memory;
    int fds[3];

    guest_memory_init(&memory);
    for (unsigned i = 0; i < 3; i++)
        fds[i] = fd_memfd("guest", 65536);
    assert_int_equal(guest_memory_set(&memory, specs, fds, 3), -EINVAL);
    assert_int_equal(memory.count, 0);
    /* The first is refused: the descriptors of the others are closed all the same. */
    for (unsigned i = 0; i < 3; i++)
        fds[i] = i == 0 ? -1 : fd_memfd("guest", 65536);
    assert_int_equal(guest_memory_set(&memory, specs, fds, 3), -EINVAL);
    /* One byte too many from below, and one just right. */
    assert_int_equal(guest_memory_add(&memory, &specs[0], fd_memfd("guest", 65536)), 0);
    assert_int_equal(guest_memory_add(&memory, &(struct guest_region_spec){0xc001, 0x4000, 0, 0},
                                      fd_memfd("guest", 65536)),
                     -EINVAL);
    assert_int_equal(guest_memory_add(&memory, &(struct guest_region_spec){0xc000, 0x4000, 0, 0},
                                      fd_memfd("guest", 65536)),
                     0);
    guest_memory_finish(&memory);
}

static void there_is_a_limit_to_regions(void **state)
{
    struct guest_region_spec specs[GUEST_MEMORY_MAX_REGIONS + 1];
    int fds[GUEST_MEMORY_MAX_REGIONS + 1];
    struct guest_memory memory;

    guest_memory_init(&memory);
    for (unsigned i = 0; i <= GUEST_MEMORY_MAX_REGIONS; i++) {
        /* From the highest down, so that the order is ours and not the front-end's. */
        specs[i] = (struct guest_region_spec){0x1000000 - i * 0x2000, 0x1000, i * 0x1000, 0};
        fds[i] = fd_memfd("guest", 4096);
    }
    assert_int_equal(guest_memory_set(&memory, specs, fds, GUEST_MEMORY_MAX_REGIONS + 1), -E2BIG);
    for (unsigned i = 0; i <= GUEST_MEMORY_MAX_REGIONS; i++)
        fds[i] = fd_memfd("guest", 4096);
    assert_int_equal(guest_memory_set(&memory, specs, fds, GUEST_MEMORY_MAX_REGIONS), 0);
    for (unsigned i = 1; i < memory.count; i++)
        assert_true(memory.regions[i - 1].gpa < memory.regions[i].gpa);
    assert_int_equal(
        guest_memory_add(&memory, &specs[GUEST_MEMORY_MAX_REGIONS], fds[GUEST_MEMORY_MAX_REGIONS]),
        -E2BIG);
    for (unsigned i = 0; i < GUEST_MEMORY_MAX_REGIONS; i++)
        assert_non_null(guest_memory_at(&memory, specs[i].gpa, 0x1000));
    guest_memory_finish(&memory);
}

static void what_did_not_change_stays_mapped(void **state)
{
    struct guest_region_spec specs[2] = {{0x10000, 0x4000, 0x1000000, 0},
                                         {0x20000, 0x4000, 0x2000000, 0}};
    int files[2] = {fd_memfd("a", 65536), fd_memfd("b", 65536)};
    struct guest_memory memory;
    void *first, *second;

    guest_memory_init(&memory);
    assert_int_equal(guest_memory_set(&memory, specs, (int[]){dup(files[0]), dup(files[1])}, 2), 0);
    assert_null(memory.regions[0].data); /* nobody pointed there yet */
    first = guest_memory_at(&memory, 0x10000, 1);
    second = guest_memory_at(&memory, 0x20000, 1);
    assert_non_null(first);
    assert_non_null(second);
    specs[1].fd_offset = 0x1000; /* the second shows another part of its file */
    assert_int_equal(guest_memory_set(&memory, specs, (int[]){dup(files[0]), dup(files[1])}, 2), 0);
    assert_ptr_equal(memory.regions[0].data, first);
    assert_null(memory.regions[1].data);
    /* And now another file at the same place. */
    assert_int_equal(guest_memory_set(&memory, specs, (int[]){dup(files[1]), dup(files[0])}, 2), 0);
    assert_null(memory.regions[0].data);
    assert_int_equal(guest_memory_set(&memory, NULL, NULL, 0), 0);
    assert_null(guest_memory_at(&memory, 0x10000, 1));
    guest_memory_finish(&memory);
    close(files[0]);
    close(files[1]);
}

static void regions_come_and_go_alone(void **state)
{
    struct guest_region_spec a = {0x10000, 0x4000, 0x1000000, 0};
    struct guest_region_spec b = {0x14000, 0x4000, 0x2000000, 0};
    struct guest_region_spec wrong = a;
    struct guest_memory memory;

    guest_memory_init(&memory);
    assert_int_equal(guest_memory_add(&memory, &b, fd_memfd("b", 65536)), 0);
    assert_int_equal(guest_memory_add(&memory, &a, fd_memfd("a", 65536)), 0);
    assert_int_equal(guest_memory_add(&memory, &a, fd_memfd("a", 65536)), -EINVAL);
    assert_int_equal(guest_memory_add(&memory, &a, -1), -EINVAL);
    assert_non_null(guest_memory_at(&memory, 0x10000, 1));
    assert_non_null(guest_memory_at(&memory, 0x14000, 1));
    wrong.size = 0x3000;
    assert_int_equal(guest_memory_remove(&memory, &wrong), -ENOENT);
    wrong = a;
    wrong.user++;
    assert_int_equal(guest_memory_remove(&memory, &wrong), -ENOENT);
    wrong = a;
    wrong.gpa = 0x50000;
    assert_int_equal(guest_memory_remove(&memory, &wrong), -ENOENT);
    assert_int_equal(guest_memory_remove(&memory, &a), 0);
    assert_int_equal(guest_memory_remove(&memory, &a), -ENOENT);
    assert_null(guest_memory_at(&memory, 0x10000, 1));
    assert_non_null(guest_memory_at(&memory, 0x14000, 1));
    guest_memory_finish(&memory);
}

static void what_cannot_be_mapped_is_tolerated(void **state)
{
    struct guest_region_spec specs[3] = {{0x10000, 0x4000, 0x1000000, 0},
                                         {0x20000, 0x4000, 0x2000000, 0},
                                         {0x30000, 0x4000, 0x3000000, 0}};
    int file = fd_memfd("a", 65536);
    char path[64];
    struct guest_memory memory;
    int fds[3];

    guest_memory_init(&memory);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    fds[0] = file;
    fds[1] = eventfd(0, EFD_CLOEXEC);          /* nothing to map */
    fds[2] = open(path, O_RDONLY | O_CLOEXEC); /* not ours to write */
    assert_true(fds[2] >= 0);
    assert_int_equal(guest_memory_set(&memory, specs, fds, 3), 0);
    assert_non_null(guest_memory_at(&memory, 0x10000, 1));
    assert_null(guest_memory_at(&memory, 0x20000, 1));
    assert_true(memory.regions[1].broken);
    assert_null(guest_memory_at(&memory, 0x30000, 1));
    assert_null(guest_memory_at(&memory, 0x30000, 1));
    assert_false(guest_memory_read(&memory, 0x30000, &(int){0}, 1));
    assert_non_null(guest_memory_at(&memory, 0x13fff, 1));
    for (unsigned i = 0; i < 3; i++)
        fds[i] = fd_duplicate(memory.regions[i].fd);
    assert_int_equal(guest_memory_set(&memory, specs, fds, 3), 0);
    assert_false(memory.regions[1].broken); /* a new table is a new chance */
    guest_memory_finish(&memory);
}

static void an_odd_file_offset_points_right(void **state)
{
    struct guest_region_spec spec = {0x10000, 0x4000, 0x1000000, 0x1003};
    int file = fd_memfd("a", 65536);
    struct guest_memory memory;
    char text[6];

    guest_memory_init(&memory);
    assert_int_equal(pwrite(file, "hello", 5, 0x1003), 5);
    assert_int_equal(pwrite(file, "end", 3, 0x1003 + 0x4000 - 3), 3);
    assert_int_equal(guest_memory_set(&memory, &spec, &file, 1), 0);
    assert_true(guest_memory_read(&memory, 0x10000, text, 5));
    assert_memory_equal(text, "hello", 5);
    assert_true(guest_memory_read(&memory, 0x13ffd, text, 3));
    assert_memory_equal(text, "end", 3);
    guest_memory_finish(&memory);
}

/* Mappings must not pile up when tables come again and again, as they do after each map. */
static void a_thousand_tables_leave_nothing_behind(void **state)
{
    struct guest_memory memory;
    int keep = fd_memfd("keep", 65536);

    guest_memory_init(&memory);
    for (unsigned i = 0; i < 1000; i++) {
        struct guest_region_spec specs[2] = {{0x100000, 0x4000, 0x1000000, 0},
                                             {0x200000 + i * 0x4000, 0x4000, 0x2000000, 0}};

        assert_int_equal(
            guest_memory_set(&memory, specs, (int[]){dup(keep), fd_memfd("new", 65536)}, 2), 0);
        assert_non_null(guest_memory_at(&memory, specs[0].gpa, 1));
        assert_non_null(guest_memory_at(&memory, specs[1].gpa, 1));
        assert_int_equal(memory.count, 2);
    }
    guest_memory_finish(&memory);
    close(keep);
}

static void bytes_are_found_in_their_file(void **state)
{
    struct guest_region_spec specs[] = {
        {.gpa = 0x10000, .size = 0x2000, .user = 0x1000, .fd_offset = 0x1000},
        {.gpa = 0x20000, .size = 0x1000, .user = 0x9000},
    };
    int files[] = {fd_memfd("a", 0x4000), fd_memfd("b", 0x4000)};
    struct guest_memory memory;
    uint64_t offset = 7;
    uint8_t *at;

    guest_memory_init(&memory);
    assert_int_equal(guest_memory_set(&memory, specs, files, 2), 0);
    at = guest_memory_at(&memory, 0x10010, 0x1000);
    assert_int_equal(guest_memory_file(&memory, at, 0x1000, &offset), files[0]);
    assert_true(offset == 0x1010);
    assert_int_equal(guest_memory_file(&memory, at, 0x1ff0, &offset), files[0]);
    assert_int_equal(guest_memory_file(&memory, at, 0x1ff1, &offset), -1);
    assert_int_equal(guest_memory_file(&memory, at, UINT64_MAX, &offset), -1);
    assert_int_equal(guest_memory_file(&memory, at - 0x11, 1, &offset), -1);
    at = guest_memory_at(&memory, 0x20000, 1);
    assert_int_equal(guest_memory_file(&memory, at, 0x1000, &offset), files[1]);
    assert_true(offset == 0);
    assert_int_equal(guest_memory_file(&memory, &memory, 1, &offset), -1);
    guest_memory_finish(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(bytes_cross_from_region_to_region), FD_TEST(a_pointer_stays_in_one_region),
        FD_TEST(what_is_not_there_is_not_copied),   FD_TEST(user_addresses_are_translated),
        FD_TEST(impossible_regions_are_refused),    FD_TEST(overlap_is_refused_and_closes_all),
        FD_TEST(there_is_a_limit_to_regions),       FD_TEST(what_did_not_change_stays_mapped),
        FD_TEST(regions_come_and_go_alone),         FD_TEST(what_cannot_be_mapped_is_tolerated),
        FD_TEST(an_odd_file_offset_points_right),   FD_TEST(a_thousand_tables_leave_nothing_behind),
        FD_TEST(bytes_are_found_in_their_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
