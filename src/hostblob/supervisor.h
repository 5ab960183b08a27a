/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_SUPERVISOR_H
#define HOSTBLOB_SUPERVISOR_H

#include "hostblob/device_spec.h"

#define SUPERVISOR_MAX_DEVICES 256u

/*
 * Runs the programs of 'count' devices side by side until one of them ends or SIGTERM or SIGINT
 * asks for the end; then ends the others. Says READY to NOTIFY_SOCKET when every device is ready.
 * Returns the exit status: 0 when the end was asked for and every device ended with 0, else 1.
 */
int supervisor_run(struct device_spec *specs, unsigned count);

#endif
