/* SPDX-License-Identifier: MIT */
#include "worker/worker_objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct worker_lookup {
    TAILQ_ENTRY(worker_lookup) link; // worker_objects::lookups
    uint64_t ticket;
    device_object_done *done;
    void *data;
};

static int send_object(const struct worker_objects *objects, uint32_t type, const uint8_t *uuid,
                       uint64_t ticket, int fd)
{
    struct link_message m = {.type = type, .object.ticket = ticket};
    uint32_t size = link_size(type);

    memcpy(m.object.uuid, uuid, sizeof(m.object.uuid));
    return fd_send(objects->link_fd, &m, size, &fd, fd >= 0) == (ssize_t)size ? 0 : -ENOTCONN;
}

int worker_objects_share(struct worker_objects *objects, const uint8_t uuid[static 16], int fd)
{
    return fd < 0 ? -EBADF : send_object(objects, LINK_OBJECT_ADD, uuid, 0, fd);
}

void worker_objects_unshare(struct worker_objects *objects, const uint8_t uuid[static 16])
{
    send_object(objects, LINK_OBJECT_REMOVE, uuid, 0, -1);
}

int worker_objects_lookup(struct worker_objects *objects, const uint8_t uuid[static 16],
                          device_object_done *done, void *data)
{
    struct worker_lookup *l;
    int r;

    if (objects->count == WORKER_OBJECTS_LOOKUPS)
        return -EBUSY;
    l = malloc(sizeof(*l));
    if (l == NULL)
        return -ENOMEM;
    *l = (struct worker_lookup){.ticket = ++objects->next_ticket, .done = done, .data = data};
    r = send_object(objects, LINK_OBJECT_LOOKUP, uuid, l->ticket, -1);
    if (r < 0) {
        free(l);
        return r;
    }
    TAILQ_INSERT_TAIL(&objects->lookups, l, link);
    objects->count++;
    return 0;
}

static void lookup_end(struct worker_objects *objects, struct worker_lookup *l, int fd)
{
    struct worker_lookup ended = *l;

    TAILQ_REMOVE(&objects->lookups, l, link);
    objects->count--;
    free(l);
    ended.done(ended.data, fd);
}

void worker_objects_found(struct worker_objects *objects, const struct link_message *message,
                          struct fd_list *fds)
{
    int result = message->object.result < 0 ? message->object.result : -ENOENT;
    struct worker_lookup *l;

    TAILQ_FOREACH(l, &objects->lookups, link)
    {
        if (l->ticket != message->object.ticket)
            continue;
        lookup_end(objects, l, fds->count > 0 ? fd_list_take(fds, 0) : result);
        return;
    }
}

void worker_objects_forget(struct worker_objects *objects)
{
    /* Whoever is told may ask anew: that is not forgotten, it comes last. */
    for (unsigned n = objects->count; n > 0; n--)
        lookup_end(objects, TAILQ_FIRST(&objects->lookups), -ECANCELED);
}

void worker_objects_init(struct worker_objects *objects, int link_fd)
{
    *objects = (struct worker_objects){.link_fd = link_fd};
    TAILQ_INIT(&objects->lookups);
}

void worker_objects_finish(struct worker_objects *objects)
{
    struct worker_lookup *l;

    while ((l = TAILQ_FIRST(&objects->lookups)) != NULL) {
        TAILQ_REMOVE(&objects->lookups, l, link);
        free(l);
    }
    objects->count = 0;
}
