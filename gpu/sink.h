/* SPDX-License-Identifier: MIT */
#ifndef GPU_SINK_H
#define GPU_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

#include "gpu/rect.h"

/*
 * Where pictures go: a folder of files, the front-end's display socket, a test. The display
 * (gpu/display.h) owns its sinks, up to AUDIENCE_MAX at once, and tells each of them the same.
 * All is called from the loop and nothing may block: what a sink cannot pass on at once it
 * remembers as damage, and later asks display_frame for the pixels as they are then. So a slow
 * watcher costs frames and never memory or the guest's time.
 */
struct display;
struct sink;

/*
 * What an output shows. 'pixels' are lines of 'stride' bytes, the upper one first, 4 bytes a pixel,
 * in a VIRTIO_GPU_FORMAT_* (gpu/picture.h converts to others). They may lie in memory that the
 * guest writes to at the same time: read each byte once, never trust one.
 */
struct sink_frame {
    const uint8_t *pixels;  /* borrowed until the loop goes on; NULL: only the dmabuf has them */
    uint32_t width, height; /* of the output, not of what the dmabuf holds */
    uint32_t stride;        /* bytes */
    uint32_t format;        /* VIRTIO_GPU_FORMAT_* */
    uint64_t serial;        /* another one when the same output shows other memory than before */
    /* The same picture as a dmabuf, for a sink that has SINK_TAKES_DMABUF. */
    int dmabuf;                            /* borrowed, as long as the serial stays; -1: none */
    bool bottom_up;                        /* the dmabuf's first line is the lowest */
    uint32_t fourcc;                       /* DRM_FORMAT_* */
    uint64_t modifier;                     /* DRM_FORMAT_MOD_* */
    uint32_t dmabuf_stride, dmabuf_offset; /* bytes */
    uint32_t dmabuf_width, dmabuf_height;  /* pixels, of the whole buffer */
    uint32_t dmabuf_x, dmabuf_y;           /* the output's upper left corner in it */
};

#define SINK_CURSOR_SIDE 64u

/* The pointer's picture: 64 x 64 pixels of B, G, R, A as the guest gave them (Linux: colours
 * multiplied by alpha); 'hot' is the pixel that points. */
struct sink_cursor {
    uint32_t hot_x, hot_y;
    uint8_t pixels[SINK_CURSOR_SIDE * SINK_CURSOR_SIDE * 4];
};

/* Every operation but destroy may be NULL: the sink does not care. 'output' is below
 * VIRTIO_GPU_MAX_SCANOUTS. */
struct sink_impl {
    const char *name; /* for the log */
    /* The output shows a picture of this size from now on, or, 0 x 0, none. An update with its
     * whole content follows as soon as there is one; a new sink is told at once of all that is on.
     */
    void (*scanout)(struct sink *sink, unsigned output, uint32_t width, uint32_t height);
    /* The pixels in 'damage' are new. Returns true when the guest may go on; false when it is to
     * wait until the sink calls display_updated, which it must do once, and soon (it keeps a time
     * limit of its own): a front-end that says when it has read a dmabuf. Without SINK_WANTS_FRAMES
     * it is not called. */
    bool (*update)(struct sink *sink, unsigned output, const struct sink_frame *frame,
                   const struct rect *damage);
    /* The pointer has this picture, and its upper left corner is at x, y; NULL: it is hidden. The
     * picture is borrowed until the loop goes on. */
    void (*cursor)(struct sink *sink, unsigned output, const struct sink_cursor *cursor, int32_t x,
                   int32_t y);
    /* It moved, with the picture it had. */
    void (*cursor_move)(struct sink *sink, unsigned output, int32_t x, int32_t y);
    /* The guest asks what outputs there are (SINK_ASKS_OUTPUTS), or for the EDID of one. A sink
     * whose watcher knows better asks it, and may call display_hold here. */
    void (*asked)(struct sink *sink, int output);
    /* Frees the sink. It need not call display_updated any more. */
    void (*destroy)(struct sink *sink);
};

#define SINK_ASKS_OUTPUTS (-1)

enum {
    SINK_WANTS_FRAMES = 1, /* without such a sink nothing is read back for an update */
    SINK_TAKES_DMABUF = 2, /* a frame that has a dmabuf needs no pixels */
    SINK_IS_FRONT_END = 4, /* the watcher says how many outputs there are, and tells the guest */
};

/* The head of each sink's own struct. */
struct sink {
    const struct sink_impl *impl;
    unsigned flags;          /* SINK_* */
    struct display *display; /* borrowed; set by display_add_sink */
    SLIST_ENTRY(sink) link;  // audience::sinks
};

/*
 * What a sink may ask of and tell the display. Any time from the loop, but not from inside
 * its own operations, except display_frame.
 */

/* What 'output' shows now, whole. False when it is off, when nothing was drawn yet, or when the
 * pixels are where only the renderer can read them and no sink wanted them before. */
bool display_frame(struct display *display, unsigned output, struct sink_frame *frame);
/* The guest may go on: see sink_impl.update. */
void display_updated(struct sink *sink, unsigned output);

/* What the watcher would like an output to be. The guest is told (hotplug) and may follow. Width
 * and height 0: unplugged. 'hz' 0: 60. The output may be one more than there were before: it exists
 * from then on. -EINVAL for an output or a size that cannot be. Nothing happens, and nobody is
 * told, when it is so already. */
int display_set_output(struct display *display, unsigned output, uint32_t width, uint32_t height,
                       uint32_t hz);
/* The EDID to answer the guest for that output instead of our own; copied. 'size' is a multiple of
 * 128, at most 1024 bytes; 0: our own again. -EINVAL. */
int display_set_edid(struct display *display, unsigned output, const void *edid, uint32_t size);
/* The guest's questions for outputs and EDIDs wait from display_hold until display_release: for a
 * watcher that is being asked what they are. Calls nest. The one who holds keeps a time limit: the
 * driver gives up after 5 s. */
void display_hold(struct display *display);
void display_release(struct display *display);

#endif
