/* SPDX-License-Identifier: MIT */
#include "gpu/child_watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/fd.h"

#define HOW_MAX 64u
#define FINISH_MS 1000

void child_watch_init(struct child_watch *w)
{
    *w = (struct child_watch){.pidfd = -1};
}

static void describe(const siginfo_t *si, char *text, size_t size)
{
    if (si->si_code == CLD_EXITED)
        snprintf(text, size, "ended with status %d", si->si_status);
    else
        snprintf(text, size, "was killed by signal %d (%s)", si->si_status,
                 sigabbrev_np(si->si_status) ? sigabbrev_np(si->si_status) : "?");
}

/* Another process may have to reap it, or have done so. */
static void reap(int pidfd, char *text, size_t size)
{
    siginfo_t si = {0};

    if (waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | WNOHANG) == 0 && si.si_pid != 0)
        describe(&si, text, size);
    else
        snprintf(text, size, "ended");
}

static int on_pidfd(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct child_watch *w = data;
    char how[HOW_MAX];

    reap(fd, how, sizeof(how));
    child_watch_stop(w);
    w->ended(w->data, how);
    return 0;
}

int child_watch_start(struct child_watch *w, sd_event *loop, pid_t pid, child_watch_ended *ended,
                      void *data)
{
    int ret;

    w->pidfd = pidfd_open(pid, 0);
    if (w->pidfd < 0)
        return -errno;
    w->pid = pid;
    w->ended = ended;
    w->data = data;
    ret = sd_event_add_io(loop, &w->io, w->pidfd, EPOLLIN, on_pidfd, w);
    /* That its end was asked for is to be read first. */
    if (ret >= 0)
        ret = sd_event_source_set_priority(w->io, SD_EVENT_PRIORITY_NORMAL + 1);
    if (ret < 0) {
        child_watch_stop(w);
        return ret;
    }
    return 0;
}

void child_watch_kill(struct child_watch *w)
{
    if (w->pid != 0)
        pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
}

void child_watch_stop(struct child_watch *w)
{
    w->io = sd_event_source_disable_unref(w->io);
    fd_close(&w->pidfd);
    w->pid = 0;
}

void child_watch_finish(struct child_watch *w)
{
    struct pollfd poll_fd = {.fd = w->pidfd, .events = POLLIN};
    char how[HOW_MAX];

    child_watch_kill(w);
    if (w->pid != 0 && poll(&poll_fd, 1, FINISH_MS) == 1)
        reap(w->pidfd, how, sizeof(how));
    child_watch_stop(w);
}
