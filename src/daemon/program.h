/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_PROGRAM_H
#define DAEMON_PROGRAM_H

#include <json-c/json.h>

#include "daemon/options.h"
#include "daemon/sandbox.h"
#include "door/diagnosis.h"
#include "worker/worker.h"

#define PROGRAM_WORD 64u /* bytes */

/* What a device program brings to program_main. */
struct program {
    struct options_program options;
    const char *type;                  /* for --print-capabilities: "gpu" */
    const char *const *capabilities;   /* the words of its "features", ended by NULL */
    const struct diagnosis_kind *kind; /* its words for its parts */
    worker_create_device *create;      /* gets options.target */
    /* Where options.target has the DRM node that a person named, which is the exporter's as well;
     * NULL: the program has no such option. */
    const char *const *drm_node;
    /* In the worker: its role, and the paths that it needs when it is shut in. In the starter
     * (SANDBOX_STARTER is set): the role that its worker takes of it. */
    void (*sandbox)(const void *options, struct sandbox_plan *plan);
    /*
     * The rest may be NULL; 'options' is options.target, 'argv' this program's own words. They run
     * before anyone is served, and may block.
     */
    /* Settles what depends on this machine. Writes into 'word' an option for the worker, which
     * comes behind its others, or leaves it empty; sets *foreign if the device will map memory that
     * is not its own, for which an arena has no place. 0, or -errno after a line in the log. */
    int (*prepare)(const void *options, char *const *argv, char word[PROGRAM_WORD], bool *foreign);
    /* --check: adds to 'root', the object that is printed. What can be in or out lies in an object
     * of its kind ("renderers"), with "in", and "why" if it is out. */
    void (*check)(const void *options, char *const *argv, struct json_object *root);
    /* --probe=NAME: one self-test, in a process of its own. Returns the exit status. */
    int (*probe)(const char *name, const void *options);
};

/*
 * The whole life of a device program: reads the options, then is the door (or, started by one, the
 * worker) until the end is asked for by SIGTERM or SIGINT. Speaks to whoever started it by the
 * standards only: LISTEN_FDS, NOTIFY_SOCKET, the watchdog. Returns main's exit status.
 */
int program_main(const struct program *program, int argc, char **argv);

#endif
