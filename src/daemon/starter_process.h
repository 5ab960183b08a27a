/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_STARTER_PROCESS_H
#define DAEMON_STARTER_PROCESS_H

#include <stdbool.h>

#include "daemon/house.h"

/*
 * The starter: the process that whoever started the program sees, from its beginning to its end. It
 * opens what the device needs, starts the door, and then only waits: it starts and kills workers
 * when the door wishes it, passes on signals and the news for systemd, and ends with the door's
 * status. It never reads a byte that a stranger wrote, so it may start programs; the door reads
 * nothing else, so it may not (see sandbox.h).
 *
 * The door and the worker are its children and end with it, whatever becomes of it. In an upgrade
 * it has another door beside the first for a while (upgrade.h).
 */
struct starter_process {
    char *const *argv;        /* of this program, borrowed, without what upgrades put behind it */
    struct house_words words; /* for the workers */
    int resume_fd;            /* of --starter, owned; -1: the program begins */
    const char *control_path; /* of the control socket, borrowed; NULL: there is none */
    unsigned made;            /* UPGRADE_MADE_..., of this process or the program before it */
    unsigned leave_ms;        /* for the door before an upgrade to end by itself; 0: enough */
    /* The door's life, in a process of its own; 'fd' is its line to the starter, which it owns.
     * Returns its exit status. */
    int (*door)(void *data, int fd);
    /* In the starter, when the door runs: lets go of what is the door's, and shuts itself in, but
     * for the 'inherited' layers, which the program before it has built. The layers of its sandbox,
     * or -errno after a line in the log: then everything ends. */
    int (*settle)(void *data, unsigned inherited);
    /* Says what the program before it 'made', which is ours to remove. */
    void (*inherit)(void *data, unsigned made);
    void *data;
};

/* Returns the exit status of the program, when all have ended. In the door it does not return. */
int starter_process_run(struct starter_process *process);

#endif
