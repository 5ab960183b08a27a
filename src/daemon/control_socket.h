/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CONTROL_SOCKET_H
#define DAEMON_CONTROL_SOCKET_H

#include <systemd/sd-event.h>

#include "daemon/control_client.h"
#include "daemon/listener.h"
#include "door/accepting.h"

#define CONTROL_SOCKET_CLIENTS 8u

/*
 * The control socket, where people ask: whoever connects may write one line, and gets one line of
 * JSON and then the end of the stream. Without a line, or for "report", it is the report about the
 * device. Any other line is a command for the device, with a descriptor of a regular file if it is
 * about one; its answer has "ok", and "text" or "error".
 *
 * Mode 0600, so only the user that the device runs as, and root, can. It never blocks the loop, and
 * serves a bounded number of clients at a time, each for a bounded time.
 */
struct control_socket {
    sd_event *loop;
    struct listener listener;
    int fd;       /* owned */
    bool adopted; /* the device serves already */
    struct accepting accepting;
    const struct control_handler *handler;
    void *data;
    struct control_client clients[CONTROL_SOCKET_CLIENTS];
};

/* Nothing is open: control_socket_finish may be called. */
void control_socket_clear(struct control_socket *control);
/* Listens at 'path' (borrowed), and serves nobody yet. 0 or -errno, logged. */
int control_socket_open(struct control_socket *control, const char *path);
/* Serves, from now on, by 'loop'. 0 or -errno. */
int control_socket_serve(struct control_socket *control, sd_event *loop,
                         const struct control_handler *handler, void *data);
/* Lets nobody in any more: another process does. Who is there is served on. */
void control_socket_close(struct control_socket *control);
/* Goes on with 'fd' (owned), where another process has listened. */
void control_socket_adopt(struct control_socket *control, int fd);
/* Whether somebody is there. */
bool control_socket_busy(const struct control_socket *control);
/* Closes what is open. The name in the file system is removed by the process that made it. */
void control_socket_finish(struct control_socket *control);

#endif
