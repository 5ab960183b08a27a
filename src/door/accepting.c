/* SPDX-License-Identifier: MIT */
#include "door/accepting.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"

static void resume_later(struct accepting *accepting)
{
    sd_event_source_set_time_relative(accepting->resumes, ACCEPTING_PAUSE_MS * UINT64_C(1000));
    sd_event_source_set_enabled(accepting->resumes, SD_EVENT_ONESHOT);
}

static int listen_now(struct accepting *accepting)
{
    return accepting->io != NULL
               ? sd_event_source_set_enabled(accepting->io, SD_EVENT_ON)
               : sd_event_add_io(sd_event_source_get_event(accepting->resumes), &accepting->io,
                                 accepting->fd, EPOLLIN, accepting->handler, accepting->data);
}

static int on_resume(sd_event_source *source, uint64_t now, void *data)
{
    struct accepting *accepting = data;

    /* Whoever waits may wait for memory too. */
    if (listen_now(accepting) < 0)
        resume_later(accepting);
    return 0;
}

/* Without the socket. */
static int begin(struct accepting *accepting, sd_event *loop, int fd, sd_event_io_handler_t handler,
                 void *data)
{
    int r;

    *accepting = (struct accepting){.fd = fd, .handler = handler, .data = data};
    r = sd_event_add_time_relative(loop, &accepting->resumes, CLOCK_MONOTONIC, 0, 0, on_resume,
                                   accepting);
    if (r >= 0)
        r = sd_event_source_set_enabled(accepting->resumes, SD_EVENT_OFF);
    if (r < 0)
        accepting_finish(accepting);
    return r;
}

int accepting_init(struct accepting *accepting, sd_event *loop, int fd,
                   sd_event_io_handler_t handler, void *data)
{
    int r = begin(accepting, loop, fd, handler, data);

    if (r >= 0)
        r = listen_now(accepting);
    if (r < 0)
        accepting_finish(accepting);
    return r < 0 ? r : 0;
}

int accepting_insist(struct accepting *accepting, sd_event *loop, int fd,
                     sd_event_io_handler_t handler, void *data)
{
    int r = -ENOMEM;

    for (unsigned i = 0; i < FD_WANT_TRIES && r < 0; i++)
        r = begin(accepting, loop, fd, handler, data);
    if (r >= 0 && listen_now(accepting) < 0)
        resume_later(accepting);
    return r < 0 ? r : 0;
}

void accepting_finish(struct accepting *accepting)
{
    accepting->io = sd_event_source_disable_unref(accepting->io);
    accepting->resumes = sd_event_source_disable_unref(accepting->resumes);
}

/* Who waits makes the socket readable for as long as they wait. */
static void pause_accepting(struct accepting *accepting)
{
    sd_event_source_set_enabled(accepting->io, SD_EVENT_OFF);
    resume_later(accepting);
}

int accepting_take(struct accepting *accepting, const char *who)
{
    int peer = accept4(accepting->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int error = peer < 0 ? -errno : 0;

    if (peer >= 0)
        return peer;
    if (error == -EAGAIN || error == -EINTR || error == -ECONNABORTED)
        return error;
    log_stranger("%s cannot be let in: %s.", who, strerror(-error));
    pause_accepting(accepting);
    return error;
}
