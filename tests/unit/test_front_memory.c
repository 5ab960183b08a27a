/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "door/front_memory.h"

#define MIB (UINT64_C(1) << 20)

static struct front_memory memory;

static int one_mib(void)
{
    return fd_memfd("ram", MIB);
}

/* A table of 'count' regions of 1 MiB that is good. */
static void make(struct vhost_user_mem_table *table, struct fd_list *fds, unsigned count)
{
    memset(table, 0, sizeof(*table));
    *fds = (struct fd_list){0};
    table->count = count;
    for (unsigned i = 0; i < count && i < FD_LIST_MAX; i++) {
        table->regions[i] = (struct vhost_user_region){2 * i * MIB, MIB, 0x100000000 + i * MIB, 0};
        fds->fds[fds->count++] = one_mib();
    }
}

static uint32_t size_of(const struct vhost_user_mem_table *table)
{
    return (uint32_t)(8 + table->count * sizeof(table->regions[0]));
}

static int set(const struct vhost_user_mem_table *table, struct fd_list *fds)
{
    int r = front_memory_set(&memory, table, size_of(table), fds);

    fd_list_finish(fds);
    return r;
}

/* Two regions, which a bad table must not change. */
static void begin(void)
{
    struct vhost_user_mem_table table;
    struct fd_list fds;

    front_memory_init(&memory);
    make(&table, &fds, 2);
    assert_int_equal(set(&table, &fds), 0);
    assert_int_equal(memory.count, 2);
}

static void end(void)
{
    front_memory_finish(&memory);
    assert_int_equal(memory.count, 0);
}

static void a_good_table_replaces_the_old(void **state)
{
    struct vhost_user_mem_table table;
    struct link_message m;
    struct fd_list fds;
    int same;

    begin();
    make(&table, &fds, 32);
    same = fd_duplicate(fds.fds[7]);
    assert_int_equal(set(&table, &fds), 0);
    assert_int_equal(memory.count, 32);
    assert_true(fd_same_file(memory.fds[7], same));
    front_memory_message(&memory, &m);
    assert_int_equal(m.type, LINK_MEM_TABLE);
    assert_int_equal(m.mem_table.count, 32);
    assert_int_equal(m.mem_table.regions[7].gpa, 14 * MIB);
    assert_int_equal(m.mem_table.regions[7].size, MIB);
    assert_int_equal(m.mem_table.regions[7].user, 0x100000000 + 7 * MIB);
    make(&table, &fds, 0);
    assert_int_equal(set(&table, &fds), 0);
    assert_int_equal(memory.count, 0);
    fd_close(&same);
    end();
}

/* Each way in which one region of a table can be bad. */
static void spoil(unsigned way, struct vhost_user_region *r, int *fd)
{
    switch (way) {
    case 0:
        r->size = 0;
        break;
    case 1:
        r->gpa = UINT64_MAX - MIB + 1; /* ends where addresses do */
        break;
    case 2:
        r->user = UINT64_MAX - MIB / 2;
        break;
    case 3:
        r->mmap_offset = UINT64_MAX - MIB / 2;
        break;
    case 4:
        r->mmap_offset = 4096; /* past the file's end */
        break;
    case 5:
        r->size = MIB + 1;
        break;
    case 6:
        r->gpa = MIB - 1; /* the last byte of the first */
        break;
    case 7:
        r->user = 0x100000000 + MIB - 1;
        break;
    case 8:
        fd_close(fd); /* there is none */
        break;
    case 9: /* a device is believed, but no file offset is that large */
        fd_close(fd);
        *fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
        r->mmap_offset = UINT64_C(1) << 63;
        break;
    }
}

static void a_bad_table_keeps_the_old(void **state)
{
    for (unsigned way = 0; way <= 9; way++) {
        struct vhost_user_mem_table table;
        struct front_memory before;
        struct fd_list fds;

        begin();
        before = memory;
        make(&table, &fds, 3);
        spoil(way, &table.regions[2], &fds.fds[2]);
        assert_int_equal(set(&table, &fds), -EINVAL);
        assert_memory_equal(&memory, &before, sizeof(before));
        assert_true(fcntl(memory.fds[1], F_GETFD) >= 0);
        end();
    }
}

static void a_table_must_be_whole(void **state)
{
    struct vhost_user_mem_table table;
    struct fd_list fds;

    begin();
    make(&table, &fds, 2);
    table.count = 3; /* more than descriptors */
    assert_int_equal(set(&table, &fds), -EINVAL);
    make(&table, &fds, 2);
    table.count = 1; /* fewer */
    assert_int_equal(set(&table, &fds), -EINVAL);
    make(&table, &fds, 2);
    table.count = UINT32_MAX;
    assert_int_equal(set(&table, &fds), -EINVAL);
    make(&table, &fds, 2);
    assert_int_equal(front_memory_set(&memory, &table, size_of(&table) - 1, &fds), -EINVAL);
    fd_list_finish(&fds);
    assert_int_equal(memory.count, 2);
    end();
}

static void a_device_is_believed(void **state)
{
    struct vhost_user_mem_table table;
    struct fd_list fds;

    begin();
    make(&table, &fds, 1);
    fd_close(&fds.fds[0]);
    fds.fds[0] = open("/dev/zero", O_RDWR | O_CLOEXEC);
    table.regions[0].size = 1024 * MIB;
    assert_int_equal(set(&table, &fds), 0);
    assert_int_equal(memory.count, 1);
    end();
}

static struct fd_list list_of(int fd)
{
    return (struct fd_list){.count = 1, .fds = {fd}};
}

static void regions_come_and_go(void **state)
{
    struct vhost_user_region region = {100 * MIB, MIB, 100 * MIB, 0}, other;
    struct fd_list fds = list_of(one_mib());

    begin();
    assert_int_equal(front_memory_add(&memory, &region, &fds), 0);
    assert_int_equal(fds.fds[0], -1); /* taken */
    assert_int_equal(memory.count, 3);
    fds = list_of(one_mib());
    assert_int_equal(front_memory_add(&memory, &region, &fds), -EINVAL); /* it overlaps itself */
    assert_true(fds.fds[0] >= 0);
    fd_list_finish(&fds);

    other = region;
    other.gpa++;
    assert_int_equal(front_memory_remove(&memory, &other), -ENOENT);
    other = region;
    other.size--;
    assert_int_equal(front_memory_remove(&memory, &other), -ENOENT);
    other = region;
    other.user++;
    assert_int_equal(front_memory_remove(&memory, &other), -ENOENT);
    other = (struct vhost_user_region){0, MIB, 0x100000000, 0}; /* the first: the last moves up */
    assert_int_equal(front_memory_remove(&memory, &other), 0);
    assert_int_equal(front_memory_remove(&memory, &other), -ENOENT);
    assert_int_equal(front_memory_remove(&memory, &region), 0);
    assert_int_equal(memory.count, 1);
    end();
}

static void there_is_a_most(void **state)
{
    struct vhost_user_region region = {1000 * MIB, MIB, MIB, 0};
    struct vhost_user_mem_table table;
    struct fd_list fds;

    front_memory_init(&memory);
    make(&table, &fds, 32);
    assert_int_equal(set(&table, &fds), 0);
    fds = list_of(one_mib());
    assert_int_equal(front_memory_add(&memory, &region, &fds), -E2BIG);
    fd_list_finish(&fds);
    assert_int_equal(memory.count, 32);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_good_table_replaces_the_old), FD_TEST(a_bad_table_keeps_the_old),
        FD_TEST(a_table_must_be_whole),         FD_TEST(a_device_is_believed),
        FD_TEST(regions_come_and_go),           FD_TEST(there_is_a_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
