/* SPDX-License-Identifier: MIT */
#ifndef DOOR_CONNECTION_H
#define DOOR_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-event.h>

#include "base/fd.h"
#include "protocol/vhost_user.h"

/*
 * The main socket: whole messages in, answers out. It never blocks: a message may arrive in any
 * number of pieces. While it is held no further message is read, since each must be answered before
 * the next.
 */
struct connection;

/* Whole messages go to 'message' (whoever takes a descriptor out of 'fds' owns it; the rest is
 * closed after the call); 'closed' comes once, when the peer is gone or cannot be trusted any more:
 * the handler finishes the connection. 'refused' comes before it if the peer did what it should
 * not.
 */
struct connection_handler {
    void (*message)(void *data, const struct vhost_user_message *message, struct fd_list *fds);
    void (*refused)(void *data, const char *reason);
    void (*closed)(void *data, const char *reason);
};

struct connection {
    int fd; /* owned */
    sd_event_source *io;
    const struct connection_handler *handler;
    void *data;
    size_t have; /* bytes of 'in' that have arrived */
    struct vhost_user_message in;
    struct fd_list fds;
    bool broken;
};

/* Takes ownership of 'fd', a connected stream socket, even on error. 0 or -errno. */
int connection_init(struct connection *c, sd_event *loop, int fd,
                    const struct connection_handler *handler, void *data);
void connection_finish(struct connection *c);
/* Stops or goes on reading. */
void connection_hold(struct connection *c, bool hold);
/* Whether nothing has arrived that was not delivered. */
bool connection_quiet(const struct connection *c);
/* Answers 'request' with 'size' bytes of its own form and possibly nothing. */
void connection_answer(struct connection *c, const struct vhost_user_message *request,
                       const void *payload, uint32_t size);
/* The same, with a descriptor, which is borrowed; -1 for none. */
void connection_answer_fd(struct connection *c, const struct vhost_user_message *request,
                          const void *payload, uint32_t size, int fd);
/* Answers 'request' with 0, or with 1 when 'result' is not 0, if an answer was asked for.
 * 'reply_ack': whether REPLY_ACK was negotiated. */
void connection_ack(struct connection *c, const struct vhost_user_message *request, bool reply_ack,
                    int result);

#endif
