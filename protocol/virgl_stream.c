/* SPDX-License-Identifier: MIT */
#include "protocol/virgl_stream.h"

#include <stddef.h>
#include <string.h>

enum { CREATE_OBJECT = 1, SET_FRAMEBUFFER_STATE = 5, CLEAR = 7 };
enum { OBJECT_SURFACE = 8 };
#define CLEAR_COLOUR_0 4u

/* A command begins with its number, the kind of object and how many words follow. */
static uint32_t head(uint32_t command, uint32_t object, uint32_t length)
{
    return command | object << 8 | length << 16;
}

void virgl_stream_clear(uint32_t words[VIRGL_STREAM_CLEAR_WORDS], uint32_t surface,
                        uint32_t resource, uint32_t format, const float colour[4])
{
    const uint32_t stream[VIRGL_STREAM_CLEAR_WORDS] = {
        head(CREATE_OBJECT, OBJECT_SURFACE, 5),
        surface,
        resource,
        format,
        0, /* level */
        0, /* layers, first and last */
        head(SET_FRAMEBUFFER_STATE, 0, 3),
        1, /* colour buffers */
        0, /* no depth buffer */
        surface,
        head(CLEAR, 0, 8),
        CLEAR_COLOUR_0, /* then the colour, the depth (two words), the stencil */
    };

    memcpy(words, stream, sizeof(stream));
    memcpy(words + 12, colour, 4 * sizeof(*colour));
}
