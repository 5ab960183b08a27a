/* SPDX-License-Identifier: MIT */
#include "upgrade_story.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

char upgrade_said[4096];

/* Where it writes what it says. */
static int said_fd(void)
{
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("said", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

pid_t upgrade_begin(struct story *s, const char *option)
{
    int fd = said_fd();
    pid_t pid;

    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fd, 1);
        dup2(fd, 2);
        execl(getenv("HOSTBLOB"), "hostblob", "upgrade", option, s->daemon.control_path, NULL);
        _exit(127);
    }
    return pid;
}

bool upgrade_is_done(struct story *s, pid_t pid, int *status)
{
    ssize_t n;

    if (waitpid(pid, status, WNOHANG) != pid)
        return false;
    assert_true(WIFEXITED(*status));
    *status = WEXITSTATUS(*status);
    n = pread(said_fd(), upgrade_said, sizeof(upgrade_said) - 1, 0);
    upgrade_said[n > 0 ? n : 0] = '\0';
    s->daemon.pid = (pid_t)daemon_process_number(&s->daemon, "/door/pid");
    return true;
}

bool upgrade_is_made(struct story *s, pid_t pid)
{
    int status;

    if (!upgrade_is_done(s, pid, &status))
        return false;
    if (status != 0)
        fail_msg("hostblob upgrade said: %s", upgrade_said);
    return true;
}

int upgrade(struct story *s, const char *option)
{
    pid_t pid = upgrade_begin(s, option);
    int status;

    while (!upgrade_is_done(s, pid, &status))
        assert_int_equal(frontend_pump(&s->frontend, -1, 5), 0);
    return status;
}

void upgrade_well(struct story *s)
{
    pid_t door = s->daemon.pid, worker = story_worker(s);

    if (upgrade(s, "--seconds=60") != 0)
        fail_msg("hostblob upgrade said: %s", upgrade_said);
    assert_int_not_equal(s->daemon.pid, door);
    assert_int_not_equal(story_worker(s), worker);
    story_assert_clean(s);
}
