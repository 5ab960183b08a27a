/* SPDX-License-Identifier: MIT */
#include "door/shared_objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"

struct shared_object {
    TAILQ_ENTRY(shared_object) link; // shared_objects::all
    struct shared_objects *objects;
    uint8_t uuid[16];
    int fd;       /* owned; -1: shared no more */
    bool asked;   /* a request about it is under way */
    bool told;    /* the front-end has its UUID from us */
    bool refused; /* and will not take it */
};

struct lookup {
    struct shared_objects *objects;
    uint64_t ticket;
    unsigned owner;
};

static void object_destroy(struct shared_object *o)
{
    TAILQ_REMOVE(&o->objects->all, o, link);
    o->objects->count--;
    fd_close(&o->fd);
    free(o);
}

static void object_settle(struct shared_object *o);

/* Whether the request had any effect is known, unless it was not sent (-ECANCELED). Without a
 * channel there is nobody who could know of it. */
static void object_added(void *data, int result)
{
    struct shared_object *o = data;

    o->asked = false;
    if (result == -EIO) {
        o->refused = true;
        log_stranger("The front-end refuses a shared object: other devices cannot have it.");
    }
    o->told = result == 0;
    if (result == 0 || o->fd < 0)
        object_settle(o);
}

static void object_removed(void *data, int result)
{
    struct shared_object *o = data;

    o->asked = false;
    o->told = result == -ECANCELED;
    if (!o->told)
        object_settle(o);
}

/* Takes the next step from what the front-end knows to what it should; may destroy the object. */
static void object_settle(struct shared_object *o)
{
    bool add = o->fd >= 0 && !o->told && !o->refused;
    bool remove = o->fd < 0 && o->told;

    if (o->asked)
        return;
    if (o->fd < 0 && !o->told) {
        object_destroy(o);
        return;
    }
    if (!o->objects->usable || (!add && !remove))
        return;
    if (back_channel_object(o->objects->channel,
                            add ? VHOST_USER_BACKEND_SHARED_OBJECT_ADD
                                : VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE,
                            o->uuid, add ? object_added : object_removed, o) == 0)
        o->asked = true;
    else if (remove) /* nobody is there to be told */
        object_destroy(o);
}

static struct shared_object *object_find(const struct shared_objects *objects, const uint8_t *uuid)
{
    struct shared_object *o;

    TAILQ_FOREACH(o, &objects->all, link)
    if (memcmp(o->uuid, uuid, sizeof(o->uuid)) == 0)
        return o;
    return NULL;
}

int shared_objects_add(struct shared_objects *objects, const uint8_t uuid[static 16], int fd)
{
    struct shared_object *o = object_find(objects, uuid);
    int r = -ENOMEM;

    if (o != NULL)
        r = o->fd >= 0 && fd_same_file(o->fd, fd) ? 0 : -EEXIST;
    else if (objects->count == SHARED_OBJECTS_MAX || !fd_leaves_room(fd))
        r = -ENOSPC;
    else
        r = (o = calloc(1, sizeof(*o))) != NULL ? 1 : -ENOMEM;
    if (r <= 0) {
        fd_close(&fd);
        return r;
    }
    o->objects = objects;
    o->fd = fd;
    memcpy(o->uuid, uuid, sizeof(o->uuid));
    TAILQ_INSERT_TAIL(&objects->all, o, link);
    objects->count++;
    object_settle(o);
    return 0;
}

static void object_unshare(struct shared_object *o)
{
    fd_close(&o->fd);
    object_settle(o);
}

void shared_objects_remove(struct shared_objects *objects, const uint8_t uuid[static 16])
{
    struct shared_object *o = object_find(objects, uuid);

    if (o != NULL)
        object_unshare(o);
}

void shared_objects_remove_all(struct shared_objects *objects)
{
    struct shared_object *o, *next;

    TAILQ_FOREACH_SAFE(o, &objects->all, link, next)
    object_unshare(o);
}

void shared_objects_bequeath(struct shared_objects *objects)
{
    objects->owner++;
}

void shared_objects_tell(struct shared_objects *objects)
{
    struct shared_object *o, *next;

    TAILQ_FOREACH_SAFE(o, &objects->all, link, next)
    object_settle(o);
}

bool shared_objects_rest(const struct shared_objects *objects)
{
    const struct shared_object *o;

    TAILQ_FOREACH(o, &objects->all, link)
    if (o->asked)
        return false;
    return objects->lookups == 0;
}

bool shared_objects_next(const struct shared_objects *objects, void **at,
                         struct shared_object_state *state)
{
    const struct shared_object *o =
        *at == NULL ? TAILQ_FIRST(&objects->all) : TAILQ_NEXT((struct shared_object *)*at, link);

    if (o == NULL)
        return false;
    memcpy(state->uuid, o->uuid, sizeof(state->uuid));
    state->fd = o->fd;
    state->told = o->told;
    state->refused = o->refused;
    *at = (void *)(uintptr_t)o;
    return true;
}

int shared_objects_adopt(struct shared_objects *objects, const struct shared_object_state *state)
{
    struct shared_object *o = NULL;
    int fd = state->fd;

    if (objects->count < SHARED_OBJECTS_MAX && object_find(objects, state->uuid) == NULL &&
        (fd < 0 || fd_leaves_room(fd)))
        o = calloc(1, sizeof(*o));
    if (o == NULL) {
        fd_close(&fd);
        return -ENOSPC;
    }
    *o = (struct shared_object){
        .objects = objects, .fd = fd, .told = state->told, .refused = state->refused};
    memcpy(o->uuid, state->uuid, sizeof(o->uuid));
    TAILQ_INSERT_TAIL(&objects->all, o, link);
    objects->count++;
    return 0;
}

int shared_objects_find(const struct shared_objects *objects, const uint8_t uuid[static 16])
{
    const struct shared_object *o = object_find(objects, uuid);

    return o != NULL ? o->fd : -1;
}

/* ---- look-ups ---- */

static void lookup_done(void *data, int fd)
{
    struct lookup l = *(struct lookup *)data;

    free(data);
    l.objects->lookups--;
    if (l.owner != l.objects->owner)
        fd_close(&fd);
    else
        l.objects->handler->found(l.objects->data, l.ticket, fd == -EIO ? -ENOENT : fd);
}

static int lookup_begin(struct shared_objects *objects, const uint8_t *uuid, uint64_t ticket)
{
    struct lookup *l;
    int r;

    if (!objects->usable)
        return -EOPNOTSUPP;
    if (objects->channel->held)
        return -ECANCELED;
    if (objects->lookups == SHARED_OBJECTS_LOOKUPS)
        return -EBUSY;
    l = malloc(sizeof(*l));
    if (l == NULL)
        return -ENOMEM;
    *l = (struct lookup){objects, ticket, objects->owner};
    r = back_channel_object(objects->channel, VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP, uuid,
                            lookup_done, l);
    if (r < 0)
        free(l);
    else
        objects->lookups++;
    return r;
}

void shared_objects_lookup(struct shared_objects *objects, const uint8_t uuid[static 16],
                           uint64_t ticket)
{
    int r = lookup_begin(objects, uuid, ticket);

    if (r < 0)
        objects->handler->found(objects->data, ticket, r);
}

/* ---- life ---- */

void shared_objects_init(struct shared_objects *objects, struct back_channel *channel,
                         const struct shared_objects_handler *handler, void *data)
{
    *objects = (struct shared_objects){.channel = channel, .handler = handler, .data = data};
    TAILQ_INIT(&objects->all);
}

void shared_objects_finish(struct shared_objects *objects)
{
    struct shared_object *o;

    objects->usable = false;
    while ((o = TAILQ_FIRST(&objects->all)) != NULL)
        object_destroy(o);
}
