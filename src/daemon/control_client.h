/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CONTROL_CLIENT_H
#define DAEMON_CONTROL_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#define CONTROL_CLIENT_LINE 512u /* bytes of a request, its end included */

/* The end of a command: 0 or -errno; 'text' is borrowed. */
typedef void control_done(void *data, int result, const char *text);

/* Who answers. */
struct control_handler {
    /* The report, one line of JSON and its end, to be freed; NULL: no memory. */
    char *(*report)(void *data);
    /* A command, with a borrowed descriptor or -1. 0: 'done' comes once, perhaps from within,
     * unless 'forget' comes first; or -errno. */
    int (*command)(void *data, const char *line, int fd, control_done *done, void *client);
    /* The client is gone. */
    void (*forget)(void *data, void *client);
    /* How long a command may take, in microseconds; 0, or no such function: the usual time. */
    uint64_t (*patience)(void *data, const char *line);
};

enum control_state {
    CONTROL_READS,  /* the request is not complete */
    CONTROL_WAITS,  /* for the device */
    CONTROL_WRITES, /* the answer */
};

/*
 * One who asks: a line comes in, an answer goes out, and that is all. Who says nothing gets the
 * report, at the end of its stream or after a moment. Hostile or not, it is gone after some
 * seconds.
 */
struct control_client {
    sd_event *loop;
    int fd; /* owned; -1: nobody is there */
    enum control_state state;
    sd_event_source *io, *timer;
    const struct control_handler *handler;
    void *data;
    char line[CONTROL_CLIENT_LINE];
    size_t have;
    int passed;  /* the descriptor that came with the line, owned; -1: none */
    char *text;  /* owned: the answer */
    size_t size; /* bytes of it, */
    size_t sent; /* and how many are gone */
};

void control_client_clear(struct control_client *client);
/* Takes ownership of 'fd', a connected stream socket that does not block, even on error: then the
 * client is clear again. */
void control_client_init(struct control_client *client, sd_event *loop, int fd,
                         const struct control_handler *handler, void *data);
/* Closes and forgets everything; may be called of a clear one. */
void control_client_finish(struct control_client *client);

#endif
