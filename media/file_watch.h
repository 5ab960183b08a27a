/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_FILE_WATCH_H
#define MEDIA_FILE_WATCH_H

#include <stdbool.h>

#include <systemd/sd-event.h>

/* Waits, once, for more to read. */
struct file_watch {
    sd_event *loop;           /* borrowed */
    sd_event_source *source;  /* NULL: it does not wait */
    int inotify;              /* owned; -1: none; of the file whose growth was waited for */
    void (*more)(void *data); /* it does not wait any more */
    void *data;
};

#define FILE_WATCH_LATER_MS 500u

void file_watch_init(struct file_watch *watch, sd_event *loop, void (*more)(void *data),
                     void *data);
/* Until there is something to read from 'fd' (borrowed for as long), or its writer has gone. 0 or
 * -errno. */
int file_watch_input(struct file_watch *watch, int fd);
/* Until somebody writes to the regular file, or may have: the same one each time. 0 or -errno. */
int file_watch_growth(struct file_watch *watch, const char *path);
/* For FILE_WATCH_LATER_MS. */
void file_watch_later(struct file_watch *watch);
bool file_watch_waits(const struct file_watch *watch);
/* Waits no more; 'more' is not called. */
void file_watch_stop(struct file_watch *watch);
/* Also forgets the file. */
void file_watch_finish(struct file_watch *watch);

#endif
