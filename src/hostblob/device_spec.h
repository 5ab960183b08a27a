/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_DEVICE_SPEC_H
#define HOSTBLOB_DEVICE_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#define DEVICE_SPEC_MAX_ARGUMENTS 256u
#define DEVICE_SPEC_MAX 256u /* devices of one 'hostblob run' */

/*
 * One device that 'hostblob run' is to start: its name, and the command line of its program. It
 * comes from --device, "gpu,socket=PATH,window=256M", or from a section of a configuration file.
 * 'socket' stands for socket-path; every other key is an option of the device program, which checks
 * its value. All strings are owned.
 */
struct device_spec {
    char *kind;
    char *name;   /* what people call it; NULL until it has one */
    char *place;  /* FILE:LINE of its section; NULL: the command line */
    char **argv;  /* of the program, whose path comes first; ended by NULL */
    char **where; /* of each word in argv the FILE:LINE it comes from, or NULL */
    unsigned argc;
    bool has_control; /* it names its control socket */
};

/* An empty device of that kind; the program must lie beside this one. NULL, or a sentence (static)
 * that says what is wrong; finish it in both cases. */
const char *device_spec_begin(struct device_spec *spec, const char *kind);
/* The same from the text of --device. */
const char *device_spec_init(struct device_spec *spec, const char *text);
/* Adds the option '--key=value', or '--key' for NULL; 'where' is copied, and may be NULL. False
 * when there are too many, or no memory. */
bool device_spec_add(struct device_spec *spec, const char *key, const char *value,
                     const char *where);
/* The argument of an option, borrowed; NULL: it is not given. */
const char *device_spec_value(const struct device_spec *spec, const char *key);
/* Whether both are the same program with the same words. */
bool device_spec_same(const struct device_spec *a, const struct device_spec *b);
void device_spec_finish(struct device_spec *spec);

/* Devices that are to run side by side. */
struct device_set {
    struct device_spec *all[DEVICE_SPEC_MAX]; /* owned */
    unsigned count;
};

/* Adds an empty one, borrowed, for device_spec_begin or _init. NULL: there are too many, or there
 * is no memory. */
struct device_spec *device_set_add(struct device_set *set);
void device_set_finish(struct device_set *set);

#endif
