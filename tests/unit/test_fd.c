/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

static int ends[2];

static void open_pair(int type)
{
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
}

static void close_pair(void)
{
    close(ends[0]);
    close(ends[1]);
}

static void fill(int *fds, unsigned count, int fd)
{
    for (unsigned i = 0; i < count; i++)
        fds[i] = fd;
}

/* Sends more descriptors than fd_send lets go: what a stranger can do. */
static void send_raw(const int *fds, unsigned count)
{
    char control[CMSG_SPACE(64 * sizeof(int))] __attribute__((aligned(8))) = {0};
    char byte = 'x';
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = CMSG_SPACE(count * sizeof(int)),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    assert_true(count <= 64);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    assert_int_equal(sendmsg(ends[0], &message, 0), 1);
}

static void bytes_and_descriptors_arrive(void **state)
{
    struct fd_list list = {0};
    char text[16] = {0};
    int fd = fd_memfd("test", 4096);
    int got;

    open_pair(SOCK_STREAM);
    assert_int_equal(fd_send(ends[0], "hello", 5, (int[]){fd, ends[0]}, 2), 5);
    assert_int_equal(fd_receive(ends[1], text, sizeof(text), &list), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(list.count, 2);
    got = fd_list_take(&list, 0);
    assert_true(fd_same_file(got, fd));
    assert_false(fd_same_file(got, ends[0]));
    assert_int_equal(fcntl(got, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_list_take(&list, 0), -1); /* it is gone already */
    assert_int_equal(fd_list_take(&list, 2), -1); /* it never was */
    fd_list_finish(&list);                        /* closes the other */
    assert_int_equal(list.count, 0);
    fd_close(&got);
    fd_close(&fd);
    close_pair();
}

static void descriptors_of_two_messages_add_up(void **state)
{
    struct fd_list list = {0};
    char text[4];

    open_pair(SOCK_SEQPACKET);
    assert_int_equal(fd_send(ends[0], "a", 1, (int[]){0}, 1), 1);
    assert_int_equal(fd_send(ends[0], "b", 1, (int[]){1, 2}, 2), 1);
    assert_int_equal(fd_receive(ends[1], text, 4, &list), 1);
    assert_int_equal(fd_receive(ends[1], text, 4, &list), 1);
    assert_int_equal(list.count, 3);
    fd_list_finish(&list);
    close_pair();
}

static void a_full_list_arrives(void **state)
{
    struct fd_list list = {0};
    int fds[FD_LIST_MAX];
    char text;

    fill(fds, FD_LIST_MAX, 0);
    open_pair(SOCK_STREAM);
    assert_int_equal(fd_send(ends[0], "x", 1, fds, FD_LIST_MAX), 1);
    assert_int_equal(fd_receive(ends[1], &text, 1, &list), 1);
    assert_int_equal(list.count, FD_LIST_MAX);
    fd_list_finish(&list);
    assert_int_equal(fd_send(ends[0], "x", 1, fds, FD_LIST_MAX + 1), -EINVAL);
    close_pair();
}

static void too_many_descriptors_are_all_closed(void **state)
{
    struct fd_list list = {0};
    int fds[64];
    char text;

    fill(fds, 64, 0);
    open_pair(SOCK_STREAM);
    for (unsigned count = FD_LIST_MAX + 1; count <= 64; count++) {
        send_raw(fds, count); /* the kernel cuts the control message short */
        assert_int_equal(fd_receive(ends[1], &text, 1, &list), -EMSGSIZE);
        assert_int_equal(list.count, 0);
    }
    close_pair();
}

static void an_overflowing_list_is_closed(void **state)
{
    struct fd_list list = {0};
    int fds[FD_LIST_MAX];
    char text;

    fill(fds, FD_LIST_MAX, 0);
    open_pair(SOCK_STREAM);
    assert_int_equal(fd_send(ends[0], "x", 1, fds, FD_LIST_MAX - 1), 1);
    assert_int_equal(fd_send(ends[0], "x", 1, fds, 3), 1);
    assert_int_equal(fd_receive(ends[1], &text, 1, &list), 1);
    assert_int_equal(fd_receive(ends[1], &text, 1, &list), -EMSGSIZE);
    assert_int_equal(list.count, 0);
    close_pair();
}

/* With no free descriptor left the kernel hands over what it can and says that it cut the rest. */
static void running_out_of_descriptors_leaks_none(void **state)
{
    struct fd_list list = {0};
    struct rlimit old, tight;
    char text;

    open_pair(SOCK_STREAM);
    send_raw((int[]){0, 0, 0, 0}, 4);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = (struct rlimit){.rlim_cur = (rlim_t)ends[1] + 3, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(fd_receive(ends[1], &text, 1, &list), -EMSGSIZE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(list.count, 0);
    close_pair();
}

static void other_control_messages_are_passed_over(void **state)
{
    struct fd_list list = {0};
    char text;

    open_pair(SOCK_STREAM);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)), 0);
    assert_int_equal(fd_send(ends[0], "x", 1, (int[]){0}, 1), 1);
    assert_int_equal(fd_receive(ends[1], &text, 1, &list), 1);
    assert_int_equal(list.count, 1);
    fd_list_finish(&list);
    close_pair();
}

/* It reads like an end, at which nobody looks for descriptors. */
static void an_empty_packet_brings_nothing(void **state)
{
    struct fd_list list = {0};
    char text;

    open_pair(SOCK_SEQPACKET);
    assert_int_equal(fd_send(ends[0], "x", 1, (int[]){0}, 1), 1);
    assert_int_equal(fd_send(ends[0], "", 0, (int[]){0, 0}, 2), 0);
    assert_int_equal(fd_receive(ends[1], &text, 1, &list), 1);
    assert_int_equal(fd_receive(ends[1], &text, 1, &list), 0);
    assert_int_equal(list.count, 1);
    fd_list_finish(&list);
    close_pair();
}

static void ends_and_errors_are_told_apart(void **state)
{
    struct fd_list list = {0};
    char text;

    open_pair(SOCK_STREAM);
    assert_int_equal(fd_set_nonblock(ends[1]), 0);
    assert_int_equal(fd_receive(ends[1], &text, 1, &list), -EAGAIN);
    fd_close(&ends[0]);
    assert_int_equal(ends[0], -1);
    assert_int_equal(fd_receive(ends[1], &text, 1, &list), 0);
    assert_int_equal(fd_send(ends[1], "x", 1, NULL, 0), -EPIPE); /* and no signal */
    fd_close(&ends[1]);
    assert_int_equal(fd_receive(-1, &text, 1, &list), -EBADF);
}

static void a_full_socket_sends_less(void **state)
{
    static char big[4 << 20];
    ssize_t sent;

    open_pair(SOCK_STREAM);
    assert_int_equal(fd_set_nonblock(ends[0]), 0);
    sent = fd_send(ends[0], big, sizeof(big), NULL, 0);
    assert_true(sent > 0 && (size_t)sent < sizeof(big));
    while (sent > 0)
        sent = fd_send(ends[0], big, sizeof(big), NULL, 0);
    assert_int_equal(sent, -EAGAIN);
    close_pair();
}

static void flags_change_as_told(void **state)
{
    int fd = fd_duplicate(0);

    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_set_inherited(fd), 0);
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    fd_close(&fd);
    fd_close(&fd);
    assert_int_equal(fd_duplicate(-1), -EBADF);
    assert_int_equal(fd_set_inherited(-1), -EBADF);
    assert_int_equal(fd_set_nonblock(-1), -EBADF);
}

static void a_memfd_keeps_its_size(void **state)
{
    int fd = fd_memfd("test", 8192);
    uint64_t size = 0;

    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_file_size(fd, &size), 0);
    assert_int_equal(size, 8192);
    assert_int_equal(ftruncate(fd, 4096), -1);
    assert_int_equal(ftruncate(fd, 16384), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
    fd_close(&fd);
    assert_int_equal(fd_memfd("test", UINT64_MAX), -EFBIG);
}

static void files_without_a_size_are_known(void **state)
{
    int null = open("/dev/zero", O_RDWR | O_CLOEXEC);
    uint64_t size = 0;

    assert_int_equal(fd_file_size(null, &size), 0);
    assert_true(size == UINT64_MAX);
    assert_int_equal(fd_file_size(-1, &size), -EBADF);
    fd_close(&null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(bytes_and_descriptors_arrive),
        FD_TEST(descriptors_of_two_messages_add_up),
        FD_TEST(a_full_list_arrives),
        FD_TEST(too_many_descriptors_are_all_closed),
        FD_TEST(an_overflowing_list_is_closed),
        FD_TEST(running_out_of_descriptors_leaks_none),
        FD_TEST(other_control_messages_are_passed_over),
        FD_TEST(an_empty_packet_brings_nothing),
        FD_TEST(ends_and_errors_are_told_apart),
        FD_TEST(a_full_socket_sends_less),
        FD_TEST(flags_change_as_told),
        FD_TEST(a_memfd_keeps_its_size),
        FD_TEST(files_without_a_size_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
