/* SPDX-License-Identifier: MIT */
#include "media/file_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "media/capture.h"
#include "media/file_options.h"
#include "media/frame_access.h"
#include "media/media.h"

/* Frames that a job passes over at most. */
#define SKIP_STEP 64u

static void end_access(struct file_stream *file)
{
    if (file->access)
        frame_access_end(&file->stream.picture, file->buffer);
    file->access = false;
}

static int begin_access(struct file_stream *file)
{
    int r = frame_access_begin(&file->stream.picture, file->buffer, file->planes);

    file->access = r == 0;
    return r;
}

/* Gives the buffer in hand to the guest. */
static void deliver(struct file_stream *file, uint64_t timestamp, uint32_t flags)
{
    struct queue_buffer *buffer = file->buffer;
    bool empty = (flags & (V4L2_BUF_FLAG_LAST | V4L2_BUF_FLAG_ERROR)) != 0;

    end_access(file);
    timestamp -= timestamp % 1000;
    if (timestamp <= file->timestamp)
        timestamp = file->timestamp + 1000;
    for (unsigned i = 0; i < buffer->planes; i++)
        buffer->bytesused[i] = empty ? 0 : file->stream.picture.plane_size[i];
    buffer->sequence = file->sequence++;
    buffer->timestamp = timestamp;
    buffer->flags = flags;
    file->buffer = NULL;
    file->whole = file->due = false;
    file->timestamp = timestamp;
    capture_moves(file->source->context);
    buffer_queue_done(file->queue, buffer);
}

static void deliver_frame(struct file_stream *file, uint64_t timestamp)
{
    stats_add(&file->media->device.host->stats->frames, 1);
    capture_frame_begins(file->source->context, file->sequence);
    file->frames++;
    deliver(file, timestamp, 0);
}

/* The guest's programs hear of the end as they do from a decoder: an empty buffer, the last. */
static void deliver_end(struct file_stream *file)
{
    file->over = true;
    capture_source_ended(file->source->context);
    deliver(file, units_now_ns(), V4L2_BUF_FLAG_LAST);
}

/* Takes the next buffer in hand, open for reading and writing; but the one for the end. */
static bool take_buffer(struct file_stream *file)
{
    int r;

    if (file->buffer != NULL)
        return true;
    file->buffer = buffer_queue_take(file->queue);
    if (file->buffer == NULL)
        return false;
    r = file->ended ? 0 : begin_access(file);
    if (r == 0)
        return true;
    log_stranger("file: buffer %u cannot be filled: error %d", file->buffer->index, -r);
    deliver(file, units_now_ns(), V4L2_BUF_FLAG_ERROR);
    return false;
}

/* Does what can be done now. */
void file_stream_advance(struct file_stream *file)
{
    if (file->queue == NULL || file->over || file->stuck || file->whole || job_busy(&file->job) ||
        file_watch_waits(&file->watch))
        return;
    if (!take_buffer(file))
        return;
    if (file->ended)
        deliver_end(file);
    else
        job_give(&file->media->jobs, &file->job);
}

/* Passes over frames that another worker gave, not too many in one step. FRAME_READY: it is there.
 */
static enum frame_outcome skip(struct file_stream *file)
{
    struct frame_reader *reader = file->reader;

    for (unsigned i = 0; i < SKIP_STEP && file->skip > 0; i++) {
        enum frame_outcome outcome = reader->impl->next(reader);

        if (outcome == FRAME_READY)
            file->skip--;
        if (outcome == FRAME_READY)
            reader->impl->pass(reader);
        else if (outcome != FRAME_AGAIN)
            return outcome;
        if (reader->round > 0) /* whole rounds of a loop lead nowhere */
            file->skip %= reader->round;
    }
    return file->skip > 0 ? FRAME_AGAIN : FRAME_READY;
}

static void run(struct job *job)
{
    struct file_stream *file = (void *)((char *)job - offsetof(struct file_stream, job));
    struct frame_reader *reader = file->reader;
    enum frame_outcome outcome = FRAME_READY;

    if (file->reopen && reader->impl->open(reader) != 0)
        outcome = FRAME_BAD;
    file->reopen = false;
    if (outcome == FRAME_READY && file->skip > 0)
        outcome = skip(file);
    while (outcome == FRAME_READY) {
        outcome = reader->impl->next(reader);
        if (outcome == FRAME_READY) {
            outcome = reader->impl->take(reader, &file->stream.picture, file->planes);
            if (outcome == FRAME_READY)
                break;
        }
        if (outcome == FRAME_AGAIN)
            outcome = FRAME_READY;
    }
    file->outcome = outcome;
}

/* What is wrong with the file, once: a loop meets it again and again. */
static void say(struct file_stream *file)
{
    const char *why = file->reader->why;

    if (*why != '\0' && strcmp(why, file->said) != 0)
        log_warning("file: %s: %s", file->options->file, why);
    snprintf(file->said, sizeof(file->said), "%s", why);
    file->reader->why[0] = '\0';
}

/* The reader may have met other frames than before. Only while the job is in. */
static void look_at_shape(struct file_stream *file)
{
    const struct frame_shape *shape = &file->reader->shape;
    bool same = shape->known == file->shape.known &&
                shape->picture.format == file->shape.picture.format &&
                shape->picture.width == file->shape.picture.width &&
                shape->picture.height == file->shape.picture.height &&
                shape->interval.numerator == file->shape.interval.numerator &&
                shape->interval.denominator == file->shape.interval.denominator;

    if (same)
        return;
    file->shape = *shape;
    log_info("file: %s: frames of %ux%u, %s", file->options->file, shape->picture.width,
             shape->picture.height, shape->picture.format->description);
    if (file->source->context != NULL)
        capture_source_changed(file->source->context);
}

/* Opens it anew, after a while. */
static void open_later(struct file_stream *file)
{
    file->reader->impl->close(file->reader);
    file->reopen = true;
    file_watch_later(&file->watch);
}

static void await_input(struct file_stream *file)
{
    int r = file_watch_input(&file->watch, file->reader->impl->fd(file->reader));

    if (r == 0)
        return;
    log_stranger("file: %s cannot be waited for: error %d", file->options->file, -r);
    open_later(file);
}

/* A FIFO tells of its next writer; at a socket one has to ask. */
static void await_writer(struct file_stream *file)
{
    if (file->reader->connects)
        open_later(file);
    else if (file->reader->impl->open(file->reader) == 0)
        await_input(file);
    else
        open_later(file);
    say(file);
}

static void await_growth(struct file_stream *file)
{
    int r = file_watch_growth(&file->watch, file->options->file);

    if (r == 0)
        return;
    log_stranger("file: %s is looked at again and again, for want of inotify: error %d",
                 file->options->file, -r);
    file_watch_later(&file->watch);
}

static void do_not_fit(struct file_stream *file)
{
    const struct picture *has = &file->shape.picture, *wants = &file->stream.picture;

    file->stuck = true;
    log_warning("file: %s: its frames are %ux%u (%s), the guest has set %ux%u (%s): it waits until "
                "the guest starts a stream that fits",
                file->options->file, has->width, has->height, has->format->description,
                wants->width, wants->height, wants->format->description);
}

static void take_outcome(struct file_stream *file)
{
    bool stream = file->reader->stream;

    switch (file->outcome) {
    case FRAME_READY:
        file->whole = true;
        if (!file->clocked || file->due)
            deliver_frame(file, units_now_ns());
        break;
    case FRAME_AGAIN: /* there is more to pass over */
        break;
    case FRAME_WAIT:
        if (file->reader->impl->fd(file->reader) >= 0)
            await_input(file);
        else
            await_growth(file);
        break;
    case FRAME_GONE:
        await_writer(file);
        break;
    case FRAME_BAD: /* a writer is told by EPIPE, and has time to notice */
        if (stream)
            open_later(file);
        else
            file->ended = true;
        break;
    case FRAME_END:
        file->ended = true;
        break;
    case FRAME_OTHER:
        do_not_fit(file);
        break;
    }
    file->outcome = FRAME_WAIT;
}

static void done(struct job *job)
{
    struct file_stream *file = (void *)((char *)job - offsetof(struct file_stream, job));

    say(file);
    look_at_shape(file);
    take_outcome(file);
    /* It may stop the stream. */
    context_settled(file->source->context);
    file_stream_advance(file);
}

/* Nobody streams, and a stream that is to come has not said its size: the guest is to know it. */
static void look_ahead(struct file_stream *file)
{
    struct frame_reader *reader = file->reader;

    if (!reader->stream || reader->shape.known)
        return;
    file->outcome = FRAME_BAD;
    if (!file->reopen || reader->impl->open(reader) == 0) {
        file->reopen = false;
        file->outcome = reader->impl->next(reader);
    }
    say(file);
    look_at_shape(file);
    if (file->outcome == FRAME_WAIT)
        await_input(file);
    else if (file->outcome == FRAME_GONE)
        await_writer(file);
    else if (file->outcome != FRAME_READY)
        open_later(file);
}

static void on_more(void *data)
{
    struct file_stream *file = data;

    if (file->queue != NULL)
        file_stream_advance(file);
    else
        look_ahead(file);
}

static void on_tick(void *data, uint64_t tick, uint64_t timestamp, uint64_t missed)
{
    struct file_stream *file = data;

    if (file->over) {
        frame_clock_stop(&file->clock);
        return;
    }
    if (file->whole) {
        deliver_frame(file, timestamp);
    } else {
        file->due = true;
        stats_add(&file->media->device.host->stats->frames_dropped, file->buffer == NULL);
    }
    file_stream_advance(file);
}

static bool wants_clock(const struct file_stream *file)
{
    if (file->options->pace == MEDIA_PACE_AUTO)
        return !file->reader->stream;
    return file->options->pace == MEDIA_PACE_RATE;
}

void file_stream_leave(const struct file_stream *file, struct source_position *position)
{
    position->words[0] = file->clocked ? file->clock.start : 0;
    position->words[1] = file->clocked ? file->clock.next : 0;
    position->words[2] = (uint64_t)file->frames << 32 | file->sequence;
    position->words[3] = file->timestamp << 1 | file->over;
}

void file_stream_resume(struct file_stream *file, const struct source_position *position)
{
    file->resumes = true;
    file->position = *position;
}

/* Goes on where another worker was. */
static void go_on(struct file_stream *file)
{
    const uint64_t *at = file->position.words;

    if (!file->resumes)
        return;
    file->resumes = false;
    if (file->clocked && frame_clock_set(&file->clock, at[0], at[1]) != 0)
        log_warning("file: the place of the clock is damaged: it begins anew");
    file->frames = (uint32_t)(at[2] >> 32);
    file->sequence = (uint32_t)at[2];
    file->timestamp = at[3] >> 1 < units_now_ns() ? at[3] >> 1 : 0;
    file->over = (at[3] & 1) != 0;
    if (!file->reader->stream)
        file->skip = file->frames;
}

int file_stream_start(struct file_stream *file, const struct media_stream *stream,
                      struct buffer_queue *queue)
{
    int r = job_pool_hold(&file->media->jobs);

    if (r != 0)
        return r;
    file->clocked = wants_clock(file);
    if (file->clocked)
        r = frame_clock_start(&file->clock, file->media->device.host->loop,
                              stream->interval.numerator, stream->interval.denominator, on_tick,
                              file);
    if (r != 0) {
        job_pool_release(&file->media->jobs);
        return r;
    }
    file_watch_stop(&file->watch);
    file->queue = queue;
    file->stream = *stream;
    file->reopen = file->reopen || file->waits || !file->reader->stream;
    file->waits = false;
    file->whole = file->due = file->ended = file->over = file->stuck = false;
    file->sequence = file->frames = file->skip = 0;
    file->timestamp = 0;
    go_on(file);
    file_stream_advance(file);
    return 0;
}

void file_stream_stop(struct file_stream *file)
{
    if (file->queue == NULL)
        return;
    job_take_back(&file->media->jobs, &file->job);
    end_access(file);
    frame_clock_stop(&file->clock);
    file_watch_finish(&file->watch);
    file->buffer = NULL;
    file->queue = NULL;
    if (file->outcome == FRAME_GONE || file->outcome == FRAME_BAD)
        file->reopen = true; /* nobody has looked at it yet */
    if (file->reader->stream)
        file->reader->impl->forsake(file->reader);
    else
        file->reader->impl->close(file->reader);
    look_at_shape(file);
    job_pool_release(&file->media->jobs);
    look_ahead(file);
}

void file_stream_serve(struct file_stream *file)
{
    if (!file->waits)
        return;
    file->waits = false;
    file->reopen = file->reader->impl->open(file->reader) != 0;
    look_ahead(file);
}

/* Looks at what there is, but not into a stream: another worker may be reading it, beside which
 * this one is only tried. False after a line in the log. */
static bool look_first(struct file_stream *file)
{
    const struct frame_reader_impl *impl = file->reader->impl;
    int r = impl->reach(file->reader);

    file->waits = r == 0 && file->reader->stream;
    if (file->waits)
        return true;
    if (r == 0)
        r = impl->open(file->reader);
    if (r == 0 && file_options_look(file->reader) == FRAME_READY)
        return true;
    log_error("file: %s: %s", file->options->file, file->reader->why);
    return false;
}

int file_stream_init(struct file_stream *file, struct source *source, struct media *media,
                     const struct media_options *options)
{
    const char *why;

    *file = (struct file_stream){
        .source = source,
        .media = media,
        .options = options,
        .reader = file_options_reader(options, &why),
        .job = {.run = run, .done = done},
    };
    file_watch_init(&file->watch, media->device.host->loop, on_more, file);
    if (file->reader == NULL) {
        log_error("file: %s: %s", options->file, why);
        return -EINVAL;
    }
    if (!look_first(file))
        return -EINVAL;
    if (!file->reader->stream)
        file->reader->impl->close(file->reader);
    file->shape = file->reader->shape;
    return 0;
}

void file_stream_finish(struct file_stream *file)
{
    file_stream_stop(file);
    file_watch_finish(&file->watch);
    if (file->reader != NULL)
        file->reader->impl->destroy(file->reader);
    file->reader = NULL;
}
