/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CONTROL_SOCKET_H
#define DAEMON_CONTROL_SOCKET_H

#include <systemd/sd-event.h>

#include "daemon/listener.h"

#define CONTROL_SOCKET_CLIENTS 8u

/*
 * The control socket: whoever connects gets one document, and then the end of the stream. It never
 * blocks the loop, and serves a bounded number of clients at a time.
 */
struct control_socket;

struct control_socket_client {
    struct control_socket *control;
    int fd; /* owned; -1: free */
    sd_event_source *io;
    char *text; /* owned */
    size_t size, sent;
};

struct control_socket {
    sd_event *loop;
    struct listener listener;
    int fd; /* owned */
    sd_event_source *accept;
    char *(*document)(void *data); /* to be freed; NULL: no memory */
    void *data;
    struct control_socket_client clients[CONTROL_SOCKET_CLIENTS];
};

/* Listens at 'path' (borrowed). 0 or -errno, logged. */
int control_socket_init(struct control_socket *control, sd_event *loop, const char *path,
                        char *(*document)(void *data), void *data);
void control_socket_finish(struct control_socket *control);

#endif
