/* SPDX-License-Identifier: MIT */
#include "media/pipewire_capture.h"

#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "media/capture.h"
#include "media/media.h"

static struct pipewire_capture *capture_of_job(struct job *job)
{
    return (struct pipewire_capture *)(void *)((char *)job -
                                               offsetof(struct pipewire_capture, job));
}

static struct stats *stats_of(const struct pipewire_capture *c)
{
    return c->media->device.host->stats;
}

static void job_run(struct job *job)
{
    struct pipewire_capture *c = capture_of_job(job);

    c->result = pipewire_memory_begin(&c->memory);
    if (c->result != 0)
        return;
    frame_draw(&c->frame, &c->stream.picture, c->planes);
    pipewire_memory_end(&c->memory);
}

static int begin_planes(struct pipewire_capture *c)
{
    const struct picture *picture = &c->stream.picture;
    int r = 0;

    for (unsigned i = 0; i < picture->format->planes && r == 0; i++) {
        if (i >= c->into->planes || c->into->plane[i]->size < picture->plane_size[i])
            return -EINVAL;
        c->planes[i] = buffer_data(c->into->plane[i]->buffer);
        if (c->planes[i] == NULL)
            return -errno;
        r = buffer_begin(c->into->plane[i]->buffer, BUFFER_WRITE);
        c->into->bytesused[i] = picture->plane_size[i];
    }
    return r;
}

static void finish_buffer(struct pipewire_capture *c)
{
    struct queue_buffer *buffer = c->into;

    for (unsigned i = 0; i < buffer->planes; i++)
        buffer_end(buffer->plane[i]->buffer, BUFFER_WRITE);
    if (c->result != 0 && log_limit_allows(&c->limit))
        log_warning("pipewire: could not fill buffer %u: error %d", buffer->index, -c->result);
    buffer->flags = c->result != 0 ? V4L2_BUF_FLAG_ERROR : 0;
    c->into = NULL;
    capture_moves(c->context);
    buffer_queue_done(c->queue, buffer);
    stats_add(&stats_of(c)->frames, 1);
}

static void give_back(struct pipewire_capture *c, struct pw_buffer **buffer)
{
    if (*buffer != NULL && c->camera != NULL)
        pipewire_stream_give(c->camera, *buffer);
    *buffer = NULL;
}

/* The newest frame cannot be had. */
static void skip_frame(struct pipewire_capture *c, int result)
{
    if (log_limit_allows(&c->limit))
        log_warning("pipewire: a frame of the camera is left out: %s",
                    result == -EMSGSIZE    ? "it is too short"
                    : result == -EBADMSG   ? "the camera says that it is broken"
                    : result == -ENODATA   ? "it is empty"
                    : result == -EOVERFLOW ? "its memory is shorter than is said"
                                           : strerror(-result));
    stats_add(&stats_of(c)->frames_dropped, 1);
    give_back(c, &c->newest);
}

/* Gives the newest frame to a thread, if there is one, and a buffer of the guest's, and the last is
 * done. */
static void feed(struct pipewire_capture *c)
{
    int r;

    if (c->newest == NULL || job_busy(&c->job))
        return;
    r = pipewire_stream_locate(c->camera, c->newest, &c->frame);
    if (r != 0) {
        skip_frame(c, r);
        return;
    }
    c->into = buffer_queue_take(c->queue);
    if (c->into == NULL) {
        stats_add(&stats_of(c)->frames_dropped, 1);
        c->sequence++;
        give_back(c, &c->newest);
        return;
    }
    c->into->sequence = c->sequence++;
    c->into->timestamp = pipewire_format_time(c->newest->buffer, units_now_ns() / 1000 * 1000);
    c->from = c->newest;
    c->newest = NULL;
    c->memory = *pipewire_stream_memory(c->from);
    c->result = begin_planes(c);
    if (c->result == 0) {
        job_give(&c->media->jobs, &c->job);
        return;
    }
    finish_buffer(c);
    give_back(c, &c->from);
}

static void job_done(struct job *job)
{
    struct pipewire_capture *c = capture_of_job(job);

    finish_buffer(c);
    give_back(c, &c->from);
    context_settled(c->context);
    feed(c);
}

/* Ends what a thread does, at most one frame's work; the guest's buffer waits for another. */
static void abandon(struct pipewire_capture *c)
{
    if (!job_busy(&c->job))
        return;
    job_take_back(&c->media->jobs, &c->job);
    for (unsigned i = 0; i < c->into->planes; i++)
        buffer_end(c->into->plane[i]->buffer, BUFFER_WRITE);
    buffer_queue_untake(c->queue, c->into);
    c->into = NULL;
    give_back(c, &c->from);
}

/* Whether the guest wants no frame so soon after the last. */
static bool is_early(struct pipewire_capture *c)
{
    uint64_t now = units_now_ns();
    uint64_t interval =
        (uint64_t)c->stream.interval.numerator * 1000000000u / c->stream.interval.denominator;

    if (now + interval / 4 < c->due)
        return true;
    c->due = c->due + interval > now ? c->due + interval : now + interval;
    return false;
}

static void on_frames(void *data)
{
    struct pipewire_capture *c = data;
    unsigned older;
    struct pw_buffer *buffer = pipewire_stream_take(c->camera, &older);

    if (buffer == NULL)
        return;
    stats_add(&stats_of(c)->frames_dropped, older);
    c->sequence += older;
    if (is_early(c)) {
        give_back(c, &buffer);
        return;
    }
    if (c->newest != NULL) {
        stats_add(&stats_of(c)->frames_dropped, 1);
        c->sequence++;
        give_back(c, &c->newest);
    }
    c->newest = buffer;
    feed(c);
}

static void on_forget(void *data, struct pw_buffer *buffer)
{
    struct pipewire_capture *c = data;

    if (c->newest == buffer)
        c->newest = NULL;
    if (c->from != buffer)
        return;
    c->from = NULL;
    abandon(c);
    /* An ioctl that waits for it might destroy the stream, whose event this is. */
    c->settled = true;
    pipewire_remote_later(c->camera->remote);
}

static const struct pipewire_stream_events camera_events = {
    .frames = on_frames,
    .forget = on_forget,
};

/* ---- life ---- */

void pipewire_capture_init(struct pipewire_capture *capture, struct media *media)
{
    *capture = (struct pipewire_capture){
        .media = media,
        .job = {.run = job_run, .done = job_done},
    };
}

int pipewire_capture_start(struct pipewire_capture *capture, struct context *context,
                           const struct media_stream *stream, struct buffer_queue *queue)
{
    int r = job_pool_hold(&capture->media->jobs);

    if (r != 0)
        return r;
    capture->context = context;
    capture->stream = *stream;
    capture->queue = queue;
    capture->sequence = capture->first;
    capture->first = 0;
    capture->due = 0;
    capture->settled = false;
    return 0;
}

void pipewire_capture_stop(struct pipewire_capture *capture)
{
    if (capture->queue == NULL)
        return;
    pipewire_capture_close(capture);
    capture->queue = NULL;
    job_pool_release(&capture->media->jobs);
}

int pipewire_capture_open(struct pipewire_capture *capture, struct pipewire_remote *remote,
                          const char *target)
{
    capture->camera =
        pipewire_stream_create(remote, &capture->stream, target, &camera_events, capture);
    return capture->camera != NULL ? 0 : -errno;
}

void pipewire_capture_close(struct pipewire_capture *capture)
{
    struct pipewire_stream *camera = capture->camera;

    abandon(capture);
    give_back(capture, &capture->newest);
    capture->camera = NULL;
    pipewire_stream_destroy(camera);
}

bool pipewire_capture_busy(const struct pipewire_capture *capture)
{
    return job_busy(&capture->job);
}

void pipewire_capture_settle(struct pipewire_capture *capture)
{
    if (!capture->settled)
        return;
    capture->settled = false;
    context_settled(capture->context);
}
