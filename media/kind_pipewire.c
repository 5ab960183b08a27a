/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "media/capture.h"
#include "media/media.h"
#include "media/pipewire_capture.h"

/*
 * A camera of the desktop, through PipeWire: programs of the host can use it at the same time.
 * While there is no daemon or no camera a running stream gets no frames, and goes on afterwards; a
 * stream does not begin without.
 */
#define TICK_US 500000u
/* This long a session manager has for linking a camera to us; then we do. */
#define MANAGER_NS 5000000000ull
/* And so long it has to show itself, where there seems to be none. */
#define ALONE_NS 100000000ull
/* So long a failed stream waits for its next try, then twice as long and so on, while the cameras
 * stay the same. */
#define PATIENCE_NS 1000000000ull
#define MAX_PATIENCE_NS (16 * PATIENCE_NS)
#define CHECK_US 3000000u

#define MIN_WIDTH 64u
#define MIN_HEIGHT 48u
#define MAX_WIDTH FRAME_MAX_PICTURE
#define MAX_HEIGHT 2160u
#define MAX_RATE 240u

struct kind_pipewire {
    struct source source;
    const char *target; /* borrowed; NULL: the default camera */
    bool multiplanar;
    struct pipewire_remote remote;
    struct pipewire_capture capture;
    sd_event_source *tick; /* while something is missed */
    uint64_t since;        /* ns: when the camera's link was missed, or the stream failed */
    uint64_t patience;     /* ns, of a failed stream */
    unsigned changes;      /* of the cameras: the last that was seen */
    bool linked;
    uint32_t stranger; /* the node that was said to be linked in place of the target */
    bool managed;      /* a session manager was there when we looked last */
    bool alone;        /* we link the camera, as no session manager does */
    bool down_said, up_said, missing_said; /* no daemon, a daemon, no camera */
    char failure[160];                     /* the last that was said */
    struct pipewire_format format;         /* the last that was said */
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

/* ---- the camera ---- */

static void say_cameras(const struct kind_pipewire *p, const char *what)
{
    char text[512];

    log_info("pipewire: %s; cameras: %s", what,
             pipewire_remote_list(&p->remote, text, sizeof(text)));
}

static void say_missing(struct kind_pipewire *p)
{
    char what[192] = "no camera is there, frames come when one is";

    if (p->missing_said)
        return;
    p->missing_said = true;
    if (p->target != NULL)
        snprintf(what, sizeof(what), "no camera '%s' is there, frames come when it is", p->target);
    say_cameras(p, what);
}

static void close_camera(struct kind_pipewire *p)
{
    pipewire_capture_close(&p->capture);
    p->format.format = NULL;
    p->linked = false;
    p->since = units_now_ns();
}

/* It is made anew after a while. */
static void fail_camera(struct kind_pipewire *p)
{
    close_camera(p);
    p->patience = p->patience < MAX_PATIENCE_NS ? p->patience * 2 : MAX_PATIENCE_NS;
}

static void say_failure(struct kind_pipewire *p, const char *failure)
{
    if (strcmp(p->failure, failure) != 0)
        log_warning("pipewire: the camera's stream failed, and is tried again: %s", failure);
    snprintf(p->failure, sizeof(p->failure), "%s", failure);
}

static void open_camera(struct kind_pipewire *p)
{
    const struct pipewire_camera *camera = pipewire_remote_camera(&p->remote, p->target);
    const char *target = NULL;
    int r;

    if (camera == NULL) {
        say_missing(p);
        return;
    }
    if (p->target != NULL)
        target = camera->name[0] != '\0' ? camera->name : camera->serial;
    r = pipewire_capture_open(&p->capture, &p->remote, target);
    if (r != 0)
        say_failure(p, strerror(-r));
    p->since = units_now_ns();
}

/* Says what comes, when it is another than before. */
static void say_format(struct kind_pipewire *p, const struct pipewire_camera *camera)
{
    const struct pipewire_format *f = &p->capture.camera->format;
    const struct picture *picture = &p->capture.stream.picture;

    if (f->format == p->format.format && f->width == p->format.width &&
        f->height == p->format.height)
        return;
    p->format = *f;
    p->failure[0] = '\0';
    p->patience = PATIENCE_NS;
    log_info("pipewire: '%s' gives %s %ux%u at %u/%u per second, the guest has '%s' %ux%u",
             camera != NULL ? camera->description : "a node", f->format->name, f->width, f->height,
             f->rate.numerator, f->rate.denominator, picture->format->description, picture->width,
             picture->height);
}

static bool has_manager(const struct kind_pipewire *p)
{
    return p->remote.manager != SPA_ID_INVALID;
}

/* How long somebody else has for linking a camera to us. */
static uint64_t link_patience(const struct kind_pipewire *p)
{
    if (p->alone)
        return 0;
    return has_manager(p) ? MANAGER_NS : ALONE_NS;
}

/* No camera is linked to us. */
static void link_camera(struct kind_pipewire *p, uint32_t node)
{
    const struct pipewire_camera *camera = pipewire_remote_camera(&p->remote, p->target);
    uint64_t now = units_now_ns();
    int r;

    if (p->linked)
        log_info("pipewire: the camera is gone, frames come when it is back");
    if (p->linked || camera == NULL) {
        p->linked = false;
        p->format.format = NULL;
        p->since = now;
    }
    if (camera == NULL)
        say_missing(p);
    if (camera == NULL && p->target != NULL) {
        /* Else a session manager would take another camera, and switch it on. */
        close_camera(p);
        p->since = 0;
        return;
    }
    if (camera == NULL || node == SPA_ID_INVALID || pipewire_stream_linking(p->capture.camera) ||
        now - p->since < link_patience(p))
        return;
    if (!p->alone)
        log_info("pipewire: no session manager links a camera to us; taking '%s' (%s)",
                 camera->description, camera->name);
    p->alone = true;
    r = pipewire_stream_link(p->capture.camera, camera->id);
    if (r != 0)
        say_failure(p, strerror(-r));
    p->since = now;
}

/* Whether it is the camera that was asked for: a session manager may take another in its place. */
static bool is_right(const struct kind_pipewire *p, uint32_t node)
{
    const struct pipewire_camera *camera = pipewire_remote_camera_of(&p->remote, node);

    return p->target == NULL || (camera != NULL && pipewire_camera_is(camera, p->target));
}

static void say_stranger(struct kind_pipewire *p, uint32_t node)
{
    const struct pipewire_camera *camera = pipewire_remote_camera_of(&p->remote, node);

    if (p->stranger == node)
        return;
    p->stranger = node;
    log_warning("pipewire: the session manager links '%s' (%s) instead of '%s': its frames are not "
                "taken",
                camera != NULL ? camera->description : "", camera != NULL ? camera->name : "a node",
                p->target);
}

static void watch_camera(struct kind_pipewire *p)
{
    uint32_t node = pipewire_stream_node(p->capture.camera);
    const struct pipewire_link *link =
        node != SPA_ID_INVALID ? pipewire_remote_link(&p->remote, node) : NULL;

    if (link == NULL) {
        link_camera(p, node);
        return;
    }
    if (!p->linked)
        p->since = units_now_ns();
    p->linked = true;
    if (!is_right(p, link->from)) {
        say_stranger(p, link->from);
        fail_camera(p);
        return;
    }
    pipewire_stream_want(p->capture.camera, true);
    p->missing_said = false;
    if (p->capture.camera->format.format != NULL)
        say_format(p, pipewire_remote_camera_of(&p->remote, link->from));
    else if (units_now_ns() - p->since >= PATIENCE_NS)
        say_failure(p, "nothing is agreed on with the camera; does it give raw video?");
}

/* ---- the connection ---- */

static void say_up(struct kind_pipewire *p)
{
    char what[320];

    if (p->up_said || p->remote.state != PIPEWIRE_REMOTE_UP)
        return;
    p->up_said = true;
    p->down_said = false;
    snprintf(what, sizeof(what), "connected to %s", pipewire_remote_name());
    say_cameras(p, what);
}

static void say_down(struct kind_pipewire *p, int failure)
{
    if (p->down_said)
        return;
    p->down_said = true;
    log_warning("pipewire: no daemon at %s (%s): start PipeWire, or set XDG_RUNTIME_DIR to the "
                "folder of its socket; it is tried again all the time",
                pipewire_remote_name(), strerror(-failure));
}

/* Until one looks again: at once when it is up to us to link the camera. */
static uint64_t tick_us(const struct kind_pipewire *p)
{
    bool ours = p->capture.camera != NULL && !p->linked && !p->alone && !has_manager(p);

    return ours ? ALONE_NS / 1000 : TICK_US;
}

/* What is missed is looked for now and then. */
static void arm_tick(struct kind_pipewire *p)
{
    bool missed = p->remote.state == PIPEWIRE_REMOTE_DOWN ||
                  (p->capture.queue != NULL && (!p->linked || p->format.format == NULL));

    if (!missed)
        sd_event_source_set_enabled(p->tick, SD_EVENT_OFF);
    else if (sd_event_source_set_time_relative(p->tick, tick_us(p)) >= 0)
        sd_event_source_set_enabled(p->tick, SD_EVENT_ONESHOT);
}

static void watch_stream(struct kind_pipewire *p)
{
    struct pipewire_capture *capture = &p->capture;

    if (p->changes != p->remote.changes)
        p->patience = PATIENCE_NS;
    p->changes = p->remote.changes;
    if (capture->camera != NULL && capture->camera->failed) {
        say_failure(p, capture->camera->error);
        fail_camera(p);
    }
    if (capture->camera == NULL && p->remote.state == PIPEWIRE_REMOTE_UP &&
        units_now_ns() - p->since >= p->patience)
        open_camera(p);
    if (capture->camera != NULL)
        watch_camera(p);
}

/* A session manager that comes late links a camera too: not to a stream that has one. */
static void watch_manager(struct kind_pipewire *p)
{
    bool came = has_manager(p) && !p->managed;

    p->managed = has_manager(p);
    if (!came || !p->alone)
        return;
    p->alone = false;
    if (p->capture.camera == NULL)
        return;
    log_info("pipewire: a session manager has come, which links the camera from now on");
    close_camera(p);
    p->since = 0;
}

static void settle(void *data)
{
    struct kind_pipewire *p = data;

    pipewire_capture_settle(&p->capture);
    say_up(p);
    watch_manager(p);
    if (p->capture.queue != NULL)
        watch_stream(p);
    arm_tick(p);
}

static void lost(void *data)
{
    struct kind_pipewire *p = data;

    log_warning("pipewire: the daemon is gone, frames come when it is back");
    p->up_said = false;
    p->down_said = true;
    p->alone = false;
    close_camera(p);
    p->since = 0;
}

static const struct pipewire_remote_events remote_events = {.settle = settle, .lost = lost};

static int on_tick(sd_event_source *source, uint64_t now, void *data)
{
    struct kind_pipewire *p = data;
    int r = pipewire_remote_connect(&p->remote);

    if (r != 0)
        say_down(p, r);
    settle(p);
    return 0;
}

/* ---- the source ---- */

static int pipewire_start(struct source *source, const struct media_stream *stream,
                          struct buffer_queue *queue)
{
    struct kind_pipewire *p = pipewire_of(source);
    int r = pipewire_remote_connect(&p->remote);

    p->missing_said = false;
    if (r != 0) {
        p->down_said = false;
        say_down(p, r);
        return -ENODEV;
    }
    if (p->remote.state == PIPEWIRE_REMOTE_UP &&
        pipewire_remote_camera(&p->remote, p->target) == NULL) {
        say_missing(p);
        return -ENODEV;
    }
    r = pipewire_capture_start(&p->capture, source->context, stream, queue);
    p->failure[0] = '\0';
    p->patience = PATIENCE_NS;
    p->since = 0;
    pipewire_remote_later(&p->remote);
    return r;
}

static void pipewire_stop(struct source *source)
{
    struct kind_pipewire *p = pipewire_of(source);

    close_camera(p);
    pipewire_capture_stop(&p->capture);
}

static bool pipewire_busy(struct source *source)
{
    return pipewire_capture_busy(&pipewire_of(source)->capture);
}

static void pipewire_leave(const struct source *source, struct source_position *position)
{
    position->words[0] = pipewire_of((struct source *)(uintptr_t)source)->capture.sequence;
}

static void pipewire_resume(struct source *source, const struct source_position *position)
{
    pipewire_of(source)->capture.first = (uint32_t)position->words[0];
}

static void pipewire_destroy(struct source *source)
{
    struct kind_pipewire *p = pipewire_of(source);

    pipewire_stop(source);
    p->tick = sd_event_source_disable_unref(p->tick);
    pipewire_remote_finish(&p->remote);
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

static int begin(struct kind_pipewire *p, sd_event *loop)
{
    const char *why;
    const struct pipewire_library *pw = pipewire_library_load(&why);
    int r;

    if (pw == NULL) {
        log_error("pipewire: %s", why);
        return -ENOENT;
    }
    r = pipewire_remote_init(&p->remote, pw, loop, &remote_events, p);
    if (r < 0) {
        log_error("pipewire: its library cannot be set up: error %d; is its client.conf there?",
                  -r);
        return r;
    }
    /* The first tick comes at once. */
    return sd_event_add_time_relative(loop, &p->tick, CLOCK_MONOTONIC, 0, TICK_US / 10, on_tick, p);
}

static struct media_kind *pipewire_create(const struct media_kind_host *host)
{
    struct kind_pipewire *p = calloc(1, sizeof(*p));
    int r;

    if (p == NULL)
        return NULL;
    p->source.impl = &pipewire_source;
    p->target = host->options->pipewire_target;
    p->multiplanar = host->options->multiplanar;
    pipewire_capture_init(&p->capture, host->media);
    r = begin(p, host->media->device.host->loop);
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
