/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_MEDIA_KIND_H
#define MEDIA_MEDIA_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "media/context.h"
#include "media/media_options.h"

/*
 * What the guest's node is: a camera, a decoder. A kind makes the contexts that the sessions work
 * on.
 */
struct media_kind;
struct media;

/* What a kind is lent for its life. Everything is borrowed. */
struct media_kind_host {
    struct media *media; /* its parts: device.host, window, events, jobs */
    const struct media_options *options;
};

/* Why a kind does not work here, or with what it does. */
#define MEDIA_KIND_TEXT 256u

struct media_kind_impl {
    const char *name;        /* as in the option 'kind' */
    const char *description; /* one sentence for people */
    /* It maps memory that is not ours (plane_import), for which an arena has no place; and it is
     * checked before anybody is served. */
    bool maps_foreign;
    /* The node has V4L2's multi-planar API where the options do not say: what programs expect of a
     * codec. */
    bool multiplanar;
    /* What it lacks at the start may come later: it is served nevertheless. */
    bool waits;
    /* Whether it works on this host with these options, by trying; 'text' takes MEDIA_KIND_TEXT
     * bytes. May start threads and load libraries: in a process of its own. NULL: always. */
    bool (*check)(const struct media_options *options, char *text);
    /* The raw formats that a guest can ask for, wherever the device runs: the one of that number,
     * NULL past the end. NULL: it depends on more. */
    const struct pixel_format *(*format)(unsigned index);
    /* V4L2_CAP_* of the node, V4L2_CAP_STREAMING apart. */
    uint32_t (*caps)(const struct media_options *options);
    /* The name that the guest shows unless a person gave one, ended by 0; nothing if there is none.
     * NULL: "hostblob KIND". */
    void (*card)(const struct media_options *options, char name[32]);
    /* NULL with errno set, after a line in the log that says what to do. */
    struct media_kind *(*create)(const struct media_kind_host *host);
};

struct media_kind_ops {
    /* The context for a new session; what takes long, context_impl.start does. NULL with errno
     * set. */
    struct context *(*open)(struct media_kind *kind, uint32_t session);
    /* The session closed, and has forsaken its buffers. Comes while the context is not busy, except
     * at a reset and at the end: then it waits for what a thread does, which takes one frame's
     * time. */
    void (*close)(struct media_kind *kind, struct context *context);
    /* There is a driver, or one comes: what only one can have may be taken now. A worker that is
     * tried for an upgrade, beside the one that runs, never comes so far. Comes more than once.
     * NULL: there is no such thing. */
    void (*serve)(struct media_kind *kind);
    /* A driver begins from nothing: every session is closed. Back to the defaults. */
    void (*reset)(struct media_kind *kind);
    void (*destroy)(struct media_kind *kind);
};

struct media_kind {
    const struct media_kind_ops *ops;
    struct context *shared; /* of all sessions, when there are none too; NULL: each has its own */
};

/* The kind number 'index', NULL past the end: for help texts and --print-capabilities. */
const struct media_kind_impl *media_kind_at(unsigned index);
/* The name of the kind number 'index' that this program was built without, and the reason; NULL
 * past the end. */
const char *media_kind_missing(unsigned index, const char **why);
/* The kind of that name, or NULL. */
const struct media_kind_impl *media_kind_find(const char *name);

extern const struct media_kind_impl kind_file_impl, kind_pattern_impl, kind_v4l2_impl;
/* Only if FFmpeg's headers were there. */
extern const struct media_kind_impl kind_decoder_impl, kind_encoder_impl;
/* Only if PipeWire's headers were there. */
extern const struct media_kind_impl kind_pipewire_impl;

#endif
