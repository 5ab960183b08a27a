/* SPDX-License-Identifier: MIT */
#include "media/media_kind.h"

#include <stddef.h>
#include <string.h>

static const struct media_kind_impl *const kinds[] = {
    &kind_pattern_impl,  &kind_file_impl,    &kind_v4l2_impl,
#ifdef HAVE_CODECS
    &kind_decoder_impl,  &kind_encoder_impl,
#endif
#ifdef HAVE_PIPEWIRE
    &kind_pipewire_impl,
#endif
};

/* What this program was built without. */
static const struct {
    const char *name, *why;
} missing[] = {
#ifndef HAVE_CODECS
    {"decoder", "this program was built without the headers of FFmpeg"},
#endif
#ifndef HAVE_PIPEWIRE
    {"pipewire", "this program was built without the headers of PipeWire"},
#endif
    {NULL, NULL},
};

const char *media_kind_missing(unsigned index, const char **why)
{
    if (index >= sizeof(missing) / sizeof(missing[0]))
        return NULL;
    *why = missing[index].why;
    return missing[index].name;
}

const struct media_kind_impl *media_kind_at(unsigned index)
{
    return index < sizeof(kinds) / sizeof(kinds[0]) ? kinds[index] : NULL;
}

const struct media_kind_impl *media_kind_find(const char *name)
{
    const struct media_kind_impl *impl;

    for (unsigned i = 0; (impl = media_kind_at(i)) != NULL; i++)
        if (strcmp(impl->name, name) == 0)
            return impl;
    return NULL;
}
