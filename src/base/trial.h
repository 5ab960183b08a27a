/* SPDX-License-Identifier: MIT */
#ifndef BASE_TRIAL_H
#define BASE_TRIAL_H

#include <stddef.h>

/*
 * Runs 'function' in a child process, a copy of this one, and waits for it: for foreign code that
 * may crash or hang, before it is let into this process. Only while this process has one thread.
 * The function writes what is to be said of the outcome to 'text', which has room for 'size' bytes
 * (TRIAL_TEXT at most), and returns 0 or -errno; both come back to the caller. -ETIMEDOUT after
 * 'seconds', -EFAULT when the child died: then the text says so.
 */
#define TRIAL_TEXT 256u
typedef int trial_function(void *data, char *text, size_t size);
int trial_run(trial_function *function, void *data, unsigned seconds, char *text, size_t size);

#endif
