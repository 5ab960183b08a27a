/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_MEDIA_OPTIONS_H
#define MEDIA_MEDIA_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

#define MEDIA_DEFAULT_KIND "pattern"

struct v4l2_calls;
struct pixel_format;

/* Who says when the next frame of a file comes. */
enum media_pace {
    MEDIA_PACE_AUTO,  /* the rate of a regular file, the writer of a FIFO or a socket */
    MEDIA_PACE_RATE,  /* the file's rate */
    MEDIA_PACE_GUEST, /* the guest, as soon as it has a buffer for it */
};

/* Zeros and NULLs stand for the defaults. */
struct media_options {
    const char *kind; /* MEDIA_DEFAULT_KIND */
    const char *card; /* the name that the guest shows ("hostblob KIND"); cut off at 31 bytes */
    /* The node speaks V4L2's multi-planar API, with formats of several planes too. V4L2 programs
     * expect a node to have one API or the other, never both. */
    bool multiplanar;
    const char *node;                    /* kind v4l2: the host's video node, "/dev/video0" */
    const struct v4l2_calls *v4l2_calls; /* kind v4l2: for tests; NULL: the system's */
    /* What a codec offers: media/codec_list.h. */
    const char *codecs;
    const char *pipewire_target; /* of kind pipewire: a node's name or serial; NULL: the default */
    unsigned threads; /* that work for all sessions together; 0: as many as processors, up to 4 */
    /* Of the kind 'file'. */
    const char *file;                       /* its path; a regular file, a FIFO or a unix socket */
    const struct pixel_format *file_format; /* raw frames of it; NULL: whatever the file is */
    bool file_y4m;                          /* and that is Y4M */
    bool file_av;                           /* or whatever FFmpeg's libraries make of it */
    uint32_t width, height;                 /* of raw frames */
    struct v4l2_fract rate;                 /* frames per second, instead of the file's own */
    enum media_pace pace;
    bool loop, follow; /* what to do at a regular file's end: begin anew, wait for more */
};

#endif
