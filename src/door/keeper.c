/* SPDX-License-Identifier: MIT */
#include "door/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"

#define DEATHS_FREE 10u                 /* before others are waited for; */
#define FORGIVEN_NS UINT64_C(500000000) /* one more in that time */
#define BACK_OFF_FIRST_US UINT64_C(50000)
#define BACK_OFF_MOST_US UINT64_C(5000000)
/* Of what the first worker took to start, and some more, another may take. */
#define START_TIMES 10u
#define START_LEAST_US UINT64_C(3000000)
#define KILL_AGAIN_US 100000u
#define ACCURACY_US 1000u /* the loop's own would let "at once" be 250 ms */

/* 0: there is nothing to wait for. */
static void limit_set(struct keeper *k, uint64_t us)
{
    if (us != 0)
        sd_event_source_set_time_relative(k->limit, us);
    sd_event_source_set_enabled(k->limit, us != 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* Nothing is said to it any more, and nothing heard. */
static void fall_silent(struct keeper *k)
{
    k->io = sd_event_source_disable_unref(k->io);
    k->ready = false;
    k->unanswered = 0;
    limit_set(k, 0);
}

static void hang_up(struct keeper *k)
{
    fall_silent(k);
    fd_close(&k->fd);
    k->silent = false;
}

/* One that the starter does not hear of would live on, and none come in its place. */
static void have_killed(struct keeper *k)
{
    int r = starter_say(k->starter, STARTER_KILL, NULL);

    if (r < 0 && r != -ENOTCONN)
        limit_set(k, KILL_AGAIN_US);
}

void keeper_replace(struct keeper *k, const char *reason)
{
    if (!k->running || k->silent)
        return;
    log_error("The worker is replaced: %s.", reason);
    fall_silent(k);
    k->silent = k->fd >= 0;
    have_killed(k);
}

static int on_limit(sd_event_source *source, uint64_t now, void *data)
{
    struct keeper *k = data;

    if (keeper_ending(k))
        have_killed(k);
    else
        keeper_replace(k, "it did not answer in time");
    return 0;
}

/* The first tries come soon: the guest waits. */
static void start_later(struct keeper *k, int error)
{
    uint64_t wait_us = k->failures < 7 ? BACK_OFF_FIRST_US << k->failures : BACK_OFF_MOST_US;

    k->failures++;
    log_error("The worker cannot be started: %s. Trying again in %u ms.", strerror(-error),
              (unsigned)(wait_us / 1000));
    sd_event_source_set_time_relative(k->again, wait_us);
    sd_event_source_set_enabled(k->again, SD_EVENT_ONESHOT);
}

static int on_again(sd_event_source *source, uint64_t now, void *data)
{
    struct keeper *k = data;
    int r = keeper_start(k);

    if (r < 0)
        start_later(k, r);
    return 0;
}

static void describe_death(int code, int status, char *text, size_t size)
{
    if (code == CLD_EXITED)
        snprintf(text, size, "ended with status %d", status);
    else if (status == SIGSYS)
        snprintf(text, size,
                 "was killed by its sandbox (SIGSYS: a system call that it may not make; "
                 "--sandbox-log names it)");
    else
        snprintf(text, size, "was killed by signal %d (%s)", status,
                 sigabbrev_np(status) ? sigabbrev_np(status) : "?");
}

/* How long to wait for the next one. */
static uint64_t back_off(struct keeper *k)
{
    uint64_t now = units_now_ns();
    uint64_t forgiven = (now - k->forgiven_ns) / FORGIVEN_NS;
    unsigned over;

    k->forgiven_ns += forgiven * FORGIVEN_NS;
    k->deaths = forgiven < k->deaths ? k->deaths - (unsigned)forgiven + 1 : 1;
    if (k->deaths <= DEATHS_FREE)
        return 0;
    over = k->deaths - DEATHS_FREE - 1;
    return over < 7 ? BACK_OFF_FIRST_US << over : BACK_OFF_MOST_US;
}

static void on_started(void *data, int pid)
{
    struct keeper *k = data;

    if (pid > 0) {
        k->pid = pid;
        k->failures = 0;
        return;
    }
    hang_up(k);
    k->running = false;
    if (!k->resting)
        start_later(k, pid);
}

/* What it left for the next one before it died: its journal counts on that. */
static void take_last_words(struct keeper *k)
{
    struct link_message m;
    struct fd_list fds = {0};
    unsigned tries = 0;
    ssize_t n;

    while (k->fd >= 0) {
        n = fd_receive(k->fd, &m, sizeof(m), &fds);
        if (n == -EAGAIN && ++tries < FD_WANT_TRIES)
            continue; /* there may have been no memory */
        if (n <= 0)
            break;
        if (link_check(&m, (uint32_t)n, fds.count, LINK_WORKER) == NULL &&
            (m.type == LINK_SHELF_PUT || m.type == LINK_SHELF_DROP || m.type == LINK_OBJECT_ADD ||
             m.type == LINK_OBJECT_REMOVE))
            k->handler->request(k->data, &m, &fds);
        fd_list_finish(&fds);
    }
}

static void on_ended(void *data, int pid, int code, int status)
{
    struct keeper *k = data;
    char how[128];
    uint64_t wait_us;

    describe_death(code, status, how, sizeof(how));
    take_last_words(k);
    hang_up(k);
    k->running = false;
    k->pid = 0;
    if (k->stopping)
        return;
    if (k->resting) {
        k->handler->died(k->data);
        return;
    }
    if (!k->proven && code == CLD_EXITED && status == EX_CONFIG) {
        log_error("The device cannot be what was asked for: see the lines above.");
        sd_event_exit(k->loop, EXIT_FAILURE);
        return;
    }
    wait_us = back_off(k);
    log_error("The worker (pid %d) %s. Another is started in %u ms.", pid, how,
              (unsigned)(wait_us / 1000));
    k->handler->died(k->data);
    sd_event_source_set_time_relative(k->again, wait_us);
    sd_event_source_set_enabled(k->again, SD_EVENT_ONESHOT);
}

static const struct starter_handler starter_handler = {on_started, on_ended};

static void take_ack(struct keeper *k, const struct link_message *m)
{
    if (k->unanswered > 0)
        k->unanswered--;
    limit_set(k, k->unanswered > 0 ? k->limit_us : 0);
    k->handler->ack(k->data, m->serial, m->ack.result, m->ack.value);
}

/* The next worker has as much to do. The guest waits for it, who did not wait for the first. */
static void learn_limit(struct keeper *k)
{
    uint64_t took = units_now_ns() / 1000 - k->started_us;
    uint64_t limit = START_TIMES * took + START_LEAST_US;

    if (!k->proven && limit < k->start_limit_us)
        k->start_limit_us = limit;
}

static void take_message(struct keeper *k, const struct link_message *m, struct fd_list *fds)
{
    if (m->type == LINK_HELLO && !k->ready) {
        learn_limit(k);
        k->ready = k->proven = true;
        limit_set(k, 0);
        k->handler->hello(k->data, &m->hello);
    } else if (m->type == LINK_SHELF_ASK && !k->ready) {
        k->handler->request(k->data, m, fds);
    } else if (m->type == LINK_HELLO || m->type == LINK_SHELF_ASK || !k->ready) {
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
    /* One that lives, and sees us hang up, would throw away what its successor needs. */
    if (n < 0) {
        keeper_replace(k, strerror((int)-n));
        return 0;
    }
    if (n == 0) {
        take_last_words(k);
        hang_up(k); /* its death is reported when it is reaped */
        have_killed(k);
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

int keeper_start(struct keeper *k)
{
    int pair[2];
    int r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    k->fd = pair[0];
    r = fd_set_nonblock(k->fd);
    if (r == 0)
        r = sd_event_add_io(k->loop, &k->io, k->fd, EPOLLIN, on_io, k);
    if (r >= 0)
        r = starter_worker(k->starter, pair[1], k->journal_fd, k->arena_fd);
    close(pair[1]);
    if (r < 0) {
        hang_up(k);
        return r;
    }
    k->running = true;
    k->starts++;
    k->started_us = units_now_ns() / 1000;
    limit_set(k, k->start_limit_us);
    return 0;
}

int keeper_init(struct keeper *k, sd_event *loop, const struct keeper_handler *handler, void *data,
                struct starter *starter)
{
    int r;

    *k = (struct keeper){
        .loop = loop,
        .handler = handler,
        .data = data,
        .starter = starter,
        .journal_fd = -1,
        .arena_fd = -1,
        .limit_us = 3000000,
        .start_limit_us = 60000000,
        .fd = -1,
    };
    if (starter != NULL) {
        starter->handler = &starter_handler;
        starter->data = k;
    }
    r = sd_event_add_time_relative(loop, &k->limit, CLOCK_MONOTONIC, 0, 0, on_limit, k);
    if (r >= 0)
        r = sd_event_source_set_enabled(k->limit, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time_relative(loop, &k->again, CLOCK_MONOTONIC, 0, ACCURACY_US, on_again,
                                       k);
    if (r >= 0)
        r = sd_event_source_set_enabled(k->again, SD_EVENT_OFF);
    return r < 0 ? r : 0;
}

void keeper_finish(struct keeper *k)
{
    k->stopping = true;
    hang_up(k);
    if (k->running)
        starter_say(k->starter, STARTER_KILL, NULL);
    k->running = false;
    if (k->starter != NULL)
        k->starter->handler = NULL;
    k->limit = sd_event_source_disable_unref(k->limit);
    k->again = sd_event_source_disable_unref(k->again);
}

void keeper_give(struct keeper *k, const struct link_message *message, const int *fds,
                 unsigned count)
{
    uint32_t size = link_size(message->type);

    if (k->fd >= 0 && !k->silent && fd_send(k->fd, message, size, fds, count) != (ssize_t)size)
        keeper_replace(k, "it does not read what it is given");
}

void keeper_rest(struct keeper *k)
{
    k->resting = true;
    sd_event_source_set_enabled(k->again, SD_EVENT_OFF);
    if (!k->running || k->silent)
        return;
    fall_silent(k);
    k->silent = k->fd >= 0;
    have_killed(k);
}

void keeper_wake(struct keeper *k)
{
    k->resting = false;
    if (k->running)
        return; /* its end will be told, and another started then */
    sd_event_source_set_time_relative(k->again, 0);
    sd_event_source_set_enabled(k->again, SD_EVENT_ONESHOT);
}

bool keeper_ending(const struct keeper *k)
{
    return k->running && (k->fd < 0 || k->silent);
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
