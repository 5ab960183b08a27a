/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/display.h"
#include "gpu/gpu.h"
#include "gpu/resource.h"

/* An update whose pixels a renderer brings. */
struct update {
    struct display *display;
    unsigned output;
    struct rect damage; /* of the output */
    struct request *request;
};

static void update_failed(unsigned output, struct request *request, int error)
{
    log_stranger("output %u cannot be shown: %s", output, strerror(-error));
    if (request != NULL && request->error == 0)
        request->error = error;
}

/* The pixels are there: the sinks have them. */
static void update_tell(struct update *update)
{
    struct display *display = update->display;
    struct sink_frame frame;
    int result = scanout_frame(display, update->output, &frame);

    if (result < 0) {
        update_failed(update->output, update->request, result);
        return;
    }
    audience_tell_update(&display->audience, update->output, &frame, &update->damage,
                         update->request);
    display->scanouts[update->output].untold = false;
}

static void update_fetched(void *data, int result, const struct picture *copy)
{
    struct update *update = data;
    struct scanout *scanout = &update->display->scanouts[update->output];
    struct request *request = update->request;

    if (result == 0)
        update_tell(update);
    else if (result != -ECANCELED && result != -ESHUTDOWN)
        update_failed(update->output, request, result);
    if (result != -ESHUTDOWN && scanout->again) {
        scanout->again = false;
        scanout_update(update->display, update->output, NULL, NULL);
    }
    free(update);
    if (request != NULL && result != -ESHUTDOWN)
        audience_part_done(request);
}

static int update_fetch(struct update *update)
{
    struct scanout *scanout = &update->display->scanouts[update->output];
    struct update *later;
    int result;

    if (scanout->fetch != NULL) { /* one at a time; the guest need not wait for the next */
        scanout->again = true;
        return -EINPROGRESS;
    }
    later = malloc(sizeof(*later));
    if (later == NULL)
        return -ENOMEM;
    *later = *update;
    result = scanout_fetch(update->display, update->output, &update->damage, update_fetched, later);
    if (result == -EINPROGRESS && update->request != NULL)
        update->request->parts++;
    if (result != -EINPROGRESS)
        free(later);
    return result;
}

void scanout_update(struct display *display, unsigned output, const struct rect *damage,
                    struct request *request)
{
    struct scanout *scanout = &display->scanouts[output];
    struct update update = {display, output, scanout->rect, request};
    int result;

    if (damage != NULL)
        update.damage = rect_common(damage, &scanout->rect);
    if (rect_is_empty(&update.damage))
        return;
    if (!audience_wants_frames(&display->audience)) {
        scanout->stale = true; /* whoever comes to look gets it from there */
        return;
    }
    update.damage.x -= scanout->rect.x;
    update.damage.y -= scanout->rect.y;
    if (scanout->untold)
        update.damage = (struct rect){0, 0, scanout->rect.width, scanout->rect.height};
    result = scanout_refresh(display, output, &update.damage);
    if (result == -EINPROGRESS)
        result = update_fetch(&update);
    if (result == 0)
        update_tell(&update);
    else if (result != -EINPROGRESS && result != -ECANCELED)
        update_failed(output, request, result);
}
