/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/backdrop.h"
#include "media/canvas.h"
#include "media/capture.h"
#include "media/estate.h"
#include "media/frame_access.h"
#include "media/frame_clock.h"
#include "media/media.h"
#include "media/pattern_look.h"
#include "protocol/frame_stamp.h"

/*
 * A camera that needs no hardware: a test card with a moving marker and the frame's number, stamped
 * so that a reader can tell that it got all of the right frame (protocol/frame_stamp.h).
 */
struct kind_pattern {
    struct source source;
    sd_event *loop;      /* borrowed */
    struct stats *stats; /* borrowed */
    bool multiplanar;
    struct buffer_queue *queue; /* while it streams; borrowed */
    struct frame_clock clock;
    struct media_stream stream;
    uint64_t frames;                 /* of this stream */
    struct source_position position; /* to go on from, if: */
    bool resumes;
    struct backdrop backdrop; /* the test card, drawn once per look */
    struct control_set controls;
    struct pattern_look look;
    bool look_changed; /* since the backdrop was drawn */
};

#define MIN_WIDTH 128u
#define MIN_HEIGHT 96u
#define MAX_WIDTH 4096u
#define MAX_HEIGHT 2160u
/* So that every plane is a multiple of 8 bytes (protocol/frame_stamp.h). */
#define WIDTH_STEP 8u
#define HEIGHT_STEP 2u
#define MAX_RATE 120u
#define NUMBER_DIGITS 8u

_Static_assert(MAX_WIDTH *MAX_HEIGHT * 3 <= CANVAS_TOUCHED_BYTES, "every plane is taken note of");

static struct kind_pattern *pattern_of(struct source *source)
{
    return (struct kind_pattern *)(void *)((char *)source - offsetof(struct kind_pattern, source));
}

/* The last has several planes. */
static const uint32_t fourccs[] = {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_RGB24,
                                   V4L2_PIX_FMT_NV12M};
#define FOURCCS (sizeof(fourccs) / sizeof(fourccs[0]))

static const struct pixel_format *any_format(unsigned index)
{
    return index < FOURCCS ? pixel_format_find(fourccs[index]) : NULL;
}

static const struct pixel_format *pattern_format(struct source *source, unsigned index)
{
    return index < FOURCCS - !pattern_of(source)->multiplanar ? any_format(index) : NULL;
}

static void pattern_sizes(struct source *source, struct v4l2_frmsize_stepwise *sizes)
{
    *sizes = (struct v4l2_frmsize_stepwise){MIN_WIDTH,  MAX_WIDTH,  WIDTH_STEP,
                                            MIN_HEIGHT, MAX_HEIGHT, HEIGHT_STEP};
}

static void pattern_intervals(struct source *source, struct v4l2_frmival_stepwise *intervals)
{
    *intervals = (struct v4l2_frmival_stepwise){{1, MAX_RATE}, {1, 1}, {1, 1}};
}

static struct canvas canvas_of(const struct kind_pattern *pattern)
{
    struct canvas canvas = {.picture = &pattern->stream.picture};

    pattern_look_apply(&pattern->look, &canvas);
    return canvas;
}

static void draw_backdrop(struct kind_pattern *pattern)
{
    struct canvas canvas = canvas_of(pattern);

    memcpy(canvas.planes, pattern->backdrop.planes, sizeof(canvas.planes));
    pattern_look_draw_card(&pattern->look, &canvas);
    backdrop_sum(&pattern->backdrop);
    pattern->look_changed = false;
}

/* What changes from frame to frame. */
static void draw_frame(const struct kind_pattern *pattern, const struct canvas *canvas,
                       uint64_t sequence)
{
    uint32_t width = canvas->picture->width, height = canvas->picture->height;

    pattern_look_draw_marker(&pattern->look, canvas, sequence);
    canvas_number(canvas, width / 8 & ~1u, height / 4, width / 64 & ~1u, NUMBER_DIGITS, sequence);
}

static void stamp_frame(const struct backdrop *backdrop, const struct canvas *canvas,
                        uint64_t sequence, uint64_t timestamp)
{
    struct frame_stamp stamp = {
        .magic = FRAME_STAMP_MAGIC, .sequence = sequence, .timestamp = timestamp};
    uint64_t sum;

    memcpy(canvas->planes[0], &stamp, sizeof(stamp));
    canvas_touch(canvas, 0, 0, sizeof(stamp));
    sum = backdrop_frame_sum(backdrop, canvas->planes, canvas->touched);
    memcpy(canvas->planes[0] + offsetof(struct frame_stamp, sum), &sum, sizeof(sum));
}

static int fill(struct kind_pattern *pattern, struct queue_buffer *buffer, uint64_t sequence,
                uint64_t timestamp)
{
    struct canvas_touched touched = {0};
    struct canvas canvas = canvas_of(pattern);
    int r = frame_access_begin(canvas.picture, buffer, canvas.planes);

    if (r != 0)
        return r;
    canvas.touched = &touched;
    for (unsigned i = 0; i < canvas.picture->format->planes; i++) {
        buffer->bytesused[i] = canvas.picture->plane_size[i];
        memcpy(canvas.planes[i], pattern->backdrop.planes[i], buffer->bytesused[i]);
    }
    draw_frame(pattern, &canvas, sequence);
    stamp_frame(&pattern->backdrop, &canvas, sequence, timestamp);
    frame_access_end(canvas.picture, buffer);
    return 0;
}

static void on_tick(void *data, uint64_t tick, uint64_t timestamp, uint64_t missed)
{
    struct kind_pattern *pattern = data;
    uint32_t sequence = (uint32_t)tick; /* wraps, as V4L2's does */
    struct queue_buffer *buffer;
    int r;

    pattern->frames = tick + 1;
    capture_moves(pattern->source.context);
    capture_frame_begins(pattern->source.context, sequence);
    buffer = buffer_queue_take(pattern->queue);
    if (missed > 0)
        log_debug("pattern: %llu ticks passed over, the loop was busy", (unsigned long long)missed);
    stats_add(&pattern->stats->frames_dropped, missed + (buffer == NULL));
    if (buffer == NULL)
        return;
    if (pattern->look_changed)
        draw_backdrop(pattern);
    r = fill(pattern, buffer, sequence, timestamp);
    if (r != 0)
        log_warning("pattern: could not fill buffer %u: error %d", buffer->index, -r);
    buffer->sequence = sequence;
    buffer->timestamp = timestamp;
    buffer->flags = r != 0 ? V4L2_BUF_FLAG_ERROR : 0;
    buffer_queue_done(pattern->queue, buffer);
    stats_add(&pattern->stats->frames, 1);
}

static void pattern_leave(const struct source *source, struct source_position *position)
{
    const struct kind_pattern *pattern = pattern_of((struct source *)(uintptr_t)source);

    position->words[0] = pattern->clock.start;
    position->words[1] = pattern->frames;
}

static void pattern_resume(struct source *source, const struct source_position *position)
{
    pattern_of(source)->resumes = true;
    pattern_of(source)->position = *position;
}

/* Goes on where another worker was, if the clock can have come there. */
static void go_on(struct kind_pattern *pattern)
{
    const uint64_t *at = pattern->position.words;

    if (pattern->resumes && frame_clock_set(&pattern->clock, at[0], at[1]) == 0)
        pattern->frames = at[1];
    else if (pattern->resumes)
        log_warning("pattern: the place of the stream is damaged: it begins anew");
    pattern->resumes = false;
}

static int pattern_start(struct source *source, const struct media_stream *stream,
                         struct buffer_queue *queue)
{
    struct kind_pattern *pattern = pattern_of(source);
    int r;

    pattern->stream = *stream;
    pattern->queue = queue;
    pattern->frames = 0;
    pattern_look_read(&pattern->look, &pattern->controls);
    r = backdrop_init(&pattern->backdrop, &stream->picture);
    if (r != 0)
        return r;
    draw_backdrop(pattern);
    r = frame_clock_start(&pattern->clock, pattern->loop, stream->interval.numerator,
                          stream->interval.denominator, on_tick, pattern);
    if (r != 0)
        backdrop_finish(&pattern->backdrop);
    else
        go_on(pattern);
    return r;
}

static void pattern_stop(struct source *source)
{
    struct kind_pattern *pattern = pattern_of(source);

    frame_clock_stop(&pattern->clock);
    backdrop_finish(&pattern->backdrop);
}

static void pattern_destroy(struct source *source)
{
    struct kind_pattern *pattern = pattern_of(source);

    pattern_stop(source);
    control_set_finish(&pattern->controls);
    free(pattern);
}

static const struct source_impl pattern_source = {
    .format = pattern_format,
    .sizes = pattern_sizes,
    .intervals = pattern_intervals,
    .start = pattern_start,
    .stop = pattern_stop,
    .leave = pattern_leave,
    .resume = pattern_resume,
    .destroy = pattern_destroy,
};

static struct kind_pattern *pattern_of_context(struct context *context)
{
    return (struct kind_pattern *)(void *)((char *)context->controls -
                                           offsetof(struct kind_pattern, controls));
}

static void refresh(struct context *context, struct control *control)
{
    if (control->spec->id == PATTERN_CID_FRAMES)
        control->value = (int64_t)(pattern_of_context(context)->frames & INT32_MAX);
}

static void changed(struct context *context, struct control *control)
{
    struct kind_pattern *pattern = pattern_of_context(context);

    pattern_look_read(&pattern->look, &pattern->controls);
    pattern->look_changed = true;
}

static const struct control_set_ops control_ops = {.refresh = refresh, .changed = changed};

static struct media_kind *pattern_create(const struct media_kind_host *host)
{
    struct kind_pattern *pattern = calloc(1, sizeof(*pattern));
    const struct control_spec *specs;
    unsigned count;

    if (pattern == NULL)
        return NULL;
    specs = pattern_look_specs(&count);
    if (control_set_init(&pattern->controls, NULL, &control_ops, specs, count) != 0) {
        control_set_finish(&pattern->controls);
        free(pattern);
        errno = ENOMEM;
        return NULL;
    }
    pattern->source =
        (struct source){.impl = &pattern_source, .syncs = true, .controls = &pattern->controls};
    pattern->loop = host->media->device.host->loop;
    pattern->stats = host->media->device.host->stats;
    pattern->multiplanar = host->options->multiplanar;
    return capture_create(host, &pattern->source);
}

const struct media_kind_impl kind_pattern_impl = {
    .name = "pattern",
    .description =
        "a test card with a marker, a frame counter and a checksum, on a real frame clock",
    .format = any_format,
    .caps = capture_caps,
    .create = pattern_create,
};
