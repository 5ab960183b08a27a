/* SPDX-License-Identifier: MIT */
#include "gpu/renderer.h"

#include <string.h>

static const struct renderer_impl *const renderers[] = {
    &renderer_memory_impl,
};

const struct renderer_impl *renderer_find(const char *name)
{
    for (size_t i = 0; i < sizeof(renderers) / sizeof(renderers[0]); i++)
        if (strcmp(renderers[i]->name, name) == 0)
            return renderers[i];
    return NULL;
}

const struct renderer_capset *renderer_capset_find(const struct renderer *renderer, uint32_t id)
{
    for (unsigned i = 0; i < renderer->capset_count; i++)
        if (renderer->capsets[i].id == id)
            return &renderer->capsets[i];
    return NULL;
}
