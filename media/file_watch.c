/* SPDX-License-Identifier: MIT */
#include "media/file_watch.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

void file_watch_init(struct file_watch *watch, sd_event *loop, void (*more)(void *data), void *data)
{
    *watch = (struct file_watch){.loop = loop, .inotify = -1, .more = more, .data = data};
}

bool file_watch_waits(const struct file_watch *watch)
{
    return watch->source != NULL;
}

void file_watch_stop(struct file_watch *watch)
{
    watch->source = sd_event_source_disable_unref(watch->source);
}

void file_watch_finish(struct file_watch *watch)
{
    file_watch_stop(watch);
    fd_close(&watch->inotify);
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct file_watch *watch = data;

    file_watch_stop(watch);
    watch->more(watch->data);
    return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *data)
{
    return on_input(source, -1, 0, data);
}

int file_watch_input(struct file_watch *watch, int fd)
{
    int r;

    file_watch_stop(watch);
    r = sd_event_add_io(watch->loop, &watch->source, fd, EPOLLIN, on_input, watch);
    return r < 0 ? r : 0;
}

static int watch_after(struct file_watch *watch, uint64_t usec)
{
    file_watch_stop(watch);
    return sd_event_add_time_relative(watch->loop, &watch->source, CLOCK_MONOTONIC, usec, 1000,
                                      on_time, watch);
}

/* The file may have grown before it was watched. */
static int begin_growth(struct file_watch *watch, const char *path)
{
    int r;

    watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->inotify < 0)
        return -errno;
    r = inotify_add_watch(watch->inotify, path, IN_MODIFY) < 0 ? -errno : watch_after(watch, 0);
    if (r < 0)
        fd_close(&watch->inotify);
    return r < 0 ? r : 0;
}

static int on_growth(sd_event_source *source, int fd, uint32_t events, void *data)
{
    char buffer[4096];

    while (read(fd, buffer, sizeof(buffer)) > 0)
        continue;
    return on_input(source, fd, events, data);
}

int file_watch_growth(struct file_watch *watch, const char *path)
{
    int r;

    if (watch->inotify < 0)
        return begin_growth(watch, path);
    file_watch_stop(watch);
    r = sd_event_add_io(watch->loop, &watch->source, watch->inotify, EPOLLIN, on_growth, watch);
    return r < 0 ? r : 0;
}

void file_watch_later(struct file_watch *watch)
{
    if (watch_after(watch, FILE_WATCH_LATER_MS * 1000ull) < 0)
        log_error("file: there is no timer: it is not opened again");
}
