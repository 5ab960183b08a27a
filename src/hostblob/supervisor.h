/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_SUPERVISOR_H
#define HOSTBLOB_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "hostblob/device_spec.h"

struct supervisor_options {
    bool once;            /* all end when one does */
    uint64_t watchdog_us; /* how often a device has to give a sign of life; 0: never */
    const char *cgroup;   /* "auto", "none" or a folder */
    /* Reads the devices again, as SIGHUP asks for. 0; or less after saying what is wrong: then
     * nothing changes. NULL: SIGHUP asks for the end. */
    int (*reload)(void *data, struct device_set *set);
    void *data;
};

/*
 * Runs the programs of the devices side by side until SIGTERM or SIGINT asks for the end. One that
 * ends by itself is started again, but at the first start one that cannot be ready ends it all.
 * Says READY to NOTIFY_SOCKET when every device is ready, and how they are; gives signs of life to
 * WATCHDOG_USEC. Takes the devices out of 'set'. Returns the exit status: 0 when the end was asked
 * for and every device ended with 0, else 1.
 */
int supervisor_run(struct device_set *set, const struct supervisor_options *options);

#endif
