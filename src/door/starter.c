/* SPDX-License-Identifier: MIT */
#include "door/starter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"

static int send_message(struct starter *s, const struct starter_message *m, const int *fds,
                        unsigned count)
{
    ssize_t n;

    if (s == NULL || s->fd < 0)
        return -ENOTCONN;
    n = fd_send(s->fd, m, sizeof(*m), fds, count);
    return n == sizeof(*m) ? 0 : n < 0 ? (int)n : -EIO;
}

int starter_say(struct starter *s, enum starter_type type, const char *text)
{
    struct starter_message m = {.type = type};
    int r;

    snprintf(m.text, sizeof(m.text), "%s", text != NULL ? text : "");
    r = send_message(s, &m, NULL, 0);
    if (r < 0 && r != -ENOTCONN)
        log_error("The starter does not hear what the door wants (%u): %s.", type, strerror(-r));
    return r;
}

int starter_worker(struct starter *s, int link_fd, int journal_fd, int arena_fd)
{
    const struct starter_message m = {.type = STARTER_WORKER};
    const int fds[] = {link_fd, journal_fd, arena_fd};

    return send_message(s, &m, fds, arena_fd >= 0 ? 3 : 2);
}

int starter_upgrade(struct starter *s, int channel)
{
    const struct starter_message m = {.type = STARTER_UPGRADE};

    return send_message(s, &m, &channel, 1);
}

int starter_speaks(struct starter *s)
{
    const struct starter_message m = {.type = STARTER_SPEAKS, .status = (int)STARTER_VERSION};

    return send_message(s, &m, NULL, 0);
}

static void take_message(struct starter *s, const struct starter_message *m)
{
    if (m->type == STARTER_SETTLED)
        s->layers = (unsigned)m->status;
    if (m->type == STARTER_BESIDE_ENDED && s->upgrade != NULL)
        s->upgrade->beside_ended(s->upgrade_data, m->code, m->status);
    else if (m->type == STARTER_YOURS && s->upgrade != NULL)
        s->upgrade->yours(s->upgrade_data);
    if (s->handler == NULL)
        return;
    if (m->type == STARTER_STARTED)
        s->handler->started(s->data, m->pid > 0 ? m->pid : m->status);
    else if (m->type == STARTER_ENDED)
        s->handler->ended(s->data, m->pid, m->code, m->status);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct starter *s = data;
    struct starter_message m;
    struct fd_list fds = {0};
    ssize_t n = fd_receive(fd, &m, sizeof(m), &fds);

    fd_list_finish(&fds);
    if (n == -EAGAIN || n == -EINTR)
        return 0;
    if (n == sizeof(m)) {
        take_message(s, &m);
        return 0;
    }
    log_error("The process that starts the workers is gone: the device ends.");
    return sd_event_exit(s->loop, EXIT_FAILURE);
}

static int on_alive(sd_event_source *source, uint64_t now, void *data)
{
    struct starter *s = data;

    starter_say(s, STARTER_ALIVE, NULL);
    sd_event_source_set_time_relative(source, s->alive_us);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int starter_init(struct starter *s, sd_event *loop, int fd, uint64_t watchdog_us)
{
    int r = fd_set_nonblock(fd);

    *s = (struct starter){.fd = fd, .loop = loop};
    if (r >= 0)
        r = sd_event_add_io(loop, &s->io, fd, EPOLLIN, on_io, s);
    if (r >= 0)
        r = starter_watch(s, watchdog_us);
    if (r < 0)
        starter_finish(s);
    return r < 0 ? r : 0;
}

int starter_watch(struct starter *s, uint64_t watchdog_us)
{
    s->alive_us = watchdog_us / 2;
    if (s->alive_us == 0)
        return 0;
    return sd_event_add_time_relative(s->loop, &s->alive, CLOCK_MONOTONIC, 0, 0, on_alive, s);
}

void starter_finish(struct starter *s)
{
    s->io = sd_event_source_disable_unref(s->io);
    s->alive = sd_event_source_disable_unref(s->alive);
    fd_close(&s->fd);
}
