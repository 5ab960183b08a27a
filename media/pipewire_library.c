/* SPDX-License-Identifier: MIT */
#include "media/pipewire_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SONAME "libpipewire-0.3.so.0"

static const struct {
    const char *name;
    size_t offset; /* of the pointer in struct pipewire_library */
} symbols[] = {
#define SYMBOL(call) {"pw_" #call, offsetof(struct pipewire_library, call)},
    PIPEWIRE_LIBRARY_CALLS(SYMBOL)};

static struct pipewire_library library;

const struct pipewire_library *pipewire_library_load(const char **why)
{
    static char reason[512];
    static bool loaded;
    void *handle;

    if (loaded)
        return &library;
    handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    *why = reason;
    if (handle == NULL) {
        snprintf(reason, sizeof(reason), "%s; install PipeWire's client library", dlerror());
        return NULL;
    }
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *symbol = dlsym(handle, symbols[i].name);

        if (symbol == NULL) {
            snprintf(reason, sizeof(reason), "%s lacks %s; install PipeWire 0.3.65 or newer",
                     SONAME, symbols[i].name);
            return NULL;
        }
        memcpy((char *)&library + symbols[i].offset, &symbol, sizeof(symbol));
    }
    library.init(NULL, NULL);
    /* It would say at each try that there is no daemon; whoever wants to hear it asks for it. */
    if (getenv("PIPEWIRE_DEBUG") == NULL)
        library.log_set_level(SPA_LOG_LEVEL_NONE);
    loaded = true;
    return &library;
}
