/* SPDX-License-Identifier: MIT */
#include "media/pipewire_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/units.h"

#define TICK_US 500000u
/* This long a session manager has for linking a camera to us; then we do. */
#define MANAGER_NS 5000000000ull
/* And so long it has to show itself, where there seems to be none. */
#define ALONE_NS 100000000ull
/* So long a failed stream waits for its next try, then twice as long and so on, while the cameras
 * stay the same. */
#define PATIENCE_NS 1000000000ull
#define MAX_PATIENCE_NS (16 * PATIENCE_NS)

/* ---- the camera ---- */

static void say_cameras(const struct pipewire_watch *w, const char *what)
{
    char text[512];

    log_info("pipewire: %s; cameras: %s", what,
             pipewire_remote_list(&w->remote, text, sizeof(text)));
}

static void say_missing(struct pipewire_watch *w)
{
    char what[192] = "no camera is there, frames come when one is";

    if (w->missing_said)
        return;
    w->missing_said = true;
    if (w->target != NULL)
        snprintf(what, sizeof(what), "no camera '%s' is there, frames come when it is", w->target);
    say_cameras(w, what);
}

static void close_camera(struct pipewire_watch *w)
{
    pipewire_capture_close(&w->capture);
    w->format.format = NULL;
    w->linked = false;
    w->since = units_now_ns();
}

/* It is made anew after a while. */
static void fail_camera(struct pipewire_watch *w)
{
    close_camera(w);
    w->patience = w->patience < MAX_PATIENCE_NS ? w->patience * 2 : MAX_PATIENCE_NS;
}

static void say_failure(struct pipewire_watch *w, const char *failure)
{
    if (strcmp(w->failure, failure) != 0)
        log_warning("pipewire: the camera's stream failed, and is tried again: %s", failure);
    snprintf(w->failure, sizeof(w->failure), "%s", failure);
}

static void open_camera(struct pipewire_watch *w)
{
    const struct pipewire_camera *camera = pipewire_remote_camera(&w->remote, w->target);
    const char *target = NULL;
    int r;

    if (camera == NULL) {
        say_missing(w);
        return;
    }
    if (w->target != NULL)
        target = camera->name[0] != '\0' ? camera->name : camera->serial;
    r = pipewire_capture_open(&w->capture, &w->remote, target);
    if (r != 0)
        say_failure(w, strerror(-r));
    w->since = units_now_ns();
}

/* Says what comes, when it is another than before. */
static void say_format(struct pipewire_watch *w, const struct pipewire_camera *camera)
{
    const struct pipewire_format *f = &w->capture.camera->format;
    const struct picture *picture = &w->capture.stream.picture;

    if (f->format == w->format.format && f->width == w->format.width &&
        f->height == w->format.height)
        return;
    w->format = *f;
    w->failure[0] = '\0';
    w->patience = PATIENCE_NS;
    log_info("pipewire: '%s' gives %s %ux%u at %u/%u per second, the guest has '%s' %ux%u",
             camera != NULL ? camera->description : "a node", f->format->name, f->width, f->height,
             f->rate.numerator, f->rate.denominator, picture->format->description, picture->width,
             picture->height);
}

static bool has_manager(const struct pipewire_watch *w)
{
    return w->remote.manager != SPA_ID_INVALID;
}

/* How long somebody else has for linking a camera to us. */
static uint64_t link_patience(const struct pipewire_watch *w)
{
    if (w->alone)
        return 0;
    return has_manager(w) ? MANAGER_NS : ALONE_NS;
}

/* No camera is linked to us. */
static void link_camera(struct pipewire_watch *w, uint32_t node)
{
    const struct pipewire_camera *camera = pipewire_remote_camera(&w->remote, w->target);
    uint64_t now = units_now_ns();
    int r;

    if (w->linked)
        log_info("pipewire: the camera is gone, frames come when it is back");
    if (w->linked || camera == NULL) {
        w->linked = false;
        w->format.format = NULL;
        w->since = now;
    }
    if (camera == NULL)
        say_missing(w);
    if (camera == NULL && w->target != NULL) {
        /* Else a session manager would take another camera, and switch it on. */
        close_camera(w);
        w->since = 0;
        return;
    }
    if (camera == NULL || node == SPA_ID_INVALID || pipewire_stream_linking(w->capture.camera) ||
        now - w->since < link_patience(w))
        return;
    if (!w->alone)
        log_info("pipewire: no session manager links a camera to us; taking '%s' (%s)",
                 camera->description, camera->name);
    w->alone = true;
    r = pipewire_stream_link(w->capture.camera, camera->id);
    if (r != 0)
        say_failure(w, strerror(-r));
    w->since = now;
}

/* Whether it is the camera that was asked for: a session manager may take another in its place. */
static bool is_right(const struct pipewire_watch *w, uint32_t node)
{
    const struct pipewire_camera *camera = pipewire_remote_camera_of(&w->remote, node);

    return w->target == NULL || (camera != NULL && pipewire_camera_is(camera, w->target));
}

static void say_stranger(struct pipewire_watch *w, uint32_t node)
{
    const struct pipewire_camera *camera = pipewire_remote_camera_of(&w->remote, node);

    if (w->stranger == node)
        return;
    w->stranger = node;
    log_warning("pipewire: the session manager links '%s' (%s) instead of '%s': its frames are not "
                "taken",
                camera != NULL ? camera->description : "", camera != NULL ? camera->name : "a node",
                w->target);
}

static void watch_camera(struct pipewire_watch *w)
{
    uint32_t node = pipewire_stream_node(w->capture.camera);
    const struct pipewire_link *link =
        node != SPA_ID_INVALID ? pipewire_remote_link(&w->remote, node) : NULL;

    if (link == NULL) {
        link_camera(w, node);
        return;
    }
    if (!w->linked)
        w->since = units_now_ns();
    w->linked = true;
    if (!is_right(w, link->from)) {
        say_stranger(w, link->from);
        fail_camera(w);
        return;
    }
    pipewire_stream_want(w->capture.camera, true);
    w->missing_said = false;
    if (w->capture.camera->format.format != NULL)
        say_format(w, pipewire_remote_camera_of(&w->remote, link->from));
    else if (units_now_ns() - w->since >= PATIENCE_NS)
        say_failure(w, "nothing is agreed on with the camera; does it give raw video?");
}

/* ---- the connection ---- */

static void say_up(struct pipewire_watch *w)
{
    char what[320];

    if (w->up_said || w->remote.state != PIPEWIRE_REMOTE_UP)
        return;
    w->up_said = true;
    w->down_said = false;
    snprintf(what, sizeof(what), "connected to %s", pipewire_remote_name());
    say_cameras(w, what);
}

static void say_down(struct pipewire_watch *w, int failure)
{
    if (w->down_said)
        return;
    w->down_said = true;
    log_warning("pipewire: no daemon at %s (%s): start PipeWire, or set XDG_RUNTIME_DIR to the "
                "folder of its socket; it is tried again all the time",
                pipewire_remote_name(), strerror(-failure));
}

/* Until one looks again: at once when it is up to us to link the camera. */
static uint64_t tick_us(const struct pipewire_watch *w)
{
    bool ours = w->capture.camera != NULL && !w->linked && !w->alone && !has_manager(w);

    return ours ? ALONE_NS / 1000 : TICK_US;
}

/* What is missed is looked for now and then. */
static void arm_tick(struct pipewire_watch *w)
{
    bool missed = w->remote.state == PIPEWIRE_REMOTE_DOWN ||
                  (w->capture.queue != NULL && (!w->linked || w->format.format == NULL));

    if (!missed)
        sd_event_source_set_enabled(w->tick, SD_EVENT_OFF);
    else if (sd_event_source_set_time_relative(w->tick, tick_us(w)) >= 0)
        sd_event_source_set_enabled(w->tick, SD_EVENT_ONESHOT);
}

static void watch_stream(struct pipewire_watch *w)
{
    struct pipewire_capture *capture = &w->capture;

    if (w->changes != w->remote.changes)
        w->patience = PATIENCE_NS;
    w->changes = w->remote.changes;
    if (capture->camera != NULL && capture->camera->failed) {
        say_failure(w, capture->camera->error);
        fail_camera(w);
    }
    if (capture->camera == NULL && w->remote.state == PIPEWIRE_REMOTE_UP &&
        units_now_ns() - w->since >= w->patience)
        open_camera(w);
    if (capture->camera != NULL)
        watch_camera(w);
}

/* A session manager that comes late links a camera too: not to a stream that has one. */
static void watch_manager(struct pipewire_watch *w)
{
    bool came = has_manager(w) && !w->managed;

    w->managed = has_manager(w);
    if (!came || !w->alone)
        return;
    w->alone = false;
    if (w->capture.camera == NULL)
        return;
    log_info("pipewire: a session manager has come, which links the camera from now on");
    close_camera(w);
    w->since = 0;
}

static void settle(void *data)
{
    struct pipewire_watch *w = data;

    pipewire_capture_settle(&w->capture);
    say_up(w);
    watch_manager(w);
    if (w->capture.queue != NULL)
        watch_stream(w);
    arm_tick(w);
}

static void lost(void *data)
{
    struct pipewire_watch *w = data;

    log_warning("pipewire: the daemon is gone, frames come when it is back");
    w->up_said = false;
    w->down_said = true;
    w->alone = false;
    close_camera(w);
    w->since = 0;
}

static const struct pipewire_remote_events remote_events = {.settle = settle, .lost = lost};

static int on_tick(sd_event_source *source, uint64_t now, void *data)
{
    struct pipewire_watch *w = data;
    int r = pipewire_remote_connect(&w->remote);

    if (r != 0)
        say_down(w, r);
    settle(w);
    return 0;
}

/* ---- the stream ---- */

int pipewire_watch_start(struct pipewire_watch *w, struct context *context,
                         const struct media_stream *stream, struct buffer_queue *queue)
{
    int r = pipewire_remote_connect(&w->remote);

    w->missing_said = false;
    if (r != 0) {
        w->down_said = false;
        say_down(w, r);
        return -ENODEV;
    }
    if (w->remote.state == PIPEWIRE_REMOTE_UP &&
        pipewire_remote_camera(&w->remote, w->target) == NULL) {
        say_missing(w);
        return -ENODEV;
    }
    r = pipewire_capture_start(&w->capture, context, stream, queue);
    w->failure[0] = '\0';
    w->patience = PATIENCE_NS;
    w->since = 0;
    pipewire_remote_later(&w->remote);
    return r;
}

void pipewire_watch_stop(struct pipewire_watch *w)
{
    close_camera(w);
    pipewire_capture_stop(&w->capture);
}

int pipewire_watch_init(struct pipewire_watch *w, struct media *media, sd_event *loop,
                        const char *target)
{
    const char *why;
    const struct pipewire_library *pw = pipewire_library_load(&why);
    int r;

    *w = (struct pipewire_watch){.target = target};
    pipewire_capture_init(&w->capture, media);
    if (pw == NULL) {
        log_error("pipewire: %s", why);
        return -ENOENT;
    }
    r = pipewire_remote_init(&w->remote, pw, loop, &remote_events, w);
    if (r < 0) {
        log_error("pipewire: its library cannot be set up: error %d; is its client.conf there?",
                  -r);
        return r;
    }
    /* The first tick comes at once. */
    return sd_event_add_time_relative(loop, &w->tick, CLOCK_MONOTONIC, 0, TICK_US / 10, on_tick, w);
}

void pipewire_watch_finish(struct pipewire_watch *w)
{
    pipewire_watch_stop(w);
    w->tick = sd_event_source_disable_unref(w->tick);
    pipewire_remote_finish(&w->remote);
}
