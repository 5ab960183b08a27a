/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_DEVICE_SPEC_H
#define HOSTBLOB_DEVICE_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#define DEVICE_SPEC_MAX_ARGUMENTS 32u

/*
 * One --device of 'hostblob run': "gpu,socket=PATH,window=256M" becomes the command line of
 * "hostblob-gpu --socket-path=PATH --window=256M". 'socket' stands for socket-path; every other key
 * is an option of the device program, which checks its value.
 */
struct device_spec {
    char *text; /* owned: the strings below lie in it or are owned by themselves */
    const char *kind;
    char *program;                             /* owned: its path */
    char *argv[DEVICE_SPEC_MAX_ARGUMENTS + 2]; /* owned, ended by NULL */
    unsigned argc;
    bool has_control; /* it names its control socket */
};

/* The path of hostblob-KIND, which lies beside this program, in a build directory as after
 * installation; the caller owns it. NULL when it cannot be found out. */
char *device_spec_program(const char *kind);
/* Reads 'text'. NULL, or a sentence (static) that says what is wrong; finish it in both cases. */
const char *device_spec_init(struct device_spec *spec, const char *text);
/* Adds the option '--key=value'. False when there are too many, or no memory. */
bool device_spec_add(struct device_spec *spec, const char *key, const char *value);
void device_spec_finish(struct device_spec *spec);

#endif
