/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SANDBOX_HERE_H
#define TESTS_UNIT_SANDBOX_HERE_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/sandbox.h"

/* Whether that layer of the sandbox can be had: not in an instrumented build, nor on a host whose
 * kernel has none. Says why not. */
static inline bool sandbox_is_here(const char *layer)
{
    char text[256];
    const char *name;
    bool works;

    for (unsigned i = 0; (name = sandbox_try(i, &works, text, sizeof(text))) != NULL; i++) {
        if (works || strcmp(name, layer) != 0)
            continue;
        fprintf(stderr, "skipped: %s: %s\n", name, text);
        return false;
    }
    return true;
}

#endif
