/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "daemon/control_socket.h"

#define PATH_FORM "/tmp/hostblob-test-control-%d"

static sd_event *loop;
static struct control_socket control;
static char path[64];
/* The device. */
static unsigned asked, forgotten;
static char line[CONTROL_CLIENT_LINE];
static bool had_fd;
static int refuse;
static const char *at_once; /* said from within; NULL: later */
static control_done *answer_to;
static void *waiting; /* NULL: nobody */

static char *on_report(void *data)
{
    return strdup("{\"device\":1}\n");
}

static int on_command(void *data, const char *command, int fd, control_done *done, void *client)
{
    asked++;
    strcpy(line, command);
    had_fd = fd >= 0;
    if (had_fd)
        assert_int_equal(pwrite(fd, "picture", 7, 0), 7);
    if (refuse < 0)
        return refuse;
    if (at_once != NULL) {
        done(client, -EINVAL, at_once);
        return 0;
    }
    answer_to = done;
    waiting = client;
    return 0;
}

static void on_forget(void *data, void *client)
{
    assert_ptr_equal(client, waiting);
    waiting = NULL;
    forgotten++;
}

static const struct control_handler handler = {on_report, on_command, on_forget};

static void begin(void)
{
    asked = forgotten = 0;
    refuse = 0;
    waiting = NULL;
    snprintf(path, sizeof(path), PATH_FORM, (int)getpid());
    assert_true(sd_event_new(&loop) >= 0);
    assert_int_equal(control_socket_open(&control, path), 0);
    assert_int_equal(control_socket_serve(&control, loop, &handler, NULL), 0);
}

static void end(void)
{
    control_socket_finish(&control);
    assert_int_not_equal(access(path, F_OK), 0);
    loop = sd_event_unref(loop);
}

static void turns(unsigned ms)
{
    uint64_t until = units_now_ns() + ms * UINT64_C(1000000);

    do {
        while (sd_event_run(loop, 1000) > 0) {
        }
    } while (units_now_ns() < until);
}

static int come(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    strcpy(address.sun_path, path);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void say_fd(int fd, const char *text, const int *fds, unsigned count)
{
    assert_int_equal(fd_send(fd, text, strlen(text), fds, count), strlen(text));
    turns(0);
}

static void say(int fd, const char *text)
{
    say_fd(fd, text, NULL, 0);
}

/* What was answered, and that it was the end; closes 'fd'. */
static void expect(int fd, const char *text)
{
    char got[1024];
    ssize_t n;

    turns(0);
    n = read(fd, got, sizeof(got) - 1);
    assert_true(n > 0);
    got[n] = '\0';
    assert_string_equal(got, text);
    turns(0);
    assert_int_equal(read(fd, got, sizeof(got)), 0);
    close(fd);
}

/* That there is no answer, and no end either. */
static void expect_silence(int fd)
{
    char byte;

    turns(0);
    assert_int_equal(read(fd, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
}

#define REPORT "{\"device\":1}\n"

static void nothing_asks_for_the_report(void **state)
{
    struct stat st;
    int fd;

    begin();
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    fd = come();
    shutdown(fd, SHUT_WR);
    expect(fd, REPORT);
    fd = come();
    expect_silence(fd);
    turns(400);
    expect(fd, REPORT);
    fd = come();
    say(fd, "report\n");
    expect(fd, REPORT);
    fd = come();
    say(fd, "report");
    expect_silence(fd);
    shutdown(fd, SHUT_WR);
    expect(fd, REPORT);
    fd = come();
    say(fd, "\n");
    expect(fd, REPORT);
    assert_int_equal(asked, 0);
    end();
}

static void a_command_is_answered(void **state)
{
    int fd;

    begin();
    fd = come();
    say(fd, "outp");
    expect_silence(fd);
    say(fd, "uts all\nand more"); /* what comes behind the line is nothing */
    assert_int_equal(asked, 1);
    assert_string_equal(line, "outputs all");
    assert_false(had_fd);
    turns(300);
    expect_silence(fd);
    answer_to(waiting, 0, "[{\"name\":\"one\"}]");
    expect(fd, "{\"ok\":true,\"text\":\"[{\\\"name\\\":\\\"one\\\"}]\"}\n");
    fd = come();
    say(fd, "output 7 off\n");
    answer_to(waiting, -EINVAL, "there is no output 7");
    expect(fd, "{\"ok\":false,\"error\":\"there is no output 7\"}\n");
    fd = come();
    say(fd, "x");
    shutdown(fd, SHUT_WR);
    turns(0);
    answer_to(waiting, -ENOENT, "");
    expect(fd, "{\"ok\":false,\"error\":\"No such file or directory\"}\n");
    at_once = "said at once";
    fd = come();
    say(fd, "set x=1\n");
    expect(fd, "{\"ok\":false,\"error\":\"said at once\"}\n");
    at_once = NULL;
    refuse = -EBUSY;
    fd = come();
    say(fd, "outputs\n");
    expect(fd, "{\"ok\":false,\"error\":\"the device has its hands full; try again\"}\n");
    assert_int_equal(forgotten, 0);
    end();
}

static void a_file_comes_along(void **state)
{
    int fd, file = fd_memfd("picture", units_page_size());
    char got[7];

    begin();
    fd = come();
    say_fd(fd, "screenshot 0\n", &file, 1);
    assert_true(had_fd);
    assert_int_equal(pread(file, got, 7, 0), 7);
    assert_memory_equal(got, "picture", 7);
    answer_to(waiting, 0, "");
    expect(fd, "{\"ok\":true,\"text\":\"\"}\n");
    close(file);
    end();
}

/* The device's one thread must not be stopped by what it writes to. */
static void what_could_block_does_not_come_along(void **state)
{
    int pair[2], fd, rodent;

    begin();
    assert_int_equal(pipe(pair), 0);
    fd = come();
    say_fd(fd, "screenshot 0\n", &pair[1], 1);
    expect(fd, "{\"ok\":false,\"error\":\"the descriptor that came along is no regular file\"}\n");
    close(pair[0]);
    close(pair[1]);
    rodent = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    fd = come();
    say_fd(fd, "screenshot 0\n", &rodent, 1);
    expect(fd, "{\"ok\":false,\"error\":\"the descriptor that came along cannot be written\"}\n");
    close(rodent);
    assert_int_equal(asked, 0);
    end();
}

static void nonsense_is_refused(void **state)
{
    char much[CONTROL_CLIENT_LINE + 1];
    int fd, fds[3];

    begin();
    memset(much, 'x', sizeof(much) - 1);
    much[sizeof(much) - 1] = '\0';
    fd = come();
    say(fd, much);
    expect(fd, "{\"ok\":false,\"error\":\"the command is too long\"}\n");
    fd = come();
    say(fd, "screen\tshot\n");
    expect(fd, "{\"ok\":false,\"error\":\"a command is one line of plain text\"}\n");
    fd = come();
    assert_int_equal(fd_send(fd, "a\0b\n", 4, NULL, 0), 4);
    expect(fd, "{\"ok\":false,\"error\":\"a command is one line of plain text\"}\n");
    fds[0] = fds[1] = fds[2] = fd = come(); /* several descriptors: the rest is closed */
    say_fd(fd, "re", fds, 3);
    say_fd(fd, "port\n", fds, 1);
    expect(fd, "{\"ok\":false,\"error\":\"the descriptor that came along is no regular file\"}\n");
    assert_int_equal(asked, 0);
    end();
}

static void who_leaves_is_forgotten(void **state)
{
    int fd;

    begin();
    fd = come();
    say(fd, "outputs\n");
    assert_non_null(waiting);
    shutdown(fd, SHUT_WR); /* it waits for the answer all the same */
    turns(0);
    assert_int_equal(forgotten, 0);
    close(fd);
    turns(0);
    assert_int_equal(forgotten, 1);
    fd = come();
    say(fd, "half a li");
    close(fd);
    turns(0);
    for (unsigned i = 0; i < CONTROL_SOCKET_CLIENTS; i++)
        assert_int_equal(control.clients[i].fd, -1);
    end();
}

static void so_many_are_served_at_a_time(void **state)
{
    int fds[CONTROL_SOCKET_CLIENTS], fd;

    begin();
    for (unsigned i = 0; i < CONTROL_SOCKET_CLIENTS; i++) {
        fds[i] = come();
        say(fds[i], "outputs\n");
    }
    fd = come();
    expect(fd, "{\"ok\":false,\"error\":\"too many ask at once\"}\n");
    assert_int_equal(asked, CONTROL_SOCKET_CLIENTS);
    answer_to(waiting, 0, "");
    expect(fds[CONTROL_SOCKET_CLIENTS - 1], "{\"ok\":true,\"text\":\"\"}\n");
    fd = come();
    shutdown(fd, SHUT_WR);
    expect(fd, REPORT);
    for (unsigned i = 0; i < CONTROL_SOCKET_CLIENTS - 1; i++) {
        waiting = &control.clients[i];
        close(fds[i]);
        turns(0);
    }
    assert_int_equal(forgotten, CONTROL_SOCKET_CLIENTS - 1);
    end();
}

/* With a command in hand. */
static void the_end_forgets_all(void **state)
{
    int fd;

    begin();
    fd = come();
    say(fd, "outputs\n");
    end();
    assert_int_equal(forgotten, 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(nothing_asks_for_the_report),  FD_TEST(a_command_is_answered),
        FD_TEST(a_file_comes_along),           FD_TEST(what_could_block_does_not_come_along),
        FD_TEST(nonsense_is_refused),          FD_TEST(who_leaves_is_forgotten),
        FD_TEST(so_many_are_served_at_a_time), FD_TEST(the_end_forgets_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
