/* SPDX-License-Identifier: MIT */
#include "daemon/control_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/json_text.h"

#define MOMENT_US 200000u  /* for the first byte */
#define LIMIT_US 10000000u /* for everything else: longer than a command may take */
#define ACCURACY_US 1000u

void control_client_clear(struct control_client *c)
{
    *c = (struct control_client){.fd = -1, .passed = -1};
}

void control_client_finish(struct control_client *c)
{
    if (c->state == CONTROL_WAITS)
        c->handler->forget(c->data, c);
    c->io = sd_event_source_disable_unref(c->io);
    c->timer = sd_event_source_disable_unref(c->timer);
    fd_close(&c->passed);
    fd_close(&c->fd);
    free(c->text);
    control_client_clear(c);
}

/* Whoever is slower than that is left. */
static bool arm_for(struct control_client *c, uint64_t us)
{
    return sd_event_source_set_time_relative(c->timer, us) >= 0 &&
           sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT) >= 0;
}

static bool arm(struct control_client *c)
{
    return arm_for(c, LIMIT_US);
}

static uint64_t patience(const struct control_client *c)
{
    uint64_t us = c->handler->patience != NULL ? c->handler->patience(c->data, c->line) : 0;

    return us > 0 ? us : LIMIT_US;
}

/* ---- the answer ---- */

static void write_more(struct control_client *c)
{
    ssize_t n = fd_send(c->fd, c->text + c->sent, c->size - c->sent, NULL, 0);

    if (n == -EAGAIN)
        return;
    if (n > 0)
        c->sent += (size_t)n;
    if (n <= 0 || c->sent == c->size)
        control_client_finish(c);
}

/* Takes ownership of 'text', which ends with a line's end; NULL when there was no memory. */
static void say(struct control_client *c, char *text)
{
    c->state = CONTROL_WRITES;
    c->text = text;
    c->size = text != NULL ? strlen(text) : 0;
    fd_close(&c->passed);
    if (text == NULL || sd_event_source_set_io_events(c->io, EPOLLOUT) < 0 || !arm(c))
        control_client_finish(c);
}

static void say_report(struct control_client *c)
{
    say(c, c->handler->report(c->data));
}

static void say_result(struct control_client *c, int result, const char *text)
{
    struct json_text answer;

    json_text_init(&answer);
    json_text_open(&answer, NULL, '{');
    json_text_boolean(&answer, "ok", result == 0);
    json_text_string(&answer, result == 0 ? "text" : "error",
                     result == 0 || *text != '\0' ? text : strerror(-result));
    json_text_close(&answer, '}');
    say(c, json_text_finish(&answer));
}

static void on_done(void *data, int result, const char *text)
{
    struct control_client *c = data;

    c->state = CONTROL_READS; /* nothing is to be forgotten any more */
    say_result(c, result, text);
}

/* ---- the request ---- */

/* The device writes to it from its one thread: a pipe or a terminal could stop it. */
static const char *check_passed(int fd)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return "the descriptor that came along is no regular file";
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
        return "the descriptor that came along cannot be written";
    return NULL;
}

static const char *check_line(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (line[i] < ' ' || line[i] > '~')
            return "a command is one line of plain text";
    return NULL;
}

static const char *why_not(int result)
{
    if (result == -EBUSY)
        return "the device has its hands full; try again";
    if (result == -ENOTCONN)
        return "the device's worker is being replaced; try again";
    return strerror(-result);
}

/* The line is complete: it has 'size' bytes. */
static void ask(struct control_client *c, size_t size)
{
    const char *reason = check_line(c->line, size);
    int r;

    c->line[size] = '\0';
    if (reason == NULL)
        reason = check_passed(c->passed);
    if (reason != NULL) {
        say_result(c, -EINVAL, reason);
        return;
    }
    if (size == 0 || strcmp(c->line, "report") == 0) {
        say_report(c);
        return;
    }
    c->state = CONTROL_WAITS;
    sd_event_source_set_io_events(c->io, 0); /* only the end is of interest */
    arm_for(c, patience(c));
    r = c->handler->command(c->data, c->line, c->passed, on_done, c);
    if (r < 0)
        on_done(c, r, why_not(r));
    else
        fd_close(&c->passed);
}

static void take_passed(struct control_client *c, struct fd_list *fds)
{
    if (c->passed < 0 && fds->count > 0)
        c->passed = fd_list_take(fds, 0);
    fd_list_finish(fds);
}

static void read_more(struct control_client *c)
{
    struct fd_list fds = {0};
    ssize_t n = fd_receive(c->fd, c->line + c->have, sizeof(c->line) - c->have, &fds);
    const char *end;

    if (n == -EAGAIN || n == -EINTR)
        return;
    take_passed(c, &fds);
    if (n < 0) {
        control_client_finish(c);
        return;
    }
    c->have += (size_t)n;
    end = memchr(c->line, '\n', c->have);
    if (end != NULL)
        ask(c, (size_t)(end - c->line));
    else if (c->have == sizeof(c->line))
        say_result(c, -EINVAL, "the command is too long");
    else if (n == 0)
        ask(c, c->have);
    else
        arm(c);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct control_client *c = data;

    if (c->state == CONTROL_READS)
        read_more(c);
    else if (c->state == CONTROL_WRITES)
        write_more(c);
    else
        control_client_finish(c); /* it hung up */
    return 0;
}

static int on_time(sd_event_source *source, uint64_t now, void *data)
{
    struct control_client *c = data;

    if (c->state == CONTROL_READS && c->have == 0)
        say_report(c);
    else
        control_client_finish(c);
    return 0;
}

void control_client_init(struct control_client *c, sd_event *loop, int fd,
                         const struct control_handler *handler, void *data)
{
    control_client_clear(c);
    c->loop = loop;
    c->fd = fd;
    c->handler = handler;
    c->data = data;
    if (sd_event_add_io(loop, &c->io, fd, EPOLLIN, on_io, c) < 0 ||
        sd_event_add_time_relative(loop, &c->timer, CLOCK_MONOTONIC, MOMENT_US, ACCURACY_US,
                                   on_time, c) < 0)
        control_client_finish(c);
}
