/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "media/capture.h"
#include "media/media.h"
#include "media/pipewire_watch.h"

/*
 * A camera of the desktop, through PipeWire: programs of the host can use it at the same time.
 * While there is no daemon or no camera a running stream gets no frames, and goes on afterwards; a
 * stream does not begin without.
 */
#define CHECK_US 3000000u

#define MIN_WIDTH 64u
#define MIN_HEIGHT 48u
#define MAX_WIDTH FRAME_MAX_PICTURE
#define MAX_HEIGHT 2160u
#define MAX_RATE 240u

struct kind_pipewire {
    struct source source;
    bool multiplanar;
    struct pipewire_watch watch;
};

static struct kind_pipewire *pipewire_of(struct source *source)
{
    return (struct kind_pipewire *)(void *)((char *)source -
                                            offsetof(struct kind_pipewire, source));
}

/* ---- what it can be asked for ---- */

static const struct pixel_format *pipewire_pixel_format(struct source *source, unsigned index)
{
    const struct pixel_format *format;

    for (unsigned i = 0; (format = pixel_format_at(i)) != NULL; i++)
        if (frame_can_draw(format) && (format->planes == 1 || pipewire_of(source)->multiplanar) &&
            index-- == 0)
            return format;
    return NULL;
}

static void pipewire_sizes(struct source *source, struct v4l2_frmsize_stepwise *sizes)
{
    *sizes = (struct v4l2_frmsize_stepwise){MIN_WIDTH,  MAX_WIDTH,  PICTURE_STEP,
                                            MIN_HEIGHT, MAX_HEIGHT, PICTURE_STEP};
}

static void pipewire_intervals(struct source *source, struct v4l2_frmival_stepwise *intervals)
{
    *intervals = (struct v4l2_frmival_stepwise){{1, MAX_RATE}, {1, 1}, {1, 1}};
}

/* ---- the source ---- */

static int pipewire_start(struct source *source, const struct media_stream *stream,
                          struct buffer_queue *queue)
{
    return pipewire_watch_start(&pipewire_of(source)->watch, source->context, stream, queue);
}

static void pipewire_stop(struct source *source)
{
    pipewire_watch_stop(&pipewire_of(source)->watch);
}

static bool pipewire_busy(struct source *source)
{
    return pipewire_capture_busy(&pipewire_of(source)->watch.capture);
}

static void pipewire_leave(const struct source *source, struct source_position *position)
{
    const struct kind_pipewire *p = pipewire_of((struct source *)(uintptr_t)source);

    position->words[0] = p->watch.capture.sequence;
}

static void pipewire_resume(struct source *source, const struct source_position *position)
{
    pipewire_of(source)->watch.capture.first = (uint32_t)position->words[0];
}

static void pipewire_destroy(struct source *source)
{
    struct kind_pipewire *p = pipewire_of(source);

    pipewire_watch_finish(&p->watch);
    free(p);
}

static const struct source_impl pipewire_source = {
    .format = pipewire_pixel_format,
    .sizes = pipewire_sizes,
    .intervals = pipewire_intervals,
    .start = pipewire_start,
    .stop = pipewire_stop,
    .busy = pipewire_busy,
    .leave = pipewire_leave,
    .resume = pipewire_resume,
    .destroy = pipewire_destroy,
};

/* ---- the kind ---- */

static struct media_kind *pipewire_create(const struct media_kind_host *host)
{
    struct kind_pipewire *p = calloc(1, sizeof(*p));
    int r;

    if (p == NULL)
        return NULL;
    p->source.impl = &pipewire_source;
    p->multiplanar = host->options->multiplanar;
    r = pipewire_watch_init(&p->watch, host->media, host->media->device.host->loop,
                            host->options->pipewire_target);
    if (r < 0) {
        pipewire_destroy(&p->source);
        errno = -r;
        return NULL;
    }
    return capture_create(host, &p->source);
}

/* ---- whether it works ---- */

static void ignore(void *data)
{
}

/* Waits until the cameras are known, or not. */
static void await(struct pipewire_remote *remote, sd_event *loop)
{
    uint64_t end = units_now_ns() / 1000 + CHECK_US, now = 0;

    while (remote->state == PIPEWIRE_REMOTE_COMING && (now = units_now_ns() / 1000) < end)
        if (sd_event_run(loop, end - now) < 0)
            return;
}

static bool try_remote(struct pipewire_remote *remote, sd_event *loop, const char *target,
                       char *text)
{
    static const struct pipewire_remote_events none = {ignore, ignore};
    const struct pipewire_library *pw;
    const char *why;
    char cameras[160];
    int r;

    pw = pipewire_library_load(&why);
    if (pw == NULL) {
        snprintf(text, MEDIA_KIND_TEXT, "%s", why);
        return false;
    }
    r = pipewire_remote_init(remote, pw, loop, &none, NULL);
    if (r == 0)
        r = pipewire_remote_connect(remote);
    if (r == 0)
        await(remote, loop);
    if (remote->state != PIPEWIRE_REMOTE_UP) {
        snprintf(text, MEDIA_KIND_TEXT,
                 "no daemon at %s (%s): start PipeWire, or set "
                 "XDG_RUNTIME_DIR",
                 pipewire_remote_name(), strerror(r != 0 ? -r : ETIMEDOUT));
        return false;
    }
    pipewire_remote_list(remote, cameras, sizeof(cameras));
    snprintf(text, MEDIA_KIND_TEXT, "PipeWire %s; cameras: %s", pw->get_library_version(), cameras);
    return pipewire_remote_camera(remote, target) != NULL;
}

static bool pipewire_check(const struct media_options *options, char *text)
{
    struct pipewire_remote remote = {0};
    sd_event *loop = NULL;
    bool works = false;

    if (sd_event_new(&loop) >= 0)
        works = try_remote(&remote, loop, options->pipewire_target, text);
    pipewire_remote_finish(&remote);
    sd_event_unref(loop);
    return works;
}

const struct media_kind_impl kind_pipewire_impl = {
    .name = "pipewire",
    .description = "a camera of the desktop, through PipeWire",
    .waits = true,
    .check = pipewire_check,
    .caps = capture_caps,
    .create = pipewire_create,
};
