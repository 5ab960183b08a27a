/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

/* A unix socket that somebody can connect to. */
struct listener {
    int fd;           /* owned until it is taken; -1 then */
    bool listening;   /* else it is connected already */
    const char *path; /* borrowed; what listener_finish removes; NULL if it was not made here */
    pid_t maker;      /* of the path: no process that it forks is to remove it */
};

/* Makes a socket at 'path' and listens. It has mode 0600, or 0660 and the group 'group' (a name or
 * a number; NULL: none). A socket that nobody answers on any more is replaced; anything else at
 * that path, or a live one, is not. 0 or -errno, with a sentence in the log. */
int listener_init_path(struct listener *listener, const char *path, const char *group);
/* Takes over descriptor 'fd', which must be a unix stream socket. 0 or -errno, with a sentence in
 * the log. */
int listener_init_fd(struct listener *listener, int fd);
/* Gives the descriptor to the caller, who owns it. */
int listener_take(struct listener *listener);
/* 'path' was made by the program that this process was before: it is ours to remove. */
void listener_inherit(struct listener *listener, const char *path);
/* Closes what was not taken, and removes the path if this process made it. */
void listener_finish(struct listener *listener);

#endif
