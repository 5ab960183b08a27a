/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_DEVICES_H
#define HOSTBLOB_DEVICES_H

#include <json-c/json.h>

#include "hostblob/cli.h"
#include "hostblob/run_directory.h"

/* The devices that were named on the command line, or all that the run directory has, each with its
 * report. */
struct devices {
    unsigned count;
    struct {
        char name[RUN_DIRECTORY_PATH];
        char path[RUN_DIRECTORY_PATH];
        struct json_object *report; /* owned */
    } all[RUN_DIRECTORY_MAX];
};

/* Asks 'count' devices, 0 for all. Says what went wrong, and goes on. EXIT_SUCCESS, or EXIT_FAILURE
 * when one is missing; finish it in both cases. */
int devices_read(struct devices *devices, int count, char **names);
void devices_finish(struct devices *devices);

/* What a command shows. */
struct devices_view {
    /* Adds what 'report' tells to 'device', which has its name and its control socket's path. */
    void (*json)(struct json_object *device, struct json_object *report);
    /* Prints the devices: there is one at least. */
    void (*people)(const struct devices *devices);
};

/* A whole command of the form '[--json] [DEVICE ...]': asks the devices, and shows them. Returns
 * the exit status. */
int devices_show(const struct cli_command *command, int argc, char **argv,
                 const struct devices_view *view);

#endif
