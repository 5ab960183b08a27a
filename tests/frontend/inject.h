/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FRONTEND_INJECT_H
#define TESTS_FRONTEND_INJECT_H

#include <stdbool.h>
#include <sys/types.h>

/* Makes a running process make a system call, as code that has taken it over would: by ptrace, so
 * only root can, and only on x86-64. */

/* Whether it can be done here. */
bool inject_possible(void);

#define INJECT_KILLED 1000000L /* plus the signal: the process died of it */

#define INJECT_PATH (~0ul) /* an argument: the address of 'path' */

/*
 * Has process 'pid', which waits in a system call, make call 'number' with these arguments, and
 * lets it go on as if nothing had been. 'path', if not NULL, is put into its memory for it. The
 * call's result (negative errno), or INJECT_KILLED + signal. -ECHILD when it cannot be traced.
 */
long inject_call(pid_t pid, long number, const unsigned long arguments[static 4], const char *path);

#endif
