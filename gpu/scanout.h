/* SPDX-License-Identifier: MIT */
#ifndef GPU_SCANOUT_H
#define GPU_SCANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "gpu/rect.h"

struct display;
struct gpu;
struct picture;
struct request;
struct resource;
struct scanout_fetch;
struct sink_frame;
struct staging;

/* Where the pixels of a scanout are. */
enum scanout_source {
    SCANOUT_PICTURE,  /* a 2D resource: ours, read in place */
    SCANOUT_BUFFER,   /* a blob of host memory, or the guest's pages as a dmabuf: in place */
    SCANOUT_PAGES,    /* a blob of the guest's pages: in place, or copied line by line */
    SCANOUT_RENDERER, /* where only the renderer can read: it copies them */
};

/*
 * What an output shows: a part of a resource. The resource is the guest's, and may end at any time:
 * scanout_forget comes first, and switches the scanout off.
 */
struct scanout {
    struct resource *resource; /* borrowed; NULL: off */
    enum scanout_source source;
    struct rect rect;            /* what is shown of the framebuffer, pixels */
    uint32_t width, height;      /* of the framebuffer */
    uint32_t format;             /* VIRTIO_GPU_FORMAT_* */
    uint32_t stride;             /* bytes; of a blob */
    uint64_t offset;             /* of the framebuffer in the blob, bytes */
    uint64_t serial;             /* see sink_frame */
    bool untold;                 /* the sinks have not been told of the whole picture */
    struct staging *staging;     /* one hold; NULL until one is needed */
    bool filled;                 /* it has had a whole picture: this one, or one before it */
    bool stale;                  /* but it has not all of this one */
    struct scanout_fetch *fetch; /* borrowed: a renderer copies to the staging; NULL: none does */
    bool again;                  /* and what it brings will not be the newest any more */
};

/*
 * The end of a renderer's copy: 0, or -errno: -ECANCELED when the output shows something else by
 * now; -ESHUTDOWN when the device is reset, and requests may not be touched. 'copy' is borrowed,
 * NULL with an error.
 */
typedef void scanout_done(void *data, int result, const struct picture *copy);

/* The output shows from now on what 'shown' says (as far as 'offset': the rest is
 * the display's). */
void scanout_show(struct display *display, unsigned output, const struct scanout *shown);
/* The same with all fields of SET_SCANOUT_BLOB, if 'is_blob', or SET_SCANOUT, checked again. 0 or
 * -EINVAL. */
int scanout_restore(struct gpu *gpu, unsigned output, struct scanout *shown, bool is_blob);
/* Switches it off. */
void scanout_hide(struct display *display, unsigned output);
/* The resource ends: every output that shows it is switched off. */
void scanout_forget(struct gpu *gpu, struct resource *resource);
/* The resource loses its guest pages: outputs that show these are switched off. */
void scanout_forget_pages(struct gpu *gpu, struct resource *resource);

/* Brings 'damage' of the staging, if there is one, up to date with the guest's pages, and all of it
 * where it is stale. -EINPROGRESS where a renderer has to be asked: scanout_fetch; or -errno. */
int scanout_refresh(struct display *display, unsigned output, const struct rect *damage);
/* Brings the sinks, if any wants that, up to date with 'damage' of the framebuffer, or with all of
 * it when it is NULL or they have not seen it. 'request', which may be NULL, has a part more for
 * each that has to be waited for, and 'error' set when it goes wrong. */
void scanout_update(struct display *display, unsigned output, const struct rect *damage,
                    struct request *request);
/* Fills *frame with what the output shows. Returns 0; -ENOENT when it is off; -EINPROGRESS when a
 * renderer has to be asked first; or another error. */
int scanout_frame(struct display *display, unsigned output, struct sink_frame *frame);
/* Has the renderer copy 'damage' to the staging, or the whole picture where it is stale. One at a
 * time: scanout->fetch must be NULL. Returns 0 or -errno, or -EINPROGRESS: 'done' comes once, from
 * the loop or from scanout_drop_fetches. */
int scanout_fetch(struct display *display, unsigned output, const struct rect *damage,
                  scanout_done *done, void *data);
/* Has the renderer copy the whole picture to a place of its own, which ends with 'done'. Returns
 * -errno, or -EINPROGRESS: as scanout_fetch; 'done' may also come from within. */
int scanout_grab(struct display *display, unsigned output, scanout_done *done, void *data);
/* Ends what is under way with -ESHUTDOWN: the renderers were reset. */
void scanout_drop_fetches(struct display *display);

#endif
