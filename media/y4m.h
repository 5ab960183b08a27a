/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_Y4M_H
#define MEDIA_Y4M_H

#include <stddef.h>

#include "media/picture.h"

/* YUV4MPEG2: a line that describes the stream, then frames, each with a line before its bytes. */
#define Y4M_MAGIC "YUV4MPEG2"
#define Y4M_MAX_LINE 1024u /* bytes, the newline too */

/* What the stream's line says. */
struct y4m {
    struct picture picture;
    struct v4l2_fract interval; /* seconds per frame; 0/0 where the line names no rate */
};

/* Reads the stream's line, 'size' bytes without the newline. NULL, or what is wrong with it, or not
 * to be read here: a part of a sentence ("its ..."), static. */
const char *y4m_parse(struct y4m *y4m, const char *line, size_t size);
/* Whether a line begins as a stream's does, well-formed or not. */
bool y4m_is_stream(const char *line, size_t size);
/* Whether a line is the one before a frame. */
bool y4m_is_frame(const char *line, size_t size);

#endif
