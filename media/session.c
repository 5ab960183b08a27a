/* SPDX-License-Identifier: MIT */
#include "media/session.h"

#include <errno.h>
#include <stdlib.h>

void session_table_init(struct session_table *table, struct quota *quotas)
{
    *table = (struct session_table){.quotas = quotas, .next = 1};
    id_map_init(&table->map);
}

struct session *session_first(const struct session_table *table)
{
    return ID_MAP_OF(id_map_first(&table->map), struct session, id);
}

struct session *session_next(struct session *session)
{
    return ID_MAP_OF(id_map_next(&session->id), struct session, id);
}

static struct session *session_create(struct session_table *table)
{
    struct quota *quota = &table->quotas[MEDIA_QUOTA_SESSIONS];
    struct session *session;
    int r = quota_take(quota, 1);

    if (r != 0) {
        errno = -r;
        return NULL;
    }
    session = calloc(1, sizeof(*session));
    if (session == NULL)
        quota_give(quota, 1);
    else
        session->quotas = table->quotas;
    return session;
}

struct session *session_open(struct session_table *table)
{
    struct session *session = session_create(table);

    if (session == NULL)
        return NULL;
    /* Ends: fewer ids are taken than there are. */
    do
        session->id.id = table->next++;
    while (id_map_add(&table->map, &session->id) != 0);
    return session;
}

struct session *session_restore(struct session_table *table, uint32_t id)
{
    struct session *session;

    if (id == 0 || session_find(table, id) != NULL) {
        errno = id == 0 ? EINVAL : EEXIST;
        return NULL;
    }
    session = session_create(table);
    if (session == NULL)
        return NULL;
    session->id.id = id;
    id_map_add(&table->map, &session->id);
    if (table->next <= id)
        table->next = id + 1;
    return session;
}

void session_close(struct session_table *table, struct session *session)
{
    id_map_remove(&table->map, &session->id);
    quota_give(&table->quotas[MEDIA_QUOTA_SESSIONS], 1);
    free(session);
}

struct session *session_find(const struct session_table *table, uint32_t id)
{
    return ID_MAP_OF(id_map_find(&table->map, id), struct session, id);
}
