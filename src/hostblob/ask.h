/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_ASK_H
#define HOSTBLOB_ASK_H

#include <json-c/json.h>

#include "hostblob/run_directory.h"

#define ASK_WHY 320u /* bytes of a sentence without its end */

/* Asks a running device, at its control socket. */

/*
 * Finds the control socket of 'device': a path, a name in the run directory, or the beginning of
 * one name only. 0, or -errno with a sentence in 'why' that says what to do.
 */
int ask_find(const char *device, char path[static RUN_DIRECTORY_PATH], char why[static ASK_WHY]);
/* The report of the device at 'path'; the caller owns *report. 0 or -errno with a sentence. */
int ask_report(const char *path, struct json_object **report, char why[static ASK_WHY]);
/* The same for who waits no longer than that many seconds. */
int ask_report_within(const char *path, unsigned seconds, struct json_object **report,
                      char why[static ASK_WHY]);
/* Has the device carry out 'line', about 'fd' (borrowed, -1: about none). *text is what it says,
 * owned by the caller. 0 or -errno with a sentence, which is the device's own if it refused. */
int ask_command(const char *path, const char *line, int fd, char **text, char why[static ASK_WHY]);
/* The same for what may take that many seconds. */
int ask_long_command(const char *path, const char *line, int fd, unsigned seconds, char **text,
                     char why[static ASK_WHY]);

#endif
