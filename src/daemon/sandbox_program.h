/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SANDBOX_PROGRAM_H
#define DAEMON_SANDBOX_PROGRAM_H

#include <linux/filter.h>

#include "daemon/sandbox_parts.h"

#define SANDBOX_PROGRAM_MOST 2048u /* instructions; no role has a third of it */

/*
 * A role's list as the program that the kernel runs at each system call. It looks the number up in
 * a tree; only where the list has conditions are arguments looked at. Made without any memory of
 * its own, and in a tenth of the time that libseccomp takes, which knows the numbers of the calls.
 */
struct sandbox_program {
    unsigned size; /* instructions */
    struct sock_filter code[SANDBOX_PROGRAM_MOST];
};

/* Makes the list of the role. 'log': what would be death is SIGSYS, for whoever asks what it was.
 * 0, or -E2BIG. */
int sandbox_program_make(struct sandbox_program *program, enum sandbox_role role, bool log);

#endif
