/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_PIPEWIRE_REMOTE_H
#define MEDIA_PIPEWIRE_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>
#include <systemd/sd-event.h>

#include "media/pipewire_library.h"

/*
 * A connection to a PipeWire daemon, in our loop, and the cameras that it has. It goes with the
 * daemon, and comes again with it: pipewire_remote_connect is to be called until then.
 *
 * The library calls back from within its own lists. So nothing of it is taken down from a callback:
 * what a callback finds out is kept, and done by events->settle, which comes after them.
 */
struct pipewire_camera {
    uint32_t id;
    char serial[24];                   /* never used again, unlike the id */
    char name[128];                    /* of the node: the same after a restart */
    char description[128];             /* for people */
    int priority;                      /* a session manager's: the highest is the default */
    LIST_ENTRY(pipewire_camera) entry; // pipewire_remote::cameras
};

LIST_HEAD(pipewire_camera_list, pipewire_camera);

struct pipewire_link {
    uint32_t id;
    uint32_t from, to;               /* nodes */
    LIST_ENTRY(pipewire_link) entry; // pipewire_remote::links
};

LIST_HEAD(pipewire_link_list, pipewire_link);

struct pipewire_remote_events {
    /* Something has changed: the cameras, the links, the manager, or the connection's state. */
    void (*settle)(void *data);
    /* The daemon is gone. Whatever was made of 'core' is to be destroyed now. */
    void (*lost)(void *data);
};

enum pipewire_remote_state {
    PIPEWIRE_REMOTE_DOWN,
    PIPEWIRE_REMOTE_COMING, /* connected; the cameras are being told */
    PIPEWIRE_REMOTE_UP,
};

struct pipewire_remote {
    const struct pipewire_library *pw;
    const struct pipewire_remote_events *events;
    void *data;
    struct pw_loop *loop;
    sd_event_source *source; /* of the loop's descriptor */
    sd_event_source *later;  /* settles */
    struct pw_context *context;
    struct pw_core *core;
    struct pw_registry *registry;
    struct spa_hook core_hook, registry_hook;
    enum pipewire_remote_state state;
    int sync;    /* the number of the answer that all cameras were told before */
    bool broken; /* the daemon is gone: to be taken down */
    int failure; /* of the last pipewire_remote_connect, -errno; 0: it went well, or there was none
                  */
    struct pipewire_camera_list cameras;
    unsigned changes; /* counts the cameras that came or went */
    struct pipewire_link_list links;
    uint32_t manager; /* the metadata "default", which a session manager makes first of all;
                         SPA_ID_INVALID: there is none, so nobody links a camera to us */
};

/* Starts the library. 'pw' and 'events' are borrowed. 0 or -errno; finish it also after that. */
int pipewire_remote_init(struct pipewire_remote *remote, const struct pipewire_library *pw,
                         sd_event *loop, const struct pipewire_remote_events *events, void *data);
/* Whatever was made of 'core' is destroyed before. events->lost is not called. */
void pipewire_remote_finish(struct pipewire_remote *remote);

/* Tries to connect, if it is down. 0, or -errno when no daemon is there. */
int pipewire_remote_connect(struct pipewire_remote *remote);
/* The daemon's socket, as people know it; static. */
const char *pipewire_remote_name(void);
/* The camera with this node name, serial or description; with NULL the one of the highest priority.
 * NULL if there is none. */
const struct pipewire_camera *pipewire_remote_camera(const struct pipewire_remote *remote,
                                                     const char *target);
/* Whether that is its node name, serial or description. */
bool pipewire_camera_is(const struct pipewire_camera *camera, const char *target);
/* The camera of that id, or NULL. */
const struct pipewire_camera *pipewire_remote_camera_of(const struct pipewire_remote *remote,
                                                        uint32_t id);
/* "'Test Card' (test-card), ...": the cameras, in 'text'; "none" when there is none. Returns
 * 'text'. */
const char *pipewire_remote_list(const struct pipewire_remote *remote, char *text, size_t size);
/* A link to that node, or NULL. */
const struct pipewire_link *pipewire_remote_link(const struct pipewire_remote *remote,
                                                 uint32_t node);
/* Calls events->settle soon, from the loop. */
void pipewire_remote_later(struct pipewire_remote *remote);

#endif
