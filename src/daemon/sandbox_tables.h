/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SANDBOX_TABLES_H
#define DAEMON_SANDBOX_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/sandbox.h"

/* What a list says of one system call. */
enum sandbox_rule {
    SANDBOX_ALLOW,
    SANDBOX_ALLOW_EQUAL,   /* if argument 'argument' is 'value' */
    SANDBOX_ALLOW_MASKED,  /* if argument 'argument', under 'mask', is 'value' */
    SANDBOX_REFUSE,        /* answered with errno 'value': libraries try it, and do without */
    SANDBOX_KILL,          /* where the list's default is milder */
    SANDBOX_ALLOW_OWN_PID, /* if argument 'argument' is this process */
};

struct sandbox_call {
    const char *name; /* NULL ends the list */
    enum sandbox_rule rule;
    unsigned argument;
    uint64_t mask, value;
};

/* The lists of a role, ended by NULL. */
const struct sandbox_call *const *sandbox_tables(enum sandbox_role role);
/* Whether a call that is in none of them is death; else it is refused with EPERM. */
bool sandbox_is_closed(enum sandbox_role role);

#endif
