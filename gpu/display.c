/* SPDX-License-Identifier: MIT */
#include "gpu/display.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/gpu.h"
#include "gpu/gpu_device.h"
#include "gpu/render_thread.h"

#define FILES_LIMIT_MS 5000u /* the largest picture takes less to write */

void display_init(struct display *display, struct gpu *gpu, const struct gpu_options *options)
{
    *display = (struct display){.gpu = gpu, .count = options->output_count};
    if (display->count == 0 && !options->no_outputs)
        display->count = 1;
    audience_init(&display->audience);
    TAILQ_INIT(&display->questions);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        output_init(&display->outputs[i], i);
        if (i >= display->count)
            display->outputs[i].mode = (struct output_mode){0};
        else if (options->outputs[i].name[0] != '\0')
            display->outputs[i] = options->outputs[i];
    }
}

void display_finish(struct display *display)
{
    while (!SLIST_EMPTY(&display->audience.sinks))
        display_remove_sink(display, SLIST_FIRST(&display->audience.sinks));
    render_thread_destroy(display->files, FILES_LIMIT_MS);
    display->files = NULL;
}

void display_reset(struct display *display)
{
    scanout_drop_fetches(display);
    cursor_drop_fetches(display);
    audience_reset(&display->audience);
    display_drop_questions(display);
    display->unread = false; /* a driver asks when it begins */
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        cursor_hide(display, i);
        scanout_hide(display, i);
    }
}

/* ---- sinks ---- */

static void tell_all(struct display *display, struct sink *sink)
{
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        const struct scanout *scanout = &display->scanouts[i];

        /* The guest may show a picture beneath it later, without another word of it. */
        if (sink->impl->cursor != NULL && display->cursors[i].visible)
            sink->impl->cursor(sink, i, &display->cursors[i].picture, display->cursors[i].x,
                               display->cursors[i].y);
        if (scanout->resource == NULL)
            continue;
        if (sink->impl->scanout != NULL)
            sink->impl->scanout(sink, i, scanout->rect.width, scanout->rect.height);
        /* The others see it once more: that harms nobody. */
        if ((sink->flags & SINK_WANTS_FRAMES) != 0)
            scanout_update(display, i, NULL, NULL);
    }
}

int display_add_sink(struct display *display, struct sink *sink)
{
    int r = audience_add(&display->audience, sink);

    if (r != 0) {
        sink->impl->destroy(sink);
        return r;
    }
    sink->display = display;
    if ((sink->flags & SINK_IS_FRONT_END) != 0)
        display_front_end_came(display);
    tell_all(display, sink);
    return 0;
}

void display_remove_sink(struct display *display, struct sink *sink)
{
    audience_remove(&display->audience, sink);
    sink->impl->destroy(sink);
    display_front_end_left(display);
}

void display_updated(struct sink *sink, unsigned output)
{
    audience_updated(&sink->display->audience, sink, output);
}

bool display_frame(struct display *display, unsigned output, struct sink_frame *frame)
{
    return output < VIRTIO_GPU_MAX_SCANOUTS && scanout_frame(display, output, frame) == 0;
}

/* ---- the thread that writes files ---- */

static int files_begin(struct render_thread *thread, void *data)
{
    return 0;
}

static void files_finish(void *data)
{
}

struct render_thread *display_files(struct display *display)
{
    static const struct render_thread_work work = {.begin = files_begin, .finish = files_finish};

    if (display->files == NULL)
        display->files =
            render_thread_create(display->gpu->device.host->loop, &work, NULL, FILES_LIMIT_MS);
    return display->files;
}
