/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_SESSION_H
#define MEDIA_SESSION_H

#include <stdint.h>

#include "base/id_map.h"

/* One open file of the guest's video node. What it owns is kept where it is owned
 * (buffer_queue::owner). */
struct session {
    struct id_node id; // session_table::map
};

struct session_table {
    struct id_map map;
    unsigned max;
    uint32_t next; /* ids count up, so that a late command does not meet a stranger */
};

void session_table_init(struct session_table *table, unsigned max);
/* Closes all, without a word to anybody. */
void session_table_clear(struct session_table *table);
/* A new session, or NULL with errno set: EMFILE at the limit, ENOMEM. */
struct session *session_open(struct session_table *table);
/* Frees it. */
void session_close(struct session_table *table, struct session *session);
/* The session of that id, or NULL. */
struct session *session_find(const struct session_table *table, uint32_t id);

#endif
