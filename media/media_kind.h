/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_MEDIA_KIND_H
#define MEDIA_MEDIA_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>
#include <systemd/sd-event.h>

#include "base/stats.h"
#include "media/buffer_queue.h"
#include "media/picture.h"

/*
 * Where frames come from. The device keeps the V4L2 rules (formats negotiated, buffers owned,
 * queued and dequeued); a kind says what it can make, and fills buffers while the stream runs.
 */
struct media_kind;

/* What a kind is lent. Everything is borrowed. */
struct media_kind_host {
    sd_event *loop;
    struct stats *stats;
    struct buffer_queue *queue;
    bool multiplanar;
};

/* What a stream is made of. */
struct media_stream {
    struct picture picture;
    struct v4l2_fract interval; /* seconds per frame, in lowest or other terms; neither part 0 */
};

struct media_kind_impl {
    const char *name;        /* as in the option 'kind' */
    const char *description; /* one sentence for people */
    /* NULL with errno set. */
    struct media_kind *(*create)(const struct media_kind_host *host);
    /* The format number 'index' that ENUM_FMT gives, the first one being the default; NULL past the
     * end. */
    const struct pixel_format *(*format)(struct media_kind *kind, unsigned index);
    /* Sizes, in multiples of PICTURE_WIDTH_STEP and PICTURE_HEIGHT_STEP at least, and intervals
     * that it can do. */
    void (*sizes)(struct media_kind *kind, struct v4l2_frmsize_stepwise *sizes);
    void (*intervals)(struct media_kind *kind, struct v4l2_frmival_stepwise *intervals);
    /* Begins to fill the queue's buffers, which are large enough. Returns 0 or -errno. */
    int (*start)(struct media_kind *kind, const struct media_stream *stream);
    void (*stop)(struct media_kind *kind);
    void (*destroy)(struct media_kind *kind);
};

struct media_kind {
    const struct media_kind_impl *impl;
};

/* The kind number 'index', NULL past the end: for help texts and --print-capabilities. */
const struct media_kind_impl *media_kind_at(unsigned index);
/* The kind of that name, or NULL. */
const struct media_kind_impl *media_kind_find(const char *name);

extern const struct media_kind_impl kind_pattern_impl;

#endif
