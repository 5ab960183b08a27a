/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_DEVICE_PROGRAM_H
#define HOSTBLOB_DEVICE_PROGRAM_H

#include <stddef.h>

#include <json-c/json.h>

#include "hostblob/option_set.h"

/* The program of a kind of device, hostblob-KIND, asked about itself before it is to be a device.
 * Each question takes some milliseconds, if nothing else is said; one that is not answered in 10 s
 * has failed. */

/* Its path: beside this program, in a build directory as after installation; the caller owns it.
 * NULL when it cannot be found out. */
char *device_program_path(const char *kind);
/* Which options it has; --socket-path is called "socket" there. 0, or -errno. */
int device_program_options(const char *program, struct option_set *set);
/* Whether it takes the command line 'argv', which begins with the program's path. 0; 1 when not:
 * 'said' is what it says then, in lines; or -errno. */
int device_program_check(char *const *argv, char *said, size_t size);
/* What it can do on this machine with the command line 'argv', which begins with the program's
 * path: what --check prints, owned by the caller. Takes some seconds, a minute at most. 0 or
 * -errno. */
int device_program_try(char *const *argv, struct json_object **report);

#endif
