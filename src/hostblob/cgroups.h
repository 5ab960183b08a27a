/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_CGROUPS_H
#define HOSTBLOB_CGROUPS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A cgroup (version 2) for each device, NAME.device, so that what one costs can be seen and
 * limited, and nothing of it outlives it. They lie in the cgroup of this process, if that was
 * delegated to it (systemd: Delegate=yes), or in a folder that a person named. A cgroup that has
 * others may have no process itself: this one moves into 'supervisor' beside them.
 */
struct cgroups {
    char base[PATH_MAX]; /* ""; there are none */
    bool moved;          /* we are in base/supervisor */
};

/* 'wish' is "auto", "none" or a folder. 0: there are some, or none are to be. -errno: there are
 * none; 'why' is a sentence then, without a full stop. */
int cgroups_init(struct cgroups *cgroups, const char *wish, char *why, size_t size);
/* Removes what it made. */
void cgroups_finish(struct cgroups *cgroups);
/* Makes the cgroup of a device if need be. A descriptor that the caller owns, to which the device's
 * process writes "0" to be in it; or -errno: -ENOENT when there are none. */
int cgroups_open(const struct cgroups *cgroups, const char *name);
/* Kills what is left in it. */
void cgroups_kill(const struct cgroups *cgroups, const char *name);
/* The same, and removes it. */
void cgroups_remove(const struct cgroups *cgroups, const char *name);

/* The folder of a process' cgroup, from its files 'mountinfo' and 'cgroup' in /proc. False: there
 * is no version 2. */
bool cgroups_find(const char *mountinfo, const char *cgroup, char path[static PATH_MAX]);

#endif
