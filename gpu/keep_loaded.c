/* SPDX-License-Identifier: MIT */
#include "gpu/keep_loaded.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

/* The next library to be kept, behind the first 'skip' of all; the linker's lock is held while it
 * is looked for, so that nothing can be opened meanwhile. */
struct search {
    const char *suffix;
    unsigned skip;
    unsigned seen;
    char found[PATH_MAX];
};

static int look_at(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *search = data;
    size_t length = strlen(info->dlpi_name), end = strlen(search->suffix);

    if (search->seen++ < search->skip || length < end || length >= sizeof(search->found) ||
        strcmp(info->dlpi_name + length - end, search->suffix) != 0)
        return 0;
    snprintf(search->found, sizeof(search->found), "%s", info->dlpi_name);
    return 1;
}

void keep_loaded(const char *suffix)
{
    struct search search = {.suffix = suffix};

    while (dl_iterate_phdr(look_at, &search) != 0) {
        void *handle = dlopen(search.found, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);

        if (handle != NULL)
            dlclose(handle);
        search.skip = search.seen;
        search.seen = 0;
    }
}
