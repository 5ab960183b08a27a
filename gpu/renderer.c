/* SPDX-License-Identifier: MIT */
#include "gpu/renderer.h"

const struct renderer_capset *renderer_capset_find(const struct renderer *renderer, uint32_t id)
{
    for (unsigned i = 0; i < renderer->capset_count; i++)
        if (renderer->capsets[i].id == id)
            return &renderer->capsets[i];
    return NULL;
}
