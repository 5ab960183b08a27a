/* SPDX-License-Identifier: MIT */
#ifndef GPU_WATCHDOG_H
#define GPU_WATCHDOG_H

#include <systemd/sd-event.h>

#include "gpu/render_server.h"
#include "gpu/render_thread.h"

/*
 * Looks after the library's thread. A call that does not come back may wait for another process:
 * the one of the context that it is for, or the render server. One that is stopped, or that does
 * nothing at all, will not answer any more and is killed soon, since every other context waits
 * behind that call; one that works is given more time. Its end is told as any other
 * (render_server_create). Where the call waits for nobody, so that it is our own process that
 * hangs, nothing can be done but to say so.
 *
 * Only while there is work for the thread is time taken: an idle device does not wake up.
 */
struct watchdog;

/* All in milliseconds. */
struct watchdog_limits {
    unsigned first; /* a call may last that long before anybody looks */
    unsigned look;  /* between two looks */
    unsigned work;  /* a process that works may let a call wait that long */
    unsigned own;   /* our own process likewise, before it is said */
    unsigned again; /* until it is said again */
};

/* 'thread' and 'server' (NULL: there is none) are borrowed; 'limits' are copied, NULL for the usual
 * ones. NULL with errno set. */
struct watchdog *watchdog_create(sd_event *loop, struct render_thread *thread,
                                 struct render_server *server,
                                 const struct watchdog_limits *limits);
/* Takes NULL. */
void watchdog_destroy(struct watchdog *watchdog);
/* A job was queued to the thread. */
void watchdog_wake(struct watchdog *watchdog);

#endif
