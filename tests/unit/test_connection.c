/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "back_end_peer.h"
#include "door/connection.h"

#define MESSAGES 8u

static sd_event *loop;
static struct connection connection;
static int peer_fd;
static bool hold_after_each;
static unsigned messages, closed_count;
static struct vhost_user_message got[MESSAGES];
static unsigned fd_counts[MESSAGES];
static int kept; /* the last message's first descriptor */
static char reason[128];
static unsigned refused; /* times that the peer did what it should not */

static void on_message(void *data, const struct vhost_user_message *m, struct fd_list *fds)
{
    assert_true(messages < MESSAGES);
    fd_counts[messages] = fds->count;
    got[messages++] = *m;
    fd_close(&kept);
    kept = fd_list_take(fds, 0);
    if (hold_after_each)
        connection_hold(&connection, true);
}

static void on_closed(void *data, const char *why)
{
    closed_count++;
    strncpy(reason, why, sizeof(reason) - 1);
}

static void on_refused(void *data, const char *why)
{
    refused++;
}

static const struct connection_handler handler = {on_message, on_refused, on_closed};

static void begin(void)
{
    int pair[2];

    assert_true(sd_event_new(&loop) >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    peer_fd = pair[0];
    assert_int_equal(fd_set_nonblock(peer_fd), 0);
    messages = closed_count = refused = 0;
    hold_after_each = false;
    kept = -1;
    memset(reason, 0, sizeof(reason));
    assert_int_equal(connection_init(&connection, loop, pair[1], &handler, NULL), 0);
}

static void end(void)
{
    connection_finish(&connection);
    fd_close(&peer_fd);
    fd_close(&kept);
    loop = sd_event_unref(loop);
}

/* Writes a message to 'bytes'; its payload is 1, 2, 3 ... Returns its size. */
static unsigned form(uint8_t *bytes, uint32_t request, uint32_t flags, uint32_t size)
{
    struct vhost_user_header header = {request, flags, size};

    memcpy(bytes, &header, VHOST_USER_HEADER_SIZE);
    for (unsigned i = 0; i < size && i < VHOST_USER_MAX_PAYLOAD; i++)
        bytes[VHOST_USER_HEADER_SIZE + i] = (uint8_t)(i + 1);
    return VHOST_USER_HEADER_SIZE + size;
}

static void send_bytes(const uint8_t *bytes, size_t size, const int *fds, unsigned count)
{
    assert_int_equal(fd_send(peer_fd, bytes, size, fds, count), size);
}

static uint8_t buffer[VHOST_USER_HEADER_SIZE + VHOST_USER_MAX_PAYLOAD];

static void expect(unsigned index, uint32_t request, uint32_t size)
{
    assert_true(index < messages);
    assert_int_equal(got[index].header.request, request);
    assert_int_equal(got[index].header.size, size);
    for (unsigned i = 0; i < size; i++)
        assert_int_equal(got[index].bytes[i], (uint8_t)(i + 1));
}

static void a_message_comes_whole(void **state)
{
    int fd = fd_memfd("test", 4096);

    begin();
    assert_true(connection_quiet(&connection));
    send_bytes(buffer, form(buffer, 9, VHOST_USER_VERSION, 40), &fd, 1);
    assert_false(connection_quiet(&connection));
    loop_turns(loop);
    assert_int_equal(messages, 1);
    expect(0, 9, 40);
    assert_int_equal(fd_counts[0], 1);
    assert_true(fd_same_file(kept, fd));
    assert_true(connection_quiet(&connection));
    send_bytes(buffer, form(buffer, 1, VHOST_USER_VERSION, 0), NULL, 0);
    loop_turns(loop);
    expect(1, 1, 0);
    assert_int_equal(fd_counts[1], 0); /* they are not those of the message before */
    send_bytes(buffer, form(buffer, 5, VHOST_USER_VERSION, VHOST_USER_MAX_PAYLOAD), NULL, 0);
    loop_turns(loop);
    expect(2, 5, VHOST_USER_MAX_PAYLOAD);
    fd_close(&fd);
    end();
}

static void a_message_may_come_in_pieces(void **state)
{
    int fd = fd_memfd("test", 4096);
    unsigned size;

    begin();
    size = form(buffer, 9, VHOST_USER_VERSION, 40);
    for (unsigned i = 0; i < size; i++) {
        assert_int_equal(messages, 0);
        send_bytes(buffer + i, 1, &fd, i == 0 || i == 30);
        loop_turns(loop);
        assert_int_equal(connection_quiet(&connection), i + 1 == size);
    }
    assert_int_equal(messages, 1);
    expect(0, 9, 40);
    assert_int_equal(fd_counts[0], 2);
    fd_close(&fd);
    end();
}

/* Each gets its own descriptors. */
static void two_may_come_at_once(void **state)
{
    int first = fd_memfd("test", 4096);
    int second = fd_memfd("test", 4096);
    unsigned size;

    begin();
    size = form(buffer, 9, VHOST_USER_VERSION, 40);
    send_bytes(buffer, size, &first, 1);
    send_bytes(buffer, size - 1, &second, 1);
    loop_turns(loop);
    assert_int_equal(messages, 1);
    assert_true(fd_same_file(kept, first));
    send_bytes(buffer + size - 1, 1, NULL, 0);
    loop_turns(loop);
    assert_int_equal(messages, 2);
    assert_true(fd_same_file(kept, second));

    size = form(buffer, 1, VHOST_USER_VERSION, 0);
    form(buffer + size, 2, VHOST_USER_VERSION, 8);
    send_bytes(buffer, size + VHOST_USER_HEADER_SIZE + 8, NULL, 0);
    loop_turns(loop);
    expect(2, 1, 0);
    expect(3, 2, 8);
    fd_close(&first);
    fd_close(&second);
    end();
}

static void nothing_is_read_while_held(void **state)
{
    unsigned size;

    begin();
    hold_after_each = true;
    size = form(buffer, 1, VHOST_USER_VERSION, 0);
    send_bytes(buffer, size, NULL, 0);
    send_bytes(buffer, size, NULL, 0);
    loop_turns(loop);
    assert_int_equal(messages, 1);
    assert_false(connection_quiet(&connection));
    connection_hold(&connection, false);
    loop_turns(loop);
    assert_int_equal(messages, 2);
    end();
}

static void a_bad_header_ends_it(void **state)
{
    static const struct {
        uint32_t flags, size;
        const char *why;
    } bad[] = {
        {0, 0, "version"},
        {2, 0, "version"},
        {VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY, 0, "reply"},
        {VHOST_USER_VERSION, VHOST_USER_MAX_PAYLOAD + 1, "larger"},
        {VHOST_USER_VERSION, UINT32_MAX, "larger"},
    };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin();
        form(buffer, 1, bad[i].flags, bad[i].size);
        send_bytes(buffer, VHOST_USER_HEADER_SIZE, &peer_fd, 1);
        loop_turns(loop);
        assert_int_equal(closed_count, 1);
        assert_non_null(strstr(reason, bad[i].why));
        send_bytes(buffer, form(buffer, 1, VHOST_USER_VERSION, 0), NULL, 0);
        connection_hold(&connection, false);
        loop_turns(loop);
        assert_int_equal(messages, 0);
        assert_int_equal(closed_count, 1);
        end();
    }
}

static void too_many_descriptors_end_it(void **state)
{
    int fds[FD_LIST_MAX];

    begin();
    for (unsigned i = 0; i < FD_LIST_MAX; i++)
        fds[i] = peer_fd;
    form(buffer, 5, VHOST_USER_VERSION, 8);
    send_bytes(buffer, VHOST_USER_HEADER_SIZE, fds, FD_LIST_MAX);
    loop_turns(loop);
    assert_int_equal(closed_count, 0); /* so many may come */
    send_bytes(buffer, 1, fds, 1);
    loop_turns(loop);
    assert_int_equal(closed_count, 1);
    assert_non_null(strstr(reason, "more descriptors"));
    end();
}

static void a_hang_up_is_told_once(void **state)
{
    int fd = fd_memfd("test", 4096);

    begin();
    fd_close(&peer_fd);
    loop_turns(loop);
    assert_int_equal(closed_count, 1);
    assert_string_equal(reason, "it hung up");
    connection_hold(&connection, false);
    loop_turns(loop);
    connection_answer(&connection, &got[0], NULL, 0);
    assert_int_equal(closed_count, 1);
    end();

    begin();
    form(buffer, 5, VHOST_USER_VERSION, 8);
    send_bytes(buffer, 13, &fd, 1);
    fd_close(&peer_fd);
    loop_turns(loop);
    assert_int_equal(closed_count, 1);
    assert_string_equal(reason, "it hung up in mid-message");
    assert_true(refused > 0);
    fd_close(&fd);
    end();
}

static int64_t read_ack(void)
{
    struct vhost_user_header header;
    uint8_t bytes[VHOST_USER_HEADER_SIZE + 8];
    uint64_t value;

    if (read(peer_fd, bytes, sizeof(bytes)) != sizeof(bytes))
        return -1;
    memcpy(&header, bytes, sizeof(header));
    memcpy(&value, bytes + sizeof(header), sizeof(value));
    assert_int_equal(header.request, 77);
    assert_int_equal(header.flags, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY);
    assert_int_equal(header.size, 8);
    return (int64_t)value;
}

static void an_ack_comes_where_it_was_asked_for(void **state)
{
    struct vhost_user_message m = {{77, VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY, 0}};

    begin();
    connection_ack(&connection, &m, true, 0);
    assert_int_equal(read_ack(), 0);
    connection_ack(&connection, &m, true, -EINVAL);
    assert_int_equal(read_ack(), 1);
    connection_ack(&connection, &m, false, -EINVAL); /* not negotiated */
    assert_int_equal(read_ack(), -1);
    m.header.flags = VHOST_USER_VERSION;
    connection_ack(&connection, &m, true, 0);
    assert_int_equal(read_ack(), -1);
    end();
}

static void an_answer_has_its_own_form(void **state)
{
    static struct vhost_user_shmem_config config = {.regions = 1};
    struct vhost_user_message m = {{77, VHOST_USER_VERSION, 0}};
    struct vhost_user_header header;

    begin();
    config.sizes[255] = 5;
    connection_answer(&connection, &m, &config, sizeof(config));
    assert_int_equal(read(peer_fd, buffer, sizeof(buffer)),
                     VHOST_USER_HEADER_SIZE + sizeof(config));
    memcpy(&header, buffer, sizeof(header));
    assert_int_equal(header.size, 2056);
    assert_memory_equal(buffer + VHOST_USER_HEADER_SIZE, &config, sizeof(config));
    connection_answer(&connection, &m, NULL, 0);
    assert_int_equal(read(peer_fd, buffer, sizeof(buffer)), VHOST_USER_HEADER_SIZE);
    end();
}

static void who_does_not_read_answers_is_left(void **state)
{
    static const struct vhost_user_shmem_config config;
    struct vhost_user_message m = {{77, VHOST_USER_VERSION, 0}};

    begin();
    for (unsigned i = 0; i < 10000 && closed_count == 0; i++)
        connection_answer(&connection, &m, &config, sizeof(config));
    assert_int_equal(closed_count, 1);
    assert_non_null(strstr(reason, "does not read"));
    end();

    begin(); /* nor does one that is gone raise a signal */
    fd_close(&peer_fd);
    connection_answer(&connection, &m, &config, sizeof(config));
    assert_int_equal(closed_count, 1);
    end();
}

static void not_everything_is_a_connection(void **state)
{
    struct connection c;
    sd_event *own;

    assert_true(sd_event_new(&own) >= 0);
    assert_int_equal(connection_init(&c, own, fd_memfd("test", 4096), &handler, NULL), -EPERM);
    assert_int_equal(connection_init(&c, own, -1, &handler, NULL), -EBADF);
    connection_finish(&c);
    sd_event_unref(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_message_comes_whole),          FD_TEST(a_message_may_come_in_pieces),
        FD_TEST(two_may_come_at_once),           FD_TEST(nothing_is_read_while_held),
        FD_TEST(a_bad_header_ends_it),           FD_TEST(too_many_descriptors_end_it),
        FD_TEST(a_hang_up_is_told_once),         FD_TEST(an_ack_comes_where_it_was_asked_for),
        FD_TEST(an_answer_has_its_own_form),     FD_TEST(who_does_not_read_answers_is_left),
        FD_TEST(not_everything_is_a_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
