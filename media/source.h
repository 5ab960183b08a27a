/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_SOURCE_H
#define MEDIA_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "media/buffer_queue.h"
#include "media/picture.h"

/*
 * Where a camera's frames come from. The camera (media/capture.h) keeps the format, the interval
 * and the buffers; a source says what it can make, and fills buffers while the stream runs.
 */
struct source;

/* What a stream is made of. */
struct media_stream {
    struct picture picture;
    struct v4l2_fract interval; /* seconds per frame, in lowest or other terms; neither part 0 */
};

/* A place in a stream, in the source's own words. */
struct source_position {
    uint64_t words[4];
};

struct source_impl {
    /* The format number 'index' that ENUM_FMT gives, the first one being the default; NULL past the
     * end. */
    const struct pixel_format *(*format)(struct source *source, unsigned index);
    /* Sizes, in multiples of PICTURE_STEP at least, and intervals that it can do. */
    void (*sizes)(struct source *source, struct v4l2_frmsize_stepwise *sizes);
    void (*intervals)(struct source *source, struct v4l2_frmival_stepwise *intervals);
    /* As media_kind_ops.serve; NULL: it takes nothing from anybody. */
    void (*serve)(struct source *source);
    /* Begins to fill the queue's buffers, which are large enough. Returns 0 or -errno. */
    int (*start)(struct source *source, const struct media_stream *stream,
                 struct buffer_queue *queue);
    /* Takes no buffer any more. Comes only while it is not busy. */
    void (*stop)(struct source *source);
    /* The guest has given a buffer while the stream runs; NULL: the source takes one when it needs
     * it. */
    void (*queued)(struct source *source);
    /* As context_impl::busy; NULL: never. */
    bool (*busy)(struct source *source);
    /* Where the stream is; while it runs. And: where another worker's stream was, with which the
     * next start goes on: nothing of it is to be trusted. NULL: it begins anew. */
    void (*leave)(const struct source *source, struct source_position *position);
    void (*resume)(struct source *source, const struct source_position *position);
    void (*destroy)(struct source *source);
};

struct source {
    const struct source_impl *impl;
    struct context *context; /* of the camera, set by capture_create: for context_settled */
    /* What it can do may change (capture_source_changed), or it may come to an end, or it tells
     * when a frame begins (capture_frame_begins): then there are events for it. */
    bool changes, ends, syncs;
    /* Of the camera, if it has any: borrowed, initialised without a context, which capture_create
     * sets. At a reset the camera resets them too. */
    struct control_set *controls;
};

#endif
