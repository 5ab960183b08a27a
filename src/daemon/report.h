/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_REPORT_H
#define DAEMON_REPORT_H

#include "daemon/options.h"
#include "door/door.h"

/* The number of the report's format: "format". A member that comes in anew does not change it; one
 * that goes, or means something else, does. */
#define REPORT_FORMAT 1u

/* A line of JSON about a device: its processes, its front-end, its ledger, its counters, how long
 * the front-end took, its limits and settings, and what is in the guest's window. The caller frees
 * it. NULL when there is no memory for it. */
char *report_create(const struct door *door, const struct options_program *program,
                    const struct options *options);

#endif
