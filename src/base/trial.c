/* SPDX-License-Identifier: MIT */
#include "base/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"

/* What the child says, in one write that a pipe does not cut. */
struct outcome {
    int result;
    char text[TRIAL_TEXT];
};

static void be_the_child(trial_function *function, void *data, int pipe, pid_t parent)
{
    struct outcome outcome = {0};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    /* The parent ends by what it has blocked or ignored; the child has nothing to tidy up. */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    outcome.result = function(data, outcome.text, sizeof(outcome.text));
    _exit(write(pipe, &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : 1);
}

/* Waits for bytes or the end of the pipe. Whether there was either in time. */
static int wait_for(int pipe, unsigned seconds)
{
    uint64_t end = units_now_ns() + seconds * UINT64_C(1000000000);
    struct pollfd wanted = {.fd = pipe, .events = POLLIN};
    uint64_t now;
    int ready;

    do {
        now = units_now_ns();
        ready = poll(&wanted, 1, now < end ? (int)((end - now) / 1000000) + 1 : 0);
    } while (ready < 0 && errno == EINTR);
    return ready == 0 ? -ETIMEDOUT : ready < 0 ? -errno : 0;
}

static void bury(pid_t pid, int *status)
{
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
}

/* By its pidfd, since a sandbox may refuse kill(2). It is not reaped yet, so it is no other's. */
static void end(pid_t pid)
{
    int fd = pidfd_open(pid, 0);

    if (fd >= 0)
        pidfd_send_signal(fd, SIGKILL, NULL, 0);
    fd_close(&fd);
}

static void describe_end(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "the trial was killed by signal %d (%s)", WTERMSIG(status),
                 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
    else
        snprintf(text, size, "the trial ended with status %d", WEXITSTATUS(status));
}

static int hear(pid_t pid, int pipe, unsigned seconds, char *text, size_t size)
{
    struct outcome outcome;
    int status = 0, result = wait_for(pipe, seconds);
    ssize_t got = result < 0 ? 0 : read(pipe, &outcome, sizeof(outcome));

    if (got == sizeof(outcome)) {
        end(pid); /* it has said all; what a library does at its end is of no interest */
        bury(pid, &status);
        outcome.text[TRIAL_TEXT - 1] = '\0';
        snprintf(text, size, "%s", outcome.text);
        return outcome.result;
    }
    if (result < 0)
        end(pid);
    bury(pid, &status);
    if (result == -ETIMEDOUT)
        snprintf(text, size, "the trial did not end within %u s", seconds);
    else
        describe_end(status, text, size);
    return result < 0 ? result : -EFAULT;
}

int trial_run(trial_function *function, void *data, unsigned seconds, char *text, size_t size)
{
    pid_t parent = getpid(), pid;
    int ends[2], result;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        snprintf(text, size, "no trial could be started: %s", strerror(errno));
        return -errno;
    }
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        be_the_child(function, data, ends[1], parent);
    }
    fd_close(&ends[1]);
    if (pid < 0) {
        result = -errno;
        snprintf(text, size, "no trial could be started: %s", strerror(-result));
    } else {
        result = hear(pid, ends[0], seconds, text, size);
    }
    fd_close(&ends[0]);
    return result;
}
