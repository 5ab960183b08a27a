/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SANDBOX_LIST_H
#define DAEMON_SANDBOX_LIST_H

#include <linux/filter.h>

#include "daemon/sandbox.h"

/*
 * The lists of system calls as programs for the kernel (seccomp(2)), one for each role. They are
 * made of sandbox_tables.c by sandbox_make.c while hostblob is built.
 */
#define SANDBOX_LIST_MOST 1024u /* instructions: more than any list has */
/* Stands in a program for the process that it is for, once. */
#define SANDBOX_LIST_OWN_PID 0x5e1f51d5u
#define SANDBOX_CALL_NAME 32u

struct sandbox_list {
    const struct sock_filter *program;
    unsigned short length;
};

extern const struct sandbox_list sandbox_lists[SANDBOX_ROLES];
/* By number, "" where there is none. */
extern const char sandbox_call_names[][SANDBOX_CALL_NAME];
extern const unsigned sandbox_call_count;

#endif
