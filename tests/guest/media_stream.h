/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_STREAM_H
#define TESTS_GUEST_MEDIA_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "media_check.h"
#include "media_client.h"

/* One session that captures: from open to close, as a V4L2 program does it. */
#define MEDIA_STREAM_BUFFERS 64

struct media_stream {
    struct media_client *client;     /* not owned */
    const struct media_place *place; /* not owned */
    uint32_t session;
    uint32_t type; /* V4L2_BUF_TYPE_* */
    struct v4l2_format format;
    struct v4l2_fract interval; /* seconds per frame, as the device set it */
    unsigned planes;
    unsigned buffers;
    struct media_window windows[MEDIA_STREAM_BUFFERS][VIDEO_MAX_PLANES];
    struct media_check check;
    uint8_t *copy;    /* when set: each frame is copied here first and checked here; owned */
    size_t copy_size; /* bytes */
};

struct media_stream_ask {
    uint32_t fourcc;
    uint32_t width, height; /* pixels */
    unsigned fps;           /* frames per second */
    bool copy;              /* check copies of the frames, not the window */
    unsigned sum_every;     /* media_check::sum_every */
};

/*
 * All of these return 0 or -errno, with a sentence on standard error that says what failed. After
 * a failure media_stream_end() still frees what was made.
 */

/* Opens a session and sets format, size and rate; the device must take them as they are. */
int media_stream_begin(struct media_stream *stream, struct media_client *client,
                       const struct media_place *place, const struct media_stream_ask *ask);

/* The part of that which comes after the open. In media_stream_format.c. */
int media_stream_negotiate(struct media_stream *stream, const struct media_stream_ask *ask);

/* REQBUFS, QUERYBUF and MMAP; the device must give all 'count'. */
int media_stream_buffers(struct media_stream *stream, unsigned count);

/* Queues all buffers and starts. */
int media_stream_start(struct media_stream *stream);

/*
 * Takes the next frame, checks it, and queues it again. 'keep' leaves it unqueued, its index in
 * *index, so that it can be looked at; media_stream_queue() gives it back.
 */
int media_stream_next(struct media_stream *stream, bool keep, unsigned *index);
int media_stream_queue(struct media_stream *stream, unsigned index);

/* STREAMOFF, munmap of all, REQBUFS 0. */
int media_stream_stop(struct media_stream *stream);

/* Closes the session, unmapping what is still mapped. */
int media_stream_end(struct media_stream *stream);

/*
 * Writes the frame's planes, one after the other, to 'path', and what they are to 'path'.txt.
 * 'size' bytes per plane as the format says.
 */
int media_stream_save(const struct media_stream *stream, unsigned index, const char *path);

/* Says what failed; returns 'rc'. */
int media_stream_fail(int rc, const char *what);

/* An ioctl on the session; 'name' is for the sentence when it fails. */
int media_stream_ioctl(struct media_stream *stream, uint32_t code, const char *name, void *payload,
                       size_t size);

/* The format's name for people, four letters; in a static buffer. */
const char *media_stream_name(uint32_t fourcc);

/* A v4l2_buffer with room for its planes, as the ioctls carry it; returns the payload's size. */
uint32_t media_stream_buffer(const struct media_stream *stream, unsigned index,
                             struct media_frame_info *info);

#endif
