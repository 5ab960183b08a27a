/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_MEDIA_OPTIONS_H
#define MEDIA_MEDIA_OPTIONS_H

#include <stdbool.h>

/* V4L2 programs take it that a node can be opened as often as they like: v4l2-compliance opens it
 * 100 times at once. There is an end only because each costs us memory. */
#define MEDIA_DEFAULT_SESSIONS 256u
#define MEDIA_DEFAULT_KIND "pattern"

struct v4l2_calls;

/* Zeros and NULLs stand for the defaults. */
struct media_options {
    const char *kind; /* MEDIA_DEFAULT_KIND */
    const char *card; /* the name that the guest shows ("hostblob KIND"); cut off at 31 bytes */
    /* The node speaks V4L2's multi-planar API, with formats of several planes too. V4L2 programs
     * expect a node to have one API or the other, never both. */
    bool multiplanar;
    const char *node;                    /* kind v4l2: the host's video node, "/dev/video0" */
    const struct v4l2_calls *v4l2_calls; /* kind v4l2: for tests; NULL: the system's */
    unsigned max_sessions;
    const char *pipewire_target; /* of kind pipewire: a node's name or serial; NULL: the default */
    unsigned threads; /* that work for all sessions together; 0: as many as processors, up to 4 */
};

#endif
