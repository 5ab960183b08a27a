/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_SUPERVISED_H
#define HOSTBLOB_SUPERVISED_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <bsd/sys/queue.h>
#include <systemd/sd-event.h>

#include "hostblob/backoff.h"
#include "hostblob/cgroups.h"
#include "hostblob/device_spec.h"

/*
 * One device, from its start to its end, and to the next start: 'pid' is the first process of its
 * program, which ends with all others of the device. One that ends by itself is started again,
 * later each time; one whose command line is wrong is not.
 */
enum supervised_state {
    SUPERVISED_HELD,     /* not started yet */
    SUPERVISED_STARTING, /* not ready yet */
    SUPERVISED_READY,
    SUPERVISED_WAITING, /* for the next start */
    SUPERVISED_FAILED,  /* there will be none */
    SUPERVISED_ENDING,  /* as it was told to */
    SUPERVISED_ENDED,
};

struct supervised;

struct supervised_handler {
    /* Its state has changed. It must not be destroyed within. */
    void (*changed)(void *data);
    /* It ended by itself, with what is in 'si', which 'what' says in words. Whether it may be
     * started again. */
    bool (*ended)(void *data, struct supervised *device, const siginfo_t *si, const char *what);
};

/* What all devices of a supervisor share; borrowed. */
struct supervised_house {
    sd_event *loop;
    const char *notify_address;
    uint64_t watchdog_us; /* how often a device has to give a sign of life; 0: never */
    struct cgroups cgroups;
    const struct supervised_handler *handler;
    void *data;
};

struct supervised {
    TAILQ_ENTRY(supervised) link; // supervisor::devices
    const struct supervised_house *house;
    struct device_spec *spec; /* owned */
    enum supervised_state state;
    pid_t pid;          /* 0: it does not run */
    bool failed;        /* it ended badly when it was told to end */
    bool killed;        /* it was, the last time: its sockets are still there */
    const char *reason; /* why it was killed; NULL: it was not */
    uint64_t ready_ns;  /* since when, units_now_ns; 0: it was not */
    struct backoff backoff;
    sd_event_source *child;
    sd_event_source *timer; /* of the state */
};

/* Takes ownership of 'spec' unless it fails. NULL: no memory. It is HELD. */
struct supervised *supervised_create(const struct supervised_house *house,
                                     struct device_spec *spec);
/* Kills it if need be, and removes what it left: sockets, its cgroup. NULL is nothing. */
void supervised_destroy(struct supervised *device);
/* Starts one that does not run. */
void supervised_start(struct supervised *device);
/* Has it end (SIGTERM, SIGKILL after 5 s): it becomes ENDING, or ENDED at once. */
void supervised_end(struct supervised *device);
/* Takes what its process said, in the words of sd_notify. */
void supervised_hear(struct supervised *device, const char *text);
/* Takes ownership of another spec of the same command line. */
void supervised_respec(struct supervised *device, struct device_spec *spec);

#endif
