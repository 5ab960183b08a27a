/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDER_RELAY_H
#define GPU_RENDER_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "protocol/render_wire.h"

struct render_relay_handler {
    /* The server made the process of that context. */
    void (*created)(void *data, uint32_t ctx_id);
    /* The library destroys that context. */
    void (*destroyed)(void *data, uint32_t ctx_id);
    /* It destroys all. */
    void (*reset)(void *data);
    /* The server's socket is of no use any more, or the server does not read it: drop it. */
    void (*server_gone)(void *data);
    /* The library's end is closed. */
    void (*library_gone)(void *data);
};

/*
 * Passes messages between the library and whatever render server there is at the moment. It
 * remembers how the server is to be initialised, and the one question that may be open.
 */
struct render_relay {
    sd_event *loop;
    const struct render_relay_handler *handler;
    void *data;
    int library_fd, server_fd; /* owned; -1: none */
    sd_event_source *library_io, *server_io;
    bool refusing;    /* no server will come soon: answer at once */
    bool initialised; /* 'init' was said */
    bool creating;    /* 'create' has no answer yet */
    unsigned tries;   /* servers that got it */
    struct render_wire_init init;
    struct render_wire_create_context create; // as the library said it
};

/* Connects nothing yet. */
void render_relay_init(struct render_relay *relay, sd_event *loop,
                       const struct render_relay_handler *handler, void *data);
/* Closes both ends. */
void render_relay_finish(struct render_relay *relay);
/* Takes the end of a new library, and forgets the one before. 0 or -errno. */
int render_relay_set_library(struct render_relay *relay, int fd);
/* Takes the socket of a new server and tells it what the last one knew. 0 or -errno. */
int render_relay_set_server(struct render_relay *relay, int fd);
/* Closes the server's socket. If 'soon' another one is coming and the library waits for it;
 * otherwise it is refused new contexts until then. */
void render_relay_drop_server(struct render_relay *relay, bool soon);

#endif
