/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_CONFIG_H
#define HOSTBLOB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <bsd/sys/queue.h>

#include "hostblob/device_spec.h"

#define CONFIG_NAME 40u        /* characters of a device's name */
#define CONFIG_MAX_ERRORS 100u /* that are told */
#define CONFIG_MAX_DEPTH 8u    /* files that include each other */
#define CONFIG_MAX_FILES 256u
#define CONFIG_MAX_BYTES (1u << 20) /* of a file */

/*
 * What a configuration file says, with all that it includes: sections, their keys, and from where
 * each is. What is wrong with it is collected, sentence by sentence. Strings are owned.
 *
 *   config_init, config_read (the text), config_devices (what it means), config_finish
 */
struct config_entry {
    TAILQ_ENTRY(config_entry) link; // config_section::entries
    char *key, *value;
    char *where; /* "FILE:LINE" */
};

struct config_section {
    TAILQ_ENTRY(config_section) link; // config::sections
    bool defaults;
    char *kind; /* "gpu"; NULL: defaults for every kind */
    char *name; /* of the device; NULL: defaults */
    char *where;
    TAILQ_HEAD(, config_entry) entries;
};

struct config_error {
    char *text;  /* "FILE:LINE: sentence."; NULL: there was no memory for it */
    size_t file; /* how long FILE is */
    unsigned line;
};

struct config {
    TAILQ_HEAD(, config_section) sections;
    unsigned files; /* that were read */
    unsigned error_count;
    struct config_error errors[CONFIG_MAX_ERRORS + 1];
};

void config_init(struct config *config);
void config_finish(struct config *config);
/* Reads a file. What is wrong is in 'errors'. */
void config_read(struct config *config, const char *path);
/* Makes the devices of what was read, and has their programs check them. Nothing is started, made
 * or opened. What is wrong is in 'errors'; finish 'set' in any case. */
void config_devices(struct config *config, struct device_set *set);

/* Adds an error; 'where' is "FILE:LINE" or "FILE". */
void config_wrong(struct config *config, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts the errors of a file in the order of its lines. */
void config_sort(struct config *config);
/* The first entry of that key, or NULL. */
const struct config_entry *config_find(const struct config_section *section, const char *key);

#endif
