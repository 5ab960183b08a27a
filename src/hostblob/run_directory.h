/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_RUN_DIRECTORY_H
#define HOSTBLOB_RUN_DIRECTORY_H

#include <stdbool.h>

#define RUN_DIRECTORY_PATH 108u /* bytes: a socket's path, or shorter */
#define RUN_DIRECTORY_MAX 64u   /* devices that are looked at */

/*
 * Where the devices of a user have their control sockets, NAME.control each: $HOSTBLOB_RUN_DIR, or
 * $XDG_RUNTIME_DIR/hostblob, or /run/hostblob for root. It is the user's own: mode 0700.
 */
struct run_directory {
    char path[RUN_DIRECTORY_PATH];
    unsigned count;
    char names[RUN_DIRECTORY_MAX][64]; /* sorted; of sockets, dead ones too */
};

/* Where it is. False: there is none for this user. */
bool run_directory_path(char path[static RUN_DIRECTORY_PATH]);
/* Makes it, if need be. 0 or -errno: -EPERM when it is another user's. */
int run_directory_make(const char *path);
/* Reads it; for root, where there is nothing in the session's, /run/hostblob, which the services of
 * the system have. False when there is none. */
bool run_directory_read(struct run_directory *directory);
/* The control socket of that name in the directory. False when it is too long. */
bool run_directory_socket(const char *directory, const char *name,
                          char path[static RUN_DIRECTORY_PATH]);

#endif
