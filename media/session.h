/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_SESSION_H
#define MEDIA_SESSION_H

#include <stdint.h>

#include "base/id_map.h"
#include "media/media_quota.h"
#include "media/subscription.h"

struct context;

/* One open file of the guest's video node. The buffers that it owns are kept where they are owned
 * (buffer_queue::owner). */
struct session {
    struct id_node id;       // session_table::map
    struct quota *quotas;    /* the device's, see media/media_quota.h */
    struct context *context; /* what its ioctls act on; made and ended by the kind */
    uint32_t record;         /* in the estate */
    struct subscription_list subscriptions;
    unsigned subscription_count;
    uint32_t event_sequence; /* of V4L2 events: a gap tells the guest of a lost one */
};

struct session_table {
    struct id_map map;
    struct quota *quotas; /* borrowed */
    uint32_t next;        /* ids count up, so that a late command does not meet a stranger */
};

void session_table_init(struct session_table *table, struct quota *quotas);
/* The first session and the one after, or NULL. */
struct session *session_first(const struct session_table *table);
struct session *session_next(struct session *session);
/* A new session, or NULL with errno set: EDQUOT, ENOMEM. */
struct session *session_open(struct session_table *table);
/* The session 'id' that a worker before us had. NULL with errno set: also EEXIST, EINVAL for 0. */
struct session *session_restore(struct session_table *table, uint32_t id);
/* Frees it; it has no context and no subscription any more. */
void session_close(struct session_table *table, struct session *session);
/* The session of that id, or NULL. */
struct session *session_find(const struct session_table *table, uint32_t id);

#endif
