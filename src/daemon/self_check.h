/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SELF_CHECK_H
#define DAEMON_SELF_CHECK_H

#include "daemon/program.h"

/* --check: tries what the program can do on this machine, and prints what is in, what is out and
 * why as one JSON object. Blocks for some seconds. Returns main's exit status: success when it
 * could be tried and printed, whatever came of it. */
int self_check(const struct program *program, const struct options *options, char *const *argv);

#endif
