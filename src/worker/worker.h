/* SPDX-License-Identifier: MIT */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "buffer/exporter.h"
#include "device/device.h"

/* Makes the device of this program; 'options' is the program's own. NULL with errno set. */
typedef struct device *worker_create_device(struct device_host *host, const void *options);

struct worker_options {
    int link_fd; /* these three are the worker's from now on */
    int journal_fd;
    int arena_fd;         /* -1: no arena */
    uint64_t window_size; /* bytes */
    enum exporter_kind exporter;
    const char *drm_node; /* for the exporter; NULL: it looks for one */
    unsigned poll_us;     /* looks at the rings for so long at most before it sleeps; 0: never */
    worker_create_device *create;
    const void *device_options;
    const struct quota_row *quotas; /* the device's table; ends with a NULL name */
    const uint64_t *limits;         /* what was chosen of them: see quotas_init */
    /* Shuts the worker in, before a byte of a stranger is read: once before the device is made, and
     * once (last) when it is. Returns 0 or -errno after a line in the log; adds to *layers what the
     * door is told in its hello. NULL: the worker stays open. */
    int (*shut)(void *data, bool last, unsigned *layers);
    void *shut_data;
};

/*
 * The worker's side of the link: takes the guest's memory and rings from the door, runs the device
 * on them, and fills its shm_port. Returns the process's exit status when the door hangs up, or
 * EX_CONFIG when the device cannot be set up.
 */
int worker_run(const struct worker_options *options);

#endif
