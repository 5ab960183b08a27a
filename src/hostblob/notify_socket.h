/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_NOTIFY_SOCKET_H
#define HOSTBLOB_NOTIFY_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

/*
 * Where the processes that we start say how they are, in the words of sd_notify(3). It is an
 * abstract socket: no file, and gone with us. Anyone may write to it: the kernel says who did.
 */
struct notify_socket {
    int fd;           /* owned */
    char address[64]; /* for NOTIFY_SOCKET */
    sd_event_source *io;
    /* 'pid' said that; 'text' is borrowed: lines. */
    void (*heard)(void *data, pid_t pid, const char *text);
    void *data;
};

/* 0 or -errno; finish it in both cases. */
int notify_socket_init(struct notify_socket *notify, sd_event *loop,
                       void (*heard)(void *data, pid_t pid, const char *text), void *data);
void notify_socket_finish(struct notify_socket *notify);
/* Whether one of the lines of 'text' is 'line'. */
bool notify_socket_has(const char *text, const char *line);

#endif
