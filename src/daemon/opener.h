/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_OPENER_H
#define DAEMON_OPENER_H

#include "daemon/sandbox.h"

/*
 * A process that opens one file, again and again, for a worker that is shut in and may not: a video
 * node that was pulled out and is back is another file, of the same name. The name and the flags
 * are fixed when it is started; all that it is asked later is to open it once more. It is shut in
 * itself, and ends with the process that has started it.
 */

/* Starts it, for 'path' (an absolute one), in the worker before there are threads. 'plan' says how
 * the worker is shut in. 0 or -errno. */
int opener_start(const struct sandbox_plan *plan, const char *path, int flags);
/* Has it open the file: a descriptor that the caller owns, close-on-exec, or -1 with errno set,
 * like open(2). May take as long as that. From any thread. */
int opener_open(void);

#endif
