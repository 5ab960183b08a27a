/* SPDX-License-Identifier: MIT */
#include "media/session.h"

#include <errno.h>
#include <stdlib.h>

void session_table_init(struct session_table *table, unsigned max)
{
    *table = (struct session_table){.max = max, .next = 1};
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

struct session *session_open(struct session_table *table)
{
    struct session *session;

    if (table->map.count >= table->max) {
        errno = EMFILE;
        return NULL;
    }
    session = calloc(1, sizeof(*session));
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

    if (id == 0 || table->map.count >= table->max || session_find(table, id) != NULL) {
        errno = id == 0 ? EINVAL : table->map.count >= table->max ? EMFILE : EEXIST;
        return NULL;
    }
    session = calloc(1, sizeof(*session));
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
    free(session);
}

struct session *session_find(const struct session_table *table, uint32_t id)
{
    return ID_MAP_OF(id_map_find(&table->map, id), struct session, id);
}
