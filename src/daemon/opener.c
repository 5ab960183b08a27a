/* SPDX-License-Identifier: MIT */
#include "daemon/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

#define PEER_FD 3 /* in the opener, which has no other */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* a question and its answer */
static int line = -1;                                    /* to the opener */

/* ---- in the opener ---- */

static void answer(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    int32_t result = fd < 0 ? -errno : 0;

    fd_send(PEER_FD, &result, sizeof(result), &fd, fd >= 0 ? 1 : 0);
    fd_close(&fd);
}

static void be_the_opener(int peer, const struct sandbox_plan *worker, const char *path, int flags,
                          pid_t parent)
{
    struct sandbox_plan plan = {.role = SANDBOX_OPENER, .mode = worker->mode, .log = worker->log};
    char folder[PATH_MAX];
    unsigned layers = 0;
    char word;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(peer, PEER_FD) < 0 || close_range(PEER_FD + 1, ~0u, 0) < 0)
        _exit(1);
    snprintf(folder, sizeof(folder), "%s", path);
    /* Names of devices are links to others (/dev/v4l/by-id). */
    sandbox_allow(&plan, strncmp(path, "/dev/", 5) == 0 ? "/dev" : dirname(folder),
                  SANDBOX_READ | SANDBOX_WRITE);
    if (sandbox_enter(&plan, &layers) < 0)
        _exit(1);
    while (recv(PEER_FD, &word, sizeof(word), 0) == sizeof(word))
        answer(path, flags);
    _exit(0);
}

/* ---- in the worker ---- */

int opener_start(const struct sandbox_plan *plan, const char *path, int flags)
{
    pid_t parent = getpid(), pid;
    int pair[2];
    int r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid = fork();
    if (pid == 0)
        be_the_opener(pair[1], plan, path, flags, parent);
    r = pid < 0 ? -errno : 0;
    close(pair[1]);
    if (r < 0)
        close(pair[0]);
    else
        line = pair[0];
    return r;
}

/* A descriptor or -errno. */
static int ask(void)
{
    struct fd_list fds = {0};
    int32_t result = 0;
    ssize_t n = fd_send(line, "", 1, NULL, 0);
    int fd;

    do
        n = n < 0 ? n : fd_receive(line, &result, sizeof(result), &fds);
    while (n == -EINTR);
    fd = fd_list_take(&fds, 0);
    fd_list_finish(&fds);
    if (n != sizeof(result)) {
        log_error("The process that opens the device's file is gone: it opens no more.");
        return -EIO;
    }
    return fd >= 0 ? fd : result < 0 ? result : -EIO;
}

int opener_open(void)
{
    int result;

    pthread_mutex_lock(&turn);
    result = ask();
    pthread_mutex_unlock(&turn);
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}
