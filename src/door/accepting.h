/* SPDX-License-Identifier: MIT */
#ifndef DOOR_ACCEPTING_H
#define DOOR_ACCEPTING_H

#include <systemd/sd-event.h>

/*
 * A listening socket in the loop. When no descriptor is left for who comes, they wait: the socket
 * is left alone for a moment, and not looked at over and over.
 */
#define ACCEPTING_PAUSE_MS 100u

struct accepting {
    int fd;                   /* borrowed */
    sd_event_source *io;      /* NULL: not in the loop */
    sd_event_source *resumes; /* after a pause */
    sd_event_io_handler_t handler;
    void *data;
};

/* Calls 'handler' with 'data' whenever somebody is at 'fd' (borrowed). 0 or -errno. */
int accepting_init(struct accepting *accepting, sd_event *loop, int fd,
                   sd_event_io_handler_t handler, void *data);
/* The same for a device that serves already: what it lacks for it, it waits for. */
int accepting_insist(struct accepting *accepting, sd_event *loop, int fd,
                     sd_event_io_handler_t handler, void *data);
/* Takes one that is all zeros. */
void accepting_finish(struct accepting *accepting);
/* Lets one in: a descriptor that the caller owns, which does not block. -errno when there is none,
 * logged where it means something: "A front-end", or whoever 'who' says. */
int accepting_take(struct accepting *accepting, const char *who);

#endif
