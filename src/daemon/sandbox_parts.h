/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SANDBOX_PARTS_H
#define DAEMON_SANDBOX_PARTS_H

#include "daemon/sandbox.h"

/* The layers one by one, for sandbox.c and the tests. Each returns 0, or -errno with *what naming
 * the step that failed ("unshare"). */

/* No core file, as many descriptors as now and no more. */
int sandbox_limits(const struct sandbox_plan *plan, const char **what);
/* Network, System V objects and mounts of its own; with a user namespace where that takes one.
 * Only while the process has one thread. */
int sandbox_namespaces(const struct sandbox_plan *plan, const char **what);
/*
 * For the starter, which is about to give up its capabilities: a user namespace, where it may do so
 * for good whoever its user is. Root has another number there: without capabilities nobody may have
 * a namespace with a user 0 of the one before, and the starter's children are to have some. Where
 * it cannot be, it is they who say what they do without.
 */
void sandbox_step_down(void);
/* An empty root with the plan's paths, after sandbox_namespaces. */
int sandbox_root(const struct sandbox_plan *plan, const char **what);
/* The plan's paths, for this thread and its children. */
int sandbox_landlock(const struct sandbox_plan *plan, const char **what);
/* The version of landlock's interface here, or -errno. */
int sandbox_landlock_version(void);
/* No capabilities, no_new_privs, not dumpable. */
int sandbox_privileges(const struct sandbox_plan *plan, const char **what);
/* The list of the role, for all threads. */
int sandbox_seccomp(const struct sandbox_plan *plan, const char **what);

/* From now on sandbox_child_enter takes on the list of SANDBOX_RENDER_SERVER. */
void sandbox_seccomp_child(void);

#endif
