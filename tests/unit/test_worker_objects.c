/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"
#include "worker/worker_command.h"
#include "worker/worker_objects.h"

/* The worker's side of shared objects and of commands; the door is the other end of a socket pair.
 */
static struct worker_objects objects;
static struct worker_commands commands;
static int door, link_fd;
static unsigned dones;
static int last; /* what the last look-up came to */
static bool ask_again;

static void begin(void)
{
    int pair[2];

    dones = 0;
    ask_again = false;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
                     0);
    door = pair[0];
    link_fd = pair[1];
    worker_objects_init(&objects, link_fd);
    worker_commands_init(&commands, link_fd);
}

static void end(void)
{
    worker_objects_finish(&objects);
    worker_commands_finish(&commands);
    fd_close(&door);
    fd_close(&link_fd);
}

/* The next message to the door, which keeps its rule. Returns its descriptor, or -1. */
static int told(struct link_message *m)
{
    struct fd_list fds = {0};
    ssize_t n = fd_receive(door, m, sizeof(*m), &fds);

    assert_true(n > 0);
    assert_null(link_check(m, (uint32_t)n, fds.count, LINK_WORKER));
    return fds.count > 0 ? fds.fds[0] : -1;
}

static void expect_silence(void)
{
    struct link_message m;

    assert_int_equal(recv(door, &m, sizeof(m), 0), -1);
}

static const uint8_t uuid[16] = "some object";

static void tells_the_door_what_is_shared(void **state)
{
    struct link_message m;
    int fd = fd_memfd("object", units_page_size()), got;

    begin();
    assert_int_equal(worker_objects_share(&objects, uuid, fd), 0);
    got = told(&m);
    assert_int_equal(m.type, LINK_OBJECT_ADD);
    assert_memory_equal(m.object.uuid, uuid, 16);
    assert_true(fd_same_file(got, fd));
    close(got);
    worker_objects_unshare(&objects, uuid);
    assert_int_equal(told(&m), -1);
    assert_int_equal(m.type, LINK_OBJECT_REMOVE);
    assert_memory_equal(m.object.uuid, uuid, 16);
    assert_int_equal(worker_objects_share(&objects, uuid, -1), -EBADF);
    expect_silence();
    fd_close(&door);
    assert_int_equal(worker_objects_share(&objects, uuid, fd), -ENOTCONN);
    close(fd);
    end();
}

static void on_found(void *data, int fd)
{
    dones++;
    last = fd;
    if (ask_again)
        assert_int_equal(worker_objects_lookup(&objects, uuid, on_found, NULL), 0);
    ask_again = false;
}

static void found(uint64_t ticket, int result, int fd)
{
    struct link_message m = {.type = LINK_OBJECT_FOUND};
    struct fd_list fds = {.count = fd >= 0, .fds = {fd}};

    m.object.ticket = ticket;
    m.object.result = result;
    worker_objects_found(&objects, &m, &fds);
    fd_list_finish(&fds);
}

static void finds_what_another_shares(void **state)
{
    struct link_message m;
    int fd = fd_memfd("object", units_page_size());
    uint64_t first;

    begin();
    assert_int_equal(worker_objects_lookup(&objects, uuid, on_found, NULL), 0);
    assert_int_equal(told(&m), -1);
    assert_int_equal(m.type, LINK_OBJECT_LOOKUP);
    first = m.object.ticket;
    assert_int_equal(worker_objects_lookup(&objects, uuid, on_found, NULL), 0);
    told(&m);
    assert_int_not_equal(m.object.ticket, first);
    found(first, 0, fd_duplicate(fd));
    assert_int_equal(dones, 1);
    assert_true(fd_same_file(last, fd));
    close(last);
    found(first, 0, fd_duplicate(fd)); /* once is enough: it is closed */
    found(12345, 0, -1);
    assert_int_equal(dones, 1);
    found(m.object.ticket, 0, -1); /* found, but there is nothing */
    assert_int_equal(last, -ENOENT);
    ask_again = true;
    assert_int_equal(worker_objects_lookup(&objects, uuid, on_found, NULL), 0);
    told(&m);
    found(m.object.ticket, -EOPNOTSUPP, -1);
    assert_int_equal(last, -EOPNOTSUPP);
    assert_int_equal(objects.count, 1);
    close(fd);
    end();
}

static void a_reset_ends_the_search(void **state)
{
    begin();
    for (unsigned i = 0; i < WORKER_OBJECTS_LOOKUPS; i++)
        assert_int_equal(worker_objects_lookup(&objects, uuid, on_found, NULL), 0);
    assert_int_equal(worker_objects_lookup(&objects, uuid, on_found, NULL), -EBUSY);
    ask_again = true; /* whoever is told */
    worker_objects_forget(&objects);
    assert_int_equal(dones, WORKER_OBJECTS_LOOKUPS);
    assert_int_equal(last, -ECANCELED);
    assert_int_equal(objects.count, 1);
    end();
}

/* ---- commands ---- */

static device_answer *answer_to;
static void *asker;
static char line[LINK_MAX_LINE];
static int passed;

static void on_command(struct device *device, const char *command, int fd, device_answer *answer,
                       void *data)
{
    strcpy(line, command);
    passed = fd;
    answer_to = answer;
    asker = data;
}

static void command(struct device *device, const char *text, uint32_t serial, int fd)
{
    struct link_message m = {.type = LINK_COMMAND, .serial = serial};
    struct fd_list fds = {.count = fd >= 0, .fds = {fd}};

    memset(m.command.line, 'x', sizeof(m.command.line));
    if (text != NULL)
        snprintf(m.command.line, sizeof(m.command.line), "%s", text);
    worker_commands_take(&commands, device, &m, &fds);
    fd_list_finish(&fds);
}

static void a_command_is_answered_in_its_time(void **state)
{
    static const struct device_impl impl = {.command = on_command};
    struct device device = {.impl = &impl};
    char much[LINK_MAX_TEXT + 1];
    struct link_message m;
    int fd = fd_memfd("picture", units_page_size());

    begin();
    command(&device, "screenshot 0", 7, fd_duplicate(fd));
    assert_string_equal(line, "screenshot 0");
    assert_true(fd_same_file(passed, fd));
    close(passed);
    expect_silence();
    answer_to(asker, -ENOENT, "there is none");
    told(&m);
    assert_int_equal(m.type, LINK_COMMAND_DONE);
    assert_int_equal(m.serial, 7);
    assert_int_equal(m.command_done.result, -ENOENT);
    assert_string_equal(m.command_done.text, "there is none");
    command(&device, NULL, 8, -1); /* without an end: it gets one */
    assert_int_equal(strlen(line), LINK_MAX_LINE - 1);
    assert_int_equal(passed, -1);
    memset(much, 'x', sizeof(much));
    much[LINK_MAX_TEXT] = '\0';
    answer_to(asker, 0, much);
    told(&m);
    assert_int_equal(m.command_done.result, -EMSGSIZE);
    much[LINK_MAX_TEXT - 1] = '\0';
    command(&device, "outputs", 9, -1);
    answer_to(asker, 0, much);
    told(&m);
    assert_int_equal(m.command_done.result, 0);
    assert_string_equal(m.command_done.text, much);
    command(&device, "outputs", 10, -1); /* and is never answered: the device ends */
    close(fd);
    end();
}

static void a_device_may_know_no_commands(void **state)
{
    static const struct device_impl impl = {0};
    struct device device = {.impl = &impl};
    struct link_message m;

    begin();
    command(&device, "screenshot 0", 7, fd_memfd("picture", units_page_size()));
    told(&m);
    assert_int_equal(m.serial, 7);
    assert_int_equal(m.command_done.result, -EOPNOTSUPP);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(tells_the_door_what_is_shared), FD_TEST(finds_what_another_shares),
        FD_TEST(a_reset_ends_the_search),       FD_TEST(a_command_is_answered_in_its_time),
        FD_TEST(a_device_may_know_no_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
