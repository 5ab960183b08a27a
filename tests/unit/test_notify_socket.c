/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "hostblob/notify_socket.h"

static pid_t speaker;
static char heard_text[256];
static unsigned heard_count;

static void heard(void *data, pid_t pid, const char *text)
{
    assert_ptr_equal(data, &speaker);
    speaker = pid;
    strncpy(heard_text, text, sizeof(heard_text) - 1);
    heard_count++;
}

static void the_kernel_says_who_speaks(void **state)
{
    struct notify_socket notify, second;
    sd_event *loop;
    pid_t pid;

    assert_true(sd_event_new(&loop) >= 0);
    assert_int_equal(notify_socket_init(&notify, loop, heard, &speaker), 0);
    assert_int_equal(notify_socket_init(&second, loop, heard, &speaker), 0);
    assert_int_equal(notify.address[0], '@');
    assert_string_not_equal(notify.address, second.address);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("NOTIFY_SOCKET", notify.address, 1);
        _exit(sd_notify(true, "STATUS=well\nREADY=1") == 1 ? 0 : 1);
    }
    for (unsigned i = 0; heard_count == 0 && i < 100; i++)
        assert_true(sd_event_run(loop, 100000) >= 0);
    assert_int_equal(heard_count, 1);
    assert_int_equal(speaker, pid);
    assert_string_equal(heard_text, "STATUS=well\nREADY=1");
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    notify_socket_finish(&second);
    notify_socket_finish(&notify);
    sd_event_unref(loop);
}

static void lines_are_whole_ones(void **state)
{
    assert_true(notify_socket_has("READY=1", "READY=1"));
    assert_true(notify_socket_has("STATUS=x\nREADY=1\n", "READY=1"));
    assert_false(notify_socket_has("STATUS=READY=1", "READY=1"));
    assert_false(notify_socket_has("READY=12", "READY=1"));
    assert_false(notify_socket_has("\n\n", "READY=1"));
    assert_false(notify_socket_has("", "READY=1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(the_kernel_says_who_speaks),
        FD_TEST(lines_are_whole_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
