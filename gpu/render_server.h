/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDER_SERVER_H
#define GPU_RENDER_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

/*
 * The render server of Venus, kept alive. libvirglrenderer starts it once and never again; here the
 * library speaks with us instead (protocol/render_wire.h), we pass on what it says to the real
 * server, and start another when that dies. The library never sees a broken socket: a new context
 * that was asked for meanwhile is asked for once more of the next server, or refused.
 *
 * Contexts have processes of their own, which live on without the server; they are watched here.
 *
 * Everything is called from the loop's thread, but for render_server_connect. The library must run
 * on another thread than the loop, since it waits for what the loop passes on.
 */
struct render_server;

struct render_server_options {
    const char *program; /* borrowed; NULL: as render_spawn_program finds it */
    /* "NAME=value", ended by NULL, borrowed: set for the server beside our environment. NULL: what
     * render_environment says. */
    const char *const *environment;
    int (*shut)(void); /* see render_spawn.h; NULL: nothing */
};

/* What may be behind a call of the library that does not come back. */
struct render_suspect {
    pid_t pid;
    uint32_t ctx_id; /* 0: it is the server itself */
};

/*
 * 'context_lost': the process of that context has died, and the library has not asked for it; it is
 * told once. The library's own context is still to be destroyed, soon: a thread of the library
 * spins on its broken socket.
 * NULL with errno set: ENOENT where there is no render server to start. Makes this process a
 * subreaper (prctl(2)) for good.
 */
struct render_server *render_server_create(sd_event *loop,
                                           const struct render_server_options *options,
                                           void (*context_lost)(void *data, uint32_t ctx_id),
                                           void *data);
/* Ends the server and every process of its contexts, which takes some milliseconds, and a second
 * where one cannot be killed. A call of the library that waits for them fails then: so this comes
 * before the library's thread is waited for. Takes NULL. */
void render_server_destroy(struct render_server *server);
/*
 * A socket for the library's get_server_fd, for RENDER_WIRE_VERSION; the caller (so the library)
 * owns it. Any thread. One connection at a time: with a new one everything of the last ends. -errno
 * when there is no more.
 */
int render_server_connect(struct render_server *server);

/* Who may be to blame for a call on that context (0: on none). False: nobody that is known here. */
bool render_server_suspect(const struct render_server *server, uint32_t ctx_id,
                           struct render_suspect *suspect);
/* The process of the context with the next higher id than 'ctx_id'. False: no more. */
bool render_server_next(const struct render_server *server, uint32_t ctx_id,
                        struct render_suspect *suspect);
/* Kills what render_server_suspect or _next named. What follows is as if it had died by itself. */
void render_server_kill(struct render_server *server, const struct render_suspect *suspect);

/* How often a server was started, for people. */
unsigned render_server_starts(const struct render_server *server);

#endif
