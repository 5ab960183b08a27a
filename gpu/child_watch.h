/* SPDX-License-Identifier: MIT */
#ifndef GPU_CHILD_WATCH_H
#define GPU_CHILD_WATCH_H

#include <sys/types.h>

#include <systemd/sd-event.h>

/*
 * A process whose end is noticed by its pidfd: a child of ours, or a child of a child. It is reaped
 * here when it is (or has become) a child of ours.
 */
struct child_watch;

/* It ended. 'how' is what can be said of it: "was killed by signal 9 (KILL)", or "ended" where
 * another process has reaped it. The watch is over: it may be started anew or freed. */
typedef void child_watch_ended(void *data, const char *how);

struct child_watch {
    pid_t pid; /* 0: nothing is watched */
    int pidfd; /* owned; -1: none */
    sd_event_source *io;
    child_watch_ended *ended;
    void *data;
};

/* Watches nothing. */
void child_watch_init(struct child_watch *watch);
/* Watches 'pid'; 'ended' is called from the loop, once. 0 or -errno (-ESRCH: no such process). */
int child_watch_start(struct child_watch *watch, sd_event *loop, pid_t pid,
                      child_watch_ended *ended, void *data);
/* SIGKILL, if something is watched; its end is told as always. */
void child_watch_kill(struct child_watch *watch);
/* Watches no more; the process goes on. */
void child_watch_stop(struct child_watch *watch);
/* SIGKILL, and waits for its end, at most a second: for the end of whoever watches. Nothing is told
 * of it. */
void child_watch_finish(struct child_watch *watch);

#endif
