/* SPDX-License-Identifier: MIT */
#ifndef DOOR_SHARED_OBJECTS_H
#define DOOR_SHARED_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "door/back_channel.h"

/*
 * What the device shares with the VM's other devices: descriptors by UUID (vhost-user:
 * SHARED_OBJECT requests, protocol feature bit 18). The front-end only learns who has a UUID;
 * whoever wants the descriptor has the front-end ask us for it.
 *
 * The worker says what is shared; this table keeps the descriptors, tells the front-end when it can
 * be told (while the rings are stopped it waits), and sees to it that the front-end hears the end
 * of each. An object that the front-end does not take is nevertheless given to whoever asks.
 *
 * QEMU 11.1.3, measured: the three requests are safe at any time, the device stopped or not; a
 * UUID that is there is refused, and so is REMOVE of one that is not ours; its GET_SHARED_OBJECT
 * carries no UUID at all, and its answer to a look-up carries no descriptor. So on that version
 * nothing comes of it, either way.
 */
#define SHARED_OBJECTS_MAX 1024u /* that are shared, or that the front-end believes to be */
#define SHARED_OBJECTS_LOOKUPS 64u

struct shared_object;

/* One of them, for another process that goes on with it. */
struct shared_object_state {
    uint8_t uuid[16];
    int fd; /* -1: shared no more, which the front-end is to be told */
    bool told, refused;
};

struct shared_objects_handler {
    /* The look-up 'ticket' is done: a descriptor, which the callee owns, or -errno. */
    void (*found)(void *data, uint64_t ticket, int fd);
};

struct shared_objects {
    struct back_channel *channel; /* borrowed */
    bool usable;                  /* the front-end took what is needed to be told */
    unsigned count;
    unsigned lookups; /* under way */
    unsigned owner;   /* changes with the worker: a look-up's answer is for the one who asked */
    const struct shared_objects_handler *handler;
    void *data;
    TAILQ_HEAD(, shared_object) all;
};

void shared_objects_init(struct shared_objects *objects, struct back_channel *channel,
                         const struct shared_objects_handler *handler, void *data);
/* The front-end is gone, and the channel finished: forgets everything. */
void shared_objects_finish(struct shared_objects *objects);

/* The worker shares 'fd' under 'uuid'; takes ownership of 'fd', even on error. 0, also when
 * it is so already; -EEXIST when the UUID is taken, -ENOSPC when there are SHARED_OBJECTS_MAX or no
 * descriptors to spare, -ENOMEM. */
int shared_objects_add(struct shared_objects *objects, const uint8_t uuid[static 16], int fd);
/* The worker shares it no more. */
void shared_objects_remove(struct shared_objects *objects, const uint8_t uuid[static 16]);
/* Nothing is shared any more: the device begins anew. */
void shared_objects_remove_all(struct shared_objects *objects);
/* The worker died, and the next one goes on: what is shared stays, and nobody waits for a look-up
 * any more. */
void shared_objects_bequeath(struct shared_objects *objects);
/* The channel takes requests again: tells the front-end what it was not told. */
void shared_objects_tell(struct shared_objects *objects);
/* Whether the front-end is asked for nothing. */
bool shared_objects_rest(const struct shared_objects *objects);
/* The one behind *at (NULL at the beginning): its descriptor stays borrowed. False at the end. */
bool shared_objects_next(const struct shared_objects *objects, void **at,
                         struct shared_object_state *state);
/* Takes one over, with its descriptor, even on error; the front-end is told nothing yet. 0 or
 * -ENOSPC. */
int shared_objects_adopt(struct shared_objects *objects, const struct shared_object_state *state);
/* The descriptor that is shared under 'uuid', borrowed; -1 if there is none. */
int shared_objects_find(const struct shared_objects *objects, const uint8_t uuid[static 16]);
/* The worker looks for another device's object; answered through 'found', possibly at once. */
void shared_objects_lookup(struct shared_objects *objects, const uint8_t uuid[static 16],
                           uint64_t ticket);

#endif
