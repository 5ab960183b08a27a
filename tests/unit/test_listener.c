/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/listener.h"

static char directory[] = "/tmp/listener-XXXXXX";
static char path[64];

static struct sockaddr_un address_of(const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, text);
    return address;
}

/* A socket of that type bound to the path. */
static int bound(int type)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static bool can_connect(void)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool can = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return can;
}

static bool is_there(void)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void a_new_socket_is_private(void **state)
{
    struct listener l;
    struct stat st;
    mode_t mask = umask(0);

    assert_int_equal(listener_init_path(&l, path, NULL), 0);
    assert_int_equal(umask(mask), 0); /* as it was */
    assert_true(l.listening);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(fcntl(l.fd, F_GETFD), FD_CLOEXEC);
    assert_true(can_connect());
    listener_finish(&l);
    assert_false(is_there());
    listener_finish(&l);
}

/* Whoever is in the group may connect, and nobody else. */
static void a_group_may_connect(void **state)
{
    struct listener l;
    struct stat st;
    char number[16];
    gid_t gid = getuid() == 0 ? 4711 : getgid(); /* one that root is not in */

    snprintf(number, sizeof(number), "%u", gid);
    assert_int_equal(listener_init_path(&l, path, number), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(st.st_gid, gid);
    assert_true(can_connect());
    listener_finish(&l);
    if (getuid() == 0) {
        const struct group *named = getgrgid(1);

        assert_non_null(named);
        assert_int_equal(listener_init_path(&l, path, named->gr_name), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_gid, 1);
        listener_finish(&l);
    }
}

static void an_unknown_group_is_refused(void **state)
{
    static const char *const wrong[] = {"no-such-group", "12x", "-1", "4294967295", "99999999999"};
    struct listener l;

    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(listener_init_path(&l, path, wrong[i]), -ENOENT);
        assert_false(is_there());
        listener_finish(&l);
    }
}

/* A group that the user is not in: nothing is left lying about. */
static void another_group_is_not_given(void **state)
{
    int status = 0;
    pid_t child = getuid() == 0 ? fork() : -1;

    if (child < 0)
        skip();
    if (child == 0) {
        struct listener l;
        bool as_it_should = setgid(65534) == 0 && setuid(65534) == 0 && chdir("/tmp") == 0 &&
                            listener_init_path(&l, "listener-of-nobody", "1") == -EPERM &&
                            access("listener-of-nobody", F_OK) < 0;

        _exit(as_it_should ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_taken_socket_is_the_callers(void **state)
{
    struct listener l;
    int fd;

    assert_int_equal(listener_init_path(&l, path, NULL), 0);
    fd = listener_take(&l);
    assert_int_equal(l.fd, -1);
    assert_true(can_connect());
    listener_finish(&l);
    assert_false(is_there()); /* the path is removed still */
    assert_true(fcntl(fd, F_GETFD) >= 0);
    close(fd);
}

static void a_dead_socket_is_replaced(void **state)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    struct listener l;

    for (unsigned i = 0; i < 3; i++) {
        close(bound(types[i]));
        assert_true(is_there());
        assert_int_equal(listener_init_path(&l, path, NULL), 0);
        assert_true(can_connect());
        listener_finish(&l);
    }
}

static void a_live_socket_stays(void **state)
{
    struct listener first, second;

    assert_int_equal(listener_init_path(&first, path, NULL), 0);
    assert_int_equal(listener_init_path(&second, path, NULL), -EADDRINUSE);
    assert_int_equal(second.fd, -1);
    listener_finish(&second);
    assert_true(can_connect());
    listener_finish(&first);
}

/* Also where nobody can connect just now: its backlog is full. */
static void a_busy_socket_stays(void **state)
{
    struct sockaddr_un address = address_of(path);
    int fd = bound(SOCK_STREAM), waiting[4];
    struct listener l;
    unsigned n = 0;

    assert_int_equal(listen(fd, 0), 0);
    for (; n < 4; n++) {
        waiting[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(waiting[n], (struct sockaddr *)&address, sizeof(address)) < 0)
            break;
    }
    assert_true(n < 4);
    assert_int_equal(listener_init_path(&l, path, NULL), -EADDRINUSE);
    assert_true(is_there());
    for (unsigned i = 0; i <= n; i++)
        close(waiting[i]);
    close(fd);
    unlink(path);
}

/* The socket of a log, for example: it is somebody's, though it has another type. */
static void a_socket_of_another_type_stays(void **state)
{
    static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};
    struct listener l;

    for (unsigned i = 0; i < 2; i++) {
        int fd = bound(types[i]);

        if (types[i] == SOCK_SEQPACKET)
            assert_int_equal(listen(fd, 4), 0);
        assert_int_equal(listener_init_path(&l, path, NULL), -EADDRINUSE);
        assert_true(is_there());
        listener_finish(&l);
        assert_true(is_there());
        close(fd);
        unlink(path);
    }
}

static void what_is_no_socket_stays(void **state)
{
    struct listener l;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    close(fd);
    assert_int_equal(listener_init_path(&l, path, NULL), -EEXIST);
    listener_finish(&l);
    assert_true(is_there());
    unlink(path);

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(listener_init_path(&l, path, NULL), -EEXIST);
    rmdir(path);

    assert_int_equal(symlink("/nowhere", path), 0); /* nor is a link followed */
    assert_int_equal(listener_init_path(&l, path, NULL), -EEXIST);
    unlink(path);
}

static void not_every_path_will_do(void **state)
{
    char longest[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
    struct listener l;

    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0'; /* one byte more than there is room for */
    assert_int_equal(listener_init_path(&l, longest, NULL), -ENAMETOOLONG);
    assert_int_equal(l.fd, -1);
    listener_finish(&l);
    assert_int_equal(listener_init_path(&l, "/nonexistent/socket", NULL), -ENOENT);
    assert_int_equal(listener_init_path(&l, "/proc/version/socket", NULL), -ENOTDIR);
    listener_finish(&l);
}

static void a_given_socket_is_taken_over(void **state)
{
    struct listener l;
    int pair[2];
    int fd;

    fd = bound(SOCK_STREAM);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(listener_init_fd(&l, fd), 0);
    assert_true(l.listening);
    assert_int_equal(fcntl(l.fd, F_GETFD), FD_CLOEXEC);
    listener_finish(&l);
    assert_true(is_there()); /* whoever made it removes it */
    unlink(path);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(listener_init_fd(&l, pair[0]), 0);
    assert_false(l.listening);
    listener_finish(&l);
    close(pair[1]);
}

static void not_every_descriptor_is_a_socket(void **state)
{
    struct listener l;
    int pair[2];
    int file = fd_memfd("test", 4096);
    int inet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(listener_init_fd(&l, file), -EINVAL);
    assert_int_equal(listener_init_fd(&l, 9999), -EINVAL);
    assert_int_equal(listener_init_fd(&l, -1), -EINVAL);
    if (inet >= 0)
        assert_int_equal(listener_init_fd(&l, inet), -EINVAL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(listener_init_fd(&l, pair[0]), -EINVAL);
    assert_int_equal(l.fd, -1);
    listener_finish(&l);
    close(pair[0]);
    close(pair[1]);
    fd_close(&inet);
    fd_close(&file);
}

static int make_directory(void **state)
{
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/socket", directory);
    return 0;
}

static int remove_directory(void **state)
{
    return rmdir(directory); /* it is empty, or a test left something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_new_socket_is_private),
        FD_TEST(a_group_may_connect),
        FD_TEST(an_unknown_group_is_refused),
        FD_TEST(another_group_is_not_given),
        FD_TEST(a_taken_socket_is_the_callers),
        FD_TEST(a_dead_socket_is_replaced),
        FD_TEST(a_live_socket_stays),
        FD_TEST(a_busy_socket_stays),
        FD_TEST(a_socket_of_another_type_stays),
        FD_TEST(what_is_no_socket_stays),
        FD_TEST(not_every_path_will_do),
        FD_TEST(a_given_socket_is_taken_over),
        FD_TEST(not_every_descriptor_is_a_socket),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
