/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/quota.h"
#include "buffer/exporter.h"
#include "daemon/sandbox.h"

/* One option of a device program: its own, beside those that all share. */
struct options_row {
    const char *name;     /* long, without the dashes */
    const char *argument; /* its name in the help, or NULL: the option takes none */
    const char *help;     /* one sentence; "\n" begins a new line */
    /* Takes the argument into 'target'. NULL, or a sentence that says what would be right. */
    const char *(*take)(void *target, const char *argument);
    unsigned flags; /* OPTIONS_... */
};

#define OPTIONS_REPEATS 1u /* it may be given several times */
#define OPTIONS_ASKS 2u    /* no setting of a device: it asks for something else, or is internal */

/* What a device program is asked to do. Strings are borrowed from argv. */
struct options {
    const char *socket_path;  /* NULL: not given */
    const char *group;        /* --socket-group; NULL: not given */
    const char *control_path; /* NULL: none */
    int fd;                   /* -1: not given */
    bool print_capabilities;
    bool print_options; /* --print-options */
    bool check_options; /* --check-options */
    bool check;         /* --check */
    const char *probe;  /* --probe; NULL: not given */
    uint64_t window;    /* bytes */
    bool arena;         /* --mapping */
    enum exporter_kind exporter;
    bool arena_asked, exporter_asked; /* and not only implied */
    bool mem_slots;
    unsigned answer_limit; /* seconds, for the front-end */
    unsigned poll;         /* microseconds; 0: off */
    enum sandbox_mode sandbox;
    bool sandbox_log;
    enum log_level log_level;
    const char *trace;    /* --trace; NULL: not given */
    uint64_t trace_limit; /* bytes */
    bool is_worker;
    int link_fd, journal_fd, arena_fd; /* --worker */
    int upgrade_line, upgrade_channel; /* --upgrade, by a starter that tries this program; -1 */
    int starter_fd;                    /* --starter, by the starter that became this one; -1 */
    const struct quota_row *quotas;    /* the program's */
    uint64_t limits[QUOTAS_MAX];       /* --limit: of each; 0: the default */
};

enum options_outcome { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_WRONG };

/* What a program is, for its help. */
struct options_program {
    const char *name;               /* "hostblob-gpu" */
    const char *summary;            /* one sentence */
    uint64_t window;                /* the default, bytes */
    const struct options_row *rows; /* its own, ended by a NULL name */
    const struct quota_row *quotas; /* what --limit knows; ended by a NULL name */
    void *target;                   /* of their take */
    const char *owner;              /* what the owner of a buffer in the window is: "context" */
};

/* Whether a person may give the program that option (without its dashes). */
bool options_has(const struct options_program *program, const char *name);
/*
 * Reads the command line. OPTIONS_DONE when --help or --version was all, OPTIONS_WRONG after a
 * sentence on standard error that says what is wrong and what would be right: about the first that
 * is wrong, or, behind --check-options, about each.
 */
enum options_outcome options_parse(struct options *options, const struct options_program *program,
                                   int argc, char **argv);
/* Prints the settings of a device, as JSON, for whoever writes such a command line: an array of
 * objects with "name", "argument" (its name in the help, or null: it takes none) and "repeats".
 * Returns the exit status. */
int options_print(const struct options_program *program);

#endif
