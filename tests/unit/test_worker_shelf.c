/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "door/door_shelf.h"
#include "worker/worker_shelf.h"

/* Both ends of the shelf: the worker's, and the door's, which a thread of its own runs. */
static struct door_shelf door;
static pthread_t thread;
static int ends[2]; /* the door's, the worker's */

static void *serve(void *data)
{
    struct link_message m, give;
    struct fd_list fds = {0};
    int given[LINK_SHELF_BATCH];
    ssize_t n;

    while ((n = fd_receive(ends[0], &m, sizeof(m), &fds)) > 0) {
        if (link_check(&m, (uint32_t)n, fds.count, LINK_WORKER) != NULL)
            abort();
        if (m.type == LINK_SHELF_ASK) {
            unsigned count = door_shelf_give(&door, &m, &give, given);

            fd_send(ends[0], &give, link_size(give.type), given, count);
        } else {
            door_shelf_take(&door, &m, &fds);
        }
        fd_list_finish(&fds);
    }
    return NULL;
}

/* A worker starts; the last one's shelf is finished. */
static void start(struct worker_shelf *shelf)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    assert_int_equal(worker_shelf_init(shelf, ends[1]), 0);
}

/* It dies, and what it said before counts. */
static void die(struct worker_shelf *shelf)
{
    worker_shelf_finish(shelf);
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
}

static int file_with(uint8_t byte)
{
    int fd = fd_memfd("test", 4096);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &byte, 1, 0), 1);
    return fd;
}

static uint64_t put(struct worker_shelf *shelf, uint8_t byte)
{
    int fd = file_with(byte);
    uint64_t key = shelf_put(&shelf->base, fd);

    assert_true(key > 0);
    close(fd);
    return key;
}

static uint8_t take(struct worker_shelf *shelf, uint64_t key)
{
    int fd = shelf->base.take(&shelf->base, key);
    uint8_t byte = 0;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    close(fd);
    return byte;
}

#define MANY 150u /* more than go into a message */

static void the_next_worker_finds_what_was_left(void **state)
{
    struct worker_shelf shelf;
    uint64_t keys[MANY];

    door_shelf_init(&door);
    start(&shelf);
    assert_int_equal(shelf.item_count, 0);
    for (unsigned i = 0; i < MANY; i++)
        keys[i] = put(&shelf, (uint8_t)i);
    shelf_drop(&shelf.base, keys[7]);
    shelf_drop(&shelf.base, 0);
    shelf_drop(&shelf.base, 4711);
    assert_int_equal(shelf.base.take(&shelf.base, keys[3]), -ENOENT); /* it is its own */
    die(&shelf);
    assert_int_equal(door.count, MANY - 1);

    start(&shelf);
    assert_int_equal(shelf.item_count, MANY - 1);
    for (unsigned i = 0; i < MANY; i += 2)
        assert_int_equal(take(&shelf, keys[i]), i);
    assert_int_equal(shelf.base.take(&shelf.base, keys[2]), -ENOENT); /* once */
    assert_int_equal(shelf.base.take(&shelf.base, keys[7]), -ENOENT);
    assert_true(put(&shelf, 99) > keys[MANY - 1]);
    worker_shelf_settle(&shelf); /* what it did not want is dropped */
    die(&shelf);
    assert_int_equal(door.count, MANY / 2 + 1);

    start(&shelf);
    assert_int_equal(take(&shelf, keys[4]), 4); /* what was taken is still there */
    worker_shelf_clear(&shelf);
    put(&shelf, 5);
    die(&shelf);
    assert_int_equal(door.count, 1);
    door_shelf_clear(&door);
}

/* A door that says something else is none. */
static void nonsense_is_refused(void **state)
{
    struct link_message bad = {.type = LINK_SHELF_GIVE, .shelf.count = 3};
    struct worker_shelf shelf;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(fd_send(ends[0], &bad, link_size(bad.type), NULL, 0), link_size(bad.type));
    assert_int_equal(worker_shelf_init(&shelf, ends[1]), -EPROTO);
    close(ends[0]);
    assert_true(worker_shelf_init(&shelf, ends[1]) < 0);
    close(ends[1]);
}

static void the_door_keeps_one_for_each_key(void **state)
{
    struct link_message m = {.type = LINK_SHELF_PUT, .shelf_key.key = 5};
    struct fd_list fds = {.count = 1};

    door_shelf_init(&door);
    for (unsigned i = 0; i < 2; i++) {
        fds = (struct fd_list){.count = 1, .fds = {file_with(1)}};
        door_shelf_take(&door, &m, &fds);
        fd_list_finish(&fds);
        assert_int_equal(door.count, 1);
    }
    door_shelf_clear(&door);
    assert_int_equal(door.count, 0);
}

int main(void)
{
    log_init("test", NULL, LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        FD_TEST(the_next_worker_finds_what_was_left),
        FD_TEST(nonsense_is_refused),
        FD_TEST(the_door_keeps_one_for_each_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
