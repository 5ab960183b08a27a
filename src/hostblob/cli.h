/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_CLI_H
#define HOSTBLOB_CLI_H

#include <stdbool.h>

#define CLI_WRONG 2 /* the exit status for a command line that is wrong */

/* One word that 'hostblob' takes: what it does, and what it says about itself. */
struct cli_command {
    const char *name;
    const char *arguments; /* for the usage: "DEVICE FILE.png" */
    const char *summary;   /* one line */
    const char *help;      /* what else to know, with examples; lines end with "\n" */
    /* 'argv' begins with the command's name, has no --help, and ends with NULL. Returns the exit
     * status. */
    int (*run)(const struct cli_command *command, int argc, char **argv);
};

extern const struct cli_command cli_run, cli_check, cli_list, cli_maps, cli_limits, cli_processes,
    cli_outputs, cli_output, cli_screenshot, cli_upgrade, cli_resources, cli_contexts, cli_sessions,
    cli_set, cli_top, cli_metrics;

/* Prints how the command is used. */
void cli_help(const struct cli_command *command);
/* Says to standard error what is wrong with the command line, and returns CLI_WRONG. */
int cli_wrong(const struct cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Says to standard error what went wrong, and returns EXIT_FAILURE. */
int cli_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
/*
 * Takes the option --json, if 'json' is not NULL, out of the arguments, and checks that between
 * 'least' and 'most' others are left: argv[1] and on. Returns how many, or -1 after saying what is
 * wrong.
 */
int cli_take(const struct cli_command *command, int argc, char **argv, bool *json, int least,
             int most);
/* Flushes standard output: EXIT_SUCCESS, or EXIT_FAILURE when it could not be written. */
int cli_end(void);

#endif
