/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "gpu/display.h"
#include "gpu/gpu.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"
#include "gpu/scanout.h"
#include "gpu/staging.h"

/* A copy that a renderer makes. It outlives what it is for: the staging is held. */
struct scanout_fetch {
    LIST_ENTRY(scanout_fetch) link; // display::fetches
    struct display *display;
    unsigned output;
    uint64_t serial; /* of the scanout that it is for */
    bool shared;     /* the staging is the scanout's */
    bool whole;
    struct rect rect; /* in the staging */
    struct staging *staging;
    scanout_done *done;
    void *data;
};

/* The end of it, and of the fetch. */
static void fetch_end(struct scanout_fetch *fetch, int result)
{
    struct scanout *scanout = &fetch->display->scanouts[fetch->output];

    LIST_REMOVE(fetch, link);
    if (scanout->fetch == fetch)
        scanout->fetch = NULL;
    if (fetch->done != NULL)
        fetch->done(fetch->data, result, result == 0 ? fetch->staging->picture : NULL);
    staging_release(fetch->staging);
    free(fetch);
}

void scanout_drop_fetches(struct display *display)
{
    while (!LIST_EMPTY(&display->fetches))
        fetch_end(LIST_FIRST(&display->fetches), -ESHUTDOWN);
}

static uint8_t *line_at(struct scanout_fetch *fetch, uint32_t line)
{
    struct picture *picture = fetch->staging->picture;

    return picture->data + (size_t)(fetch->rect.y + line) * picture->stride +
           (size_t)fetch->rect.x * PICTURE_BYTES_PER_PIXEL;
}

/* What the copy means for the scanout. Another picture of the same shape may be shown by now: this
 * one is still newer than what the sinks have. */
static int fetch_finish(struct scanout_fetch *fetch, int result)
{
    struct scanout *scanout = &fetch->display->scanouts[fetch->output];

    if (result < 0)
        return result;
    if (!fetch->shared)
        return 0;
    if (scanout->fetch != fetch)
        return -ECANCELED;
    if (fetch->whole)
        scanout->filled = true;
    if (fetch->whole && scanout->serial == fetch->serial)
        scanout->stale = false;
    return 0;
}

static void fetch_done(void *data, int result)
{
    fetch_end(data, fetch_finish(data, result));
}

/* The box of the resource that holds 'rect' of the picture. The first line is the upper one, as in
 * a transfer to the guest's pages: Y_0_TOP is about how OpenGL keeps it, which nobody here sees. */
static struct renderer_box box_of(const struct scanout *scanout, const struct rect *rect)
{
    return (struct renderer_box){
        scanout->rect.x + rect->x, scanout->rect.y + rect->y, 0, rect->width, rect->height, 1};
}

static int ask(struct scanout_fetch *fetch, const struct scanout *scanout)
{
    struct renderer *renderer = resource_renderer(scanout->resource);
    const struct renderer_box box = box_of(scanout, &fetch->rect);
    const struct picture *picture = fetch->staging->picture;
    uint8_t *to = line_at(fetch, 0);

    return renderer->impl->read(renderer, scanout->resource, &box, to, picture->stride,
                                picture->size - (size_t)(to - picture->data), fetch_done, fetch);
}

/* Takes over a hold of the staging. */
static struct scanout_fetch *fetch_create(struct display *display, unsigned output,
                                          const struct rect *rect, struct staging *staging)
{
    struct scanout *scanout = &display->scanouts[output];
    struct scanout_fetch *fetch = calloc(1, sizeof(*fetch));

    if (fetch == NULL) {
        staging_release(staging);
        return NULL;
    }
    *fetch = (struct scanout_fetch){
        .display = display,
        .output = output,
        .serial = scanout->serial,
        .whole = rect->width == scanout->rect.width && rect->height == scanout->rect.height,
        .rect = *rect,
        .staging = staging,
    };
    LIST_INSERT_HEAD(&display->fetches, fetch, link);
    return fetch;
}

static struct staging *new_staging(struct display *display, const struct scanout *scanout)
{
    return staging_create(display->gpu, scanout->format, scanout->rect.width, scanout->rect.height);
}

int scanout_fetch(struct display *display, unsigned output, const struct rect *damage,
                  scanout_done *done, void *data)
{
    struct scanout *scanout = &display->scanouts[output];
    const struct rect whole = {0, 0, scanout->rect.width, scanout->rect.height};
    struct scanout_fetch *fetch;
    int result;

    if (scanout->staging == NULL)
        scanout->staging = new_staging(display, scanout);
    if (scanout->staging == NULL)
        return -errno;
    fetch = fetch_create(display, output, scanout->stale ? &whole : damage,
                         staging_hold(scanout->staging));
    if (fetch == NULL)
        return -ENOMEM;
    fetch->shared = true;
    scanout->fetch = fetch;
    result = ask(fetch, scanout);
    if (result == -EINPROGRESS) {
        fetch->done = done;
        fetch->data = data;
        return result;
    }
    result = fetch_finish(fetch, result);
    fetch_end(fetch, result);
    return result;
}

int scanout_grab(struct display *display, unsigned output, scanout_done *done, void *data)
{
    struct scanout *scanout = &display->scanouts[output];
    const struct rect whole = {0, 0, scanout->rect.width, scanout->rect.height};
    struct staging *staging = new_staging(display, scanout);
    struct scanout_fetch *fetch;
    int result;

    if (staging == NULL)
        return -errno;
    fetch = fetch_create(display, output, &whole, staging);
    if (fetch == NULL)
        return -ENOMEM;
    fetch->done = done;
    fetch->data = data;
    result = ask(fetch, scanout);
    if (result != -EINPROGRESS)
        fetch_done(fetch, result);
    return -EINPROGRESS;
}
