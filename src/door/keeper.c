/* SPDX-License-Identifier: MIT */
#include "door/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"

#define YOUNG_NS UINT64_C(5000000000)
#define BACK_OFF_FIRST_US UINT64_C(50000)
#define BACK_OFF_MOST_US UINT64_C(5000000)
#define ARGUMENTS_MAX 256u
#define ACCURACY_US 1000u /* the loop's own would let "at once" be 250 ms */

/* 0: there is nothing to wait for. */
static void limit_set(struct keeper *k, uint64_t us)
{
    if (us != 0)
        sd_event_source_set_time_relative(k->limit, us);
    sd_event_source_set_enabled(k->limit, us != 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void hang_up(struct keeper *k)
{
    k->io = sd_event_source_disable_unref(k->io);
    fd_close(&k->fd);
    k->ready = false;
    k->unanswered = 0;
    limit_set(k, 0);
}

void keeper_replace(struct keeper *k, const char *reason)
{
    if (k->pid == 0)
        return;
    log_error("The worker is replaced: %s.", reason);
    hang_up(k);
    kill(k->pid, SIGKILL);
}

static int on_limit(sd_event_source *source, uint64_t now, void *data)
{
    keeper_replace(data, "it did not answer in time");
    return 0;
}

static int on_again(sd_event_source *source, uint64_t now, void *data)
{
    struct keeper *k = data;
    int r = keeper_start(k);

    if (r < 0) {
        log_error("The worker cannot be started: %s. Trying again.", strerror(-r));
        sd_event_source_set_time_relative(k->again, BACK_OFF_MOST_US);
        sd_event_source_set_enabled(k->again, SD_EVENT_ONESHOT);
    }
    return 0;
}

static void describe_death(const siginfo_t *si, char *text, size_t size)
{
    if (si->si_code == CLD_EXITED)
        snprintf(text, size, "ended with status %d", si->si_status);
    else
        snprintf(text, size, "was killed by signal %d (%s)", si->si_status,
                 sigabbrev_np(si->si_status) ? sigabbrev_np(si->si_status) : "?");
}

static int on_child(sd_event_source *source, const siginfo_t *si, void *data)
{
    struct keeper *k = data;
    char how[64];
    uint64_t wait_us;

    describe_death(si, how, sizeof(how));
    hang_up(k);
    k->child = sd_event_source_disable_unref(k->child);
    k->pid = 0;
    if (k->stopping)
        return 0;
    if (!k->proven && si->si_code == CLD_EXITED && si->si_status == EX_CONFIG) {
        log_error("The device cannot be what was asked for: see the lines above.");
        return sd_event_exit(k->loop, EXIT_FAILURE);
    }
    k->young_deaths = units_now_ns() - k->started_ns < YOUNG_NS ? k->young_deaths + 1 : 0;
    wait_us =
        k->young_deaths < 2 ? 0 : BACK_OFF_FIRST_US << (k->young_deaths < 8 ? k->young_deaths : 8);
    if (wait_us > BACK_OFF_MOST_US)
        wait_us = BACK_OFF_MOST_US;
    log_error("The worker (pid %d) %s. Another is started in %u ms.", (int)si->si_pid, how,
              (unsigned)(wait_us / 1000));
    k->handler->died(k->data);
    sd_event_source_set_time_relative(k->again, wait_us);
    sd_event_source_set_enabled(k->again, SD_EVENT_ONESHOT);
    return 0;
}

static void take_ack(struct keeper *k, const struct link_message *m)
{
    if (k->unanswered > 0)
        k->unanswered--;
    limit_set(k, k->unanswered > 0 ? k->limit_us : 0);
    k->handler->ack(k->data, m->serial, m->ack.result, m->ack.value);
}

static void take_message(struct keeper *k, const struct link_message *m, struct fd_list *fds)
{
    if (m->type == LINK_HELLO && !k->ready) {
        k->ready = k->proven = true;
        limit_set(k, 0);
        k->handler->hello(k->data, &m->hello);
    } else if (m->type == LINK_HELLO || !k->ready) {
        keeper_replace(k, "it speaks out of turn");
    } else if (m->type == LINK_ACK) {
        take_ack(k, m);
    } else {
        k->handler->request(k->data, m, fds);
    }
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct keeper *k = data;
    struct link_message m;
    struct fd_list fds = {0};
    ssize_t n = fd_receive(k->fd, &m, sizeof(m), &fds);
    const char *reason;

    if (n == -EAGAIN || n == -EINTR)
        return 0;
    if (n <= 0) {
        hang_up(k); /* its death is reported when it is reaped */
        kill(k->pid, SIGKILL);
        return 0;
    }
    reason = link_check(&m, (uint32_t)n, fds.count, LINK_WORKER);
    if (reason != NULL)
        keeper_replace(k, reason);
    else
        take_message(k, &m, &fds);
    fd_list_finish(&fds);
    return 0;
}

/* In the child: becomes the worker. */
static void become_worker(struct keeper *k, int link_fd)
{
    char argument[64];
    char *argv[ARGUMENTS_MAX + 2];
    unsigned n = 0;
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (fd_set_inherited(link_fd) < 0 || fd_set_inherited(k->journal_fd) < 0 ||
        (k->arena_fd >= 0 && fd_set_inherited(k->arena_fd) < 0))
        _exit(127);
    snprintf(argument, sizeof(argument), "--worker=%d,%d,%d", link_fd, k->journal_fd, k->arena_fd);
    for (; k->argv[n] != NULL && n < ARGUMENTS_MAX; n++)
        argv[n] = k->argv[n];
    argv[n++] = argument;
    argv[n] = NULL;
    execv("/proc/self/exe", argv);
    _exit(127);
}

static int watch_worker(struct keeper *k)
{
    int r = fd_set_nonblock(k->fd);

    if (r == 0)
        r = sd_event_add_io(k->loop, &k->io, k->fd, EPOLLIN, on_io, k);
    if (r >= 0)
        r = sd_event_add_child(k->loop, &k->child, k->pid, WEXITED, on_child, k);
    return r;
}

int keeper_start(struct keeper *k)
{
    int pair[2];
    int r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    k->pid = fork();
    if (k->pid == 0)
        become_worker(k, pair[1]);
    r = -errno;
    close(pair[1]);
    if (k->pid < 0) {
        k->pid = 0;
        close(pair[0]);
        return r;
    }
    k->fd = pair[0];
    k->started_ns = units_now_ns();
    k->starts++;
    r = watch_worker(k);
    if (r < 0) {
        keeper_finish(k);
        return r;
    }
    limit_set(k, k->start_limit_us);
    return 0;
}

void keeper_init(struct keeper *k, sd_event *loop, const struct keeper_handler *handler, void *data,
                 char *const *argv)
{
    *k = (struct keeper){
        .loop = loop,
        .handler = handler,
        .data = data,
        .argv = argv,
        .journal_fd = -1,
        .arena_fd = -1,
        .limit_us = 3000000,
        .start_limit_us = 60000000,
        .fd = -1,
    };
    sd_event_add_time_relative(loop, &k->limit, CLOCK_MONOTONIC, 0, 0, on_limit, k);
    sd_event_source_set_enabled(k->limit, SD_EVENT_OFF);
    sd_event_add_time_relative(loop, &k->again, CLOCK_MONOTONIC, 0, ACCURACY_US, on_again, k);
    sd_event_source_set_enabled(k->again, SD_EVENT_OFF);
}

void keeper_finish(struct keeper *k)
{
    k->stopping = true;
    hang_up(k);
    k->child = sd_event_source_disable_unref(k->child);
    if (k->pid > 0) {
        kill(k->pid, SIGKILL);
        waitpid(k->pid, NULL, 0);
        k->pid = 0;
    }
    k->limit = sd_event_source_disable_unref(k->limit);
    k->again = sd_event_source_disable_unref(k->again);
}

bool keeper_ending(const struct keeper *k)
{
    return k->pid > 0 && k->fd < 0;
}

int64_t keeper_send(struct keeper *k, struct link_message *message, const int *fds, unsigned count,
                    bool answered)
{
    uint32_t size = link_size(message->type);
    ssize_t n;

    if (!k->ready)
        return -ENOTCONN;
    k->serial = k->serial == INT32_MAX ? 1 : k->serial + 1;
    message->serial = k->serial;
    n = fd_send(k->fd, message, size, fds, count);
    if (n != (ssize_t)size) {
        keeper_replace(k, "it does not read what it is told");
        return -ENOTCONN;
    }
    if (answered && k->unanswered++ == 0)
        limit_set(k, k->limit_us);
    return k->serial;
}
