/* SPDX-License-Identifier: MIT */
#include "gpu/display.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gpu/answer.h"
#include "gpu/gpu.h"
#include "gpu/gpu_device.h"
#include "gpu/render_thread.h"

#define FILES_LIMIT_MS 5000u /* the largest picture takes less to write */

/* A sink has an update that it is not done with. */
struct display_wait {
    TAILQ_ENTRY(display_wait) link; // display::waits
    struct sink *sink;              /* borrowed */
    unsigned output;
    struct request *request; /* which waits for it; NULL: none does, or not any more */
};

void display_init(struct display *display, struct gpu *gpu, const struct gpu_options *options)
{
    *display = (struct display){.gpu = gpu, .count = options->output_count};
    if (display->count == 0 && !options->no_outputs)
        display->count = 1;
    SLIST_INIT(&display->sinks);
    TAILQ_INIT(&display->waits);
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
    while (!SLIST_EMPTY(&display->sinks))
        display_remove_sink(display, SLIST_FIRST(&display->sinks));
    render_thread_destroy(display->files, FILES_LIMIT_MS);
    display->files = NULL;
}

/* What waits for a sink stays: the sink counts what it was given. */
void display_reset(struct display *display)
{
    struct display_wait *wait;

    scanout_drop_fetches(display);
    cursor_drop_fetches(display);
    TAILQ_FOREACH(wait, &display->waits, link)
    wait->request = NULL;
    display_drop_questions(display);
    display->unread = false; /* a driver asks when it begins */
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        cursor_hide(display, i);
        scanout_hide(display, i);
    }
}

/* ---- sinks ---- */

bool display_wants_frames(const struct display *display)
{
    const struct sink *sink;

    SLIST_FOREACH(sink, &display->sinks, link)
    if ((sink->flags & SINK_WANTS_FRAMES) != 0)
        return true;
    return false;
}

static void tell_all(struct display *display, struct sink *sink)
{
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        const struct scanout *scanout = &display->scanouts[i];

        if (scanout->resource == NULL)
            continue;
        if (sink->impl->scanout != NULL)
            sink->impl->scanout(sink, i, scanout->rect.width, scanout->rect.height);
        if (sink->impl->cursor != NULL && display->cursors[i].visible)
            sink->impl->cursor(sink, i, &display->cursors[i].picture, display->cursors[i].x,
                               display->cursors[i].y);
        /* The others see it once more: that harms nobody. */
        if ((sink->flags & SINK_WANTS_FRAMES) != 0)
            scanout_update(display, i, NULL, NULL);
    }
}

int display_add_sink(struct display *display, struct sink *sink)
{
    const struct sink *other;
    unsigned count = 0;

    SLIST_FOREACH(other, &display->sinks, link)
    count++;
    if (count >= DISPLAY_MAX_SINKS) {
        sink->impl->destroy(sink);
        return -ENOSPC;
    }
    sink->display = display;
    SLIST_INSERT_HEAD(&display->sinks, sink, link);
    if ((sink->flags & SINK_IS_FRONT_END) != 0)
        display_front_end_came(display);
    tell_all(display, sink);
    return 0;
}

static struct display_wait *wait_of(struct display *display, const struct sink *sink)
{
    struct display_wait *wait;

    TAILQ_FOREACH(wait, &display->waits, link)
    if (wait->sink == sink)
        return wait;
    return NULL;
}

static void wait_end(struct display *display, struct display_wait *wait)
{
    struct request *request = wait->request;

    TAILQ_REMOVE(&display->waits, wait, link);
    free(wait);
    if (request != NULL)
        display_part_done(request);
}

void display_remove_sink(struct display *display, struct sink *sink)
{
    struct display_wait *wait;

    SLIST_REMOVE(&display->sinks, sink, sink, link);
    while ((wait = wait_of(display, sink)) != NULL)
        wait_end(display, wait);
    sink->impl->destroy(sink);
    display_front_end_left(display);
}

void display_updated(struct sink *sink, unsigned output)
{
    struct display *display = sink->display;
    struct display_wait *wait;

    TAILQ_FOREACH(wait, &display->waits, link)
    if (wait->sink == sink && wait->output == output)
        break;
    if (wait != NULL)
        wait_end(display, wait);
}

bool display_frame(struct display *display, unsigned output, struct sink_frame *frame)
{
    return output < VIRTIO_GPU_MAX_SCANOUTS && scanout_frame(display, output, frame) == 0;
}

/* ---- what they are told ---- */

void display_tell_scanout(struct display *display, unsigned output, uint32_t width, uint32_t height)
{
    struct rect *told = &display->told[output];
    struct sink *sink;

    if (told->width == width && told->height == height)
        return;
    told->width = width;
    told->height = height;
    SLIST_FOREACH(sink, &display->sinks, link)
    if (sink->impl->scanout != NULL)
        sink->impl->scanout(sink, output, width, height);
}

/* Without memory nobody waits. */
static void wait_for(struct display *display, struct sink *sink, unsigned output,
                     struct request *request)
{
    struct display_wait *wait = calloc(1, sizeof(*wait));

    if (wait == NULL)
        return;
    *wait = (struct display_wait){.request = request, .sink = sink, .output = output};
    TAILQ_INSERT_TAIL(&display->waits, wait, link);
    if (request != NULL)
        request->parts++;
}

int display_tell_update(struct display *display, unsigned output, const struct rect *damage,
                        struct request *request)
{
    struct sink_frame frame;
    struct sink *sink;
    int result = scanout_frame(display, output, &frame);

    if (result < 0)
        return result;
    SLIST_FOREACH(sink, &display->sinks, link)
    if ((sink->flags & SINK_WANTS_FRAMES) != 0 && sink->impl->update != NULL &&
        !sink->impl->update(sink, output, &frame, damage))
        wait_for(display, sink, output, request);
    return 0;
}

void display_tell_cursor(struct display *display, unsigned output)
{
    const struct cursor *cursor = &display->cursors[output];
    struct sink *sink;

    SLIST_FOREACH(sink, &display->sinks, link)
    if (sink->impl->cursor != NULL)
        sink->impl->cursor(sink, output, cursor->visible ? &cursor->picture : NULL, cursor->x,
                           cursor->y);
}

void display_tell_cursor_move(struct display *display, unsigned output)
{
    const struct cursor *cursor = &display->cursors[output];
    struct sink *sink;

    SLIST_FOREACH(sink, &display->sinks, link)
    if (sink->impl->cursor_move != NULL)
        sink->impl->cursor_move(sink, output, cursor->x, cursor->y);
}

uint32_t display_flush_result(struct request *request)
{
    if (request->error == 0)
        return VIRTIO_GPU_RESP_OK_NODATA;
    return request_fail(request, request->error, "the picture cannot be shown");
}

void display_part_done(struct request *request)
{
    if (--request->parts == 0)
        answer_give(request, display_flush_result(request));
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
