/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_REPORT_H
#define DAEMON_REPORT_H

#include "daemon/options.h"
#include "door/door.h"

/* A line of JSON about a device: its processes, its front-end, its ledger, its counters, its
 * limits, and what is in the guest's window. The caller frees it. NULL when there is no memory for
 * it. */
char *report_create(const struct door *door, const struct options_program *program);

#endif
