/* SPDX-License-Identifier: MIT */
#ifndef DOOR_CONVERSATION_H
#define DOOR_CONVERSATION_H

#include "door/session.h"

/* What is said in a session: takes the front-end's requests to their handlers, and the worker's
 * news to whom they concern. */

/* Takes ownership of 'fd' even on error. 'closed' comes once, when the front-end is gone. 0 or
 * -errno. */
int conversation_begin(struct session *s, const struct session_lent *lent, int fd,
                       void (*closed)(void *data), void *data);
/* Stops the worker's rings, empties the ledger, forgets the front-end. */
void conversation_end(struct session *s);

/* The worker's news, see keeper_handler. */
void conversation_worker_ready(struct session *s);
void conversation_worker_ack(struct session *s, uint32_t serial, int result, uint64_t value);
void conversation_worker_request(struct session *s, const struct link_message *message,
                                 struct fd_list *fds);
void conversation_worker_died(struct session *s);

/*
 * Goes on with a front-end that another process had until now: as conversation_begin, but nothing
 * is read until connection_hold lets it.
 */
int conversation_adopt(struct session *session, const struct session_lent *lent, int fd,
                       void (*closed)(void *data), void *data);
/* Forgets the front-end, which another process goes on with: says nothing to anybody. */
void conversation_abandon(struct session *session);

#endif
