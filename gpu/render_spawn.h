/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDER_SPAWN_H
#define GPU_RENDER_SPAWN_H

#include <sys/types.h>

/* How a render server is started. Everything is borrowed. */
struct render_spawn {
    const char *program;
    /* "NAME=value", ended by NULL: set in its environment beside ours. NULL: nothing. */
    const char *const *environment;
    int socket; /* its end; stays the caller's */
    int output; /* its standard output and error; -1: ours */
    /* Called last in the child, to shut it in: with system calls alone. 0 or -errno, which is its
     * end with status 126. NULL: nothing. */
    int (*shut)(void);
};

/*
 * Starts it in a process group of its own, without any other descriptor of ours; it is killed when
 * the calling thread ends. Returns the pid or -errno. A program that cannot be executed ends with
 * status 127.
 */
pid_t render_spawn_start(const struct render_spawn *spawn);
/* The render server's program: $RENDER_SERVER_EXEC_PATH, or where distributions put it. NULL: there
 * is none. */
const char *render_spawn_program(void);

#endif
