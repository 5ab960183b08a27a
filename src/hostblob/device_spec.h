/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_DEVICE_SPEC_H
#define HOSTBLOB_DEVICE_SPEC_H

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
};

/* Reads 'text'. NULL, or a sentence (static) that says what is wrong; finish it in both cases. */
const char *device_spec_init(struct device_spec *spec, const char *text);
void device_spec_finish(struct device_spec *spec);

#endif
