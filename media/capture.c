/* SPDX-License-Identifier: MIT */
#include "media/capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/estate.h"
#include "media/media.h"
#include "media/subscription.h"

#define DEFAULT_WIDTH 1280u
#define DEFAULT_HEIGHT 720u

struct capture {
    struct media_kind kind;
    struct context context;
    struct source *source;
    struct media_stream stream;
    struct source_position position; /* to go on from, if: */
    bool resumes;
    bool runs;  /* the source does */
    bool stale; /* the source has changed since 'stream' was fitted to it */
    struct buffer_queue queue;
};

static struct capture *capture_of(struct context *context)
{
    return (struct capture *)(void *)((char *)context - offsetof(struct capture, context));
}

static struct capture *capture_of_kind(struct media_kind *kind)
{
    return (struct capture *)(void *)((char *)kind - offsetof(struct capture, kind));
}

static const struct pixel_format *format_at(struct capture *capture, unsigned index)
{
    return capture->source->impl->format(capture->source, index);
}

static void sizes_of(struct capture *capture, struct v4l2_frmsize_stepwise *sizes)
{
    capture->source->impl->sizes(capture->source, sizes);
}

static void intervals_of(struct capture *capture, struct v4l2_frmival_stepwise *intervals)
{
    capture->source->impl->intervals(capture->source, intervals);
}

static const struct pixel_format *offered(struct capture *capture, uint32_t fourcc)
{
    const struct pixel_format *format;

    for (unsigned i = 0; (format = format_at(capture, i)) != NULL; i++)
        if (format->fourcc == fourcc)
            return format;
    return NULL;
}

/* The multiple of 'step' from 'min' on that is nearest to 'value'. */
static uint32_t fit(uint32_t value, uint32_t min, uint32_t max, uint32_t step)
{
    if (value <= min)
        return min;
    if (value >= max)
        return max;
    value = min + (value - min + step / 2) / step * step;
    return value <= max ? value : max;
}

/* Whether a is shorter than b. */
static bool shorter(struct v4l2_fract a, struct v4l2_fract b)
{
    return (uint64_t)a.numerator * b.denominator < (uint64_t)b.numerator * a.denominator;
}

/* The nearest thing to a size and a format, whatever they are. */
static void fit_picture(struct capture *capture, uint32_t fourcc, uint32_t width, uint32_t height,
                        struct picture *picture)
{
    const struct pixel_format *format = offered(capture, fourcc);
    struct v4l2_frmsize_stepwise sizes;

    sizes_of(capture, &sizes);
    picture_init(picture, format != NULL ? format : format_at(capture, 0),
                 fit(width, sizes.min_width, sizes.max_width, sizes.step_width),
                 fit(height, sizes.min_height, sizes.max_height, sizes.step_height));
}

static struct v4l2_fract fit_interval(struct capture *capture, struct v4l2_fract wish)
{
    struct v4l2_frmival_stepwise can;

    intervals_of(capture, &can);
    if (shorter(wish, can.min))
        return can.min;
    return shorter(can.max, wish) ? can.max : wish;
}

/* Fits what is set to a source that has changed, unless buffers of the old size are there. */
static void refresh(struct capture *capture)
{
    struct picture *picture = &capture->stream.picture;

    if (!capture->stale || capture->queue.count > 0)
        return;
    capture->stale = false;
    fit_picture(capture, picture->format->fourcc, picture->width, picture->height, picture);
    capture->stream.interval = fit_interval(capture, capture->stream.interval);
    estate_context(&capture->context);
}

static void answer_format(const struct capture *capture, const struct picture *picture,
                          struct v4l2_format *format)
{
    memset(&format->fmt, 0, sizeof(format->fmt));
    if (V4L2_TYPE_IS_MULTIPLANAR(capture->queue.type))
        picture_to_pix_mp(picture, &format->fmt.pix_mp);
    else
        picture_to_pix(picture, &format->fmt.pix);
}

static int enum_fmt(struct context *context, struct buffer_queue *queue, struct v4l2_fmtdesc *desc)
{
    const struct pixel_format *format = format_at(capture_of(context), desc->index);

    if (format == NULL)
        return -EINVAL;
    desc->pixelformat = format->fourcc;
    snprintf((char *)desc->description, sizeof(desc->description), "%s", format->description);
    return 0;
}

static int g_fmt(struct context *context, struct buffer_queue *queue, struct v4l2_format *format)
{
    struct capture *capture = capture_of(context);

    refresh(capture);
    answer_format(capture, &capture->stream.picture, format);
    return 0;
}

_Static_assert(offsetof(struct v4l2_pix_format, pixelformat) ==
                   offsetof(struct v4l2_pix_format_mplane, pixelformat),
               "read as one");

static int try_fmt(struct context *context, struct buffer_queue *queue, struct v4l2_format *format)
{
    struct capture *capture = capture_of(context);
    const struct v4l2_pix_format *wish = &format->fmt.pix;
    struct picture picture;

    fit_picture(capture, wish->pixelformat, wish->width, wish->height, &picture);
    answer_format(capture, &picture, format);
    return 0;
}

static int s_fmt(struct context *context, struct buffer_queue *queue, struct v4l2_format *format)
{
    struct capture *capture = capture_of(context);
    const struct v4l2_pix_format *wish = &format->fmt.pix;

    fit_picture(capture, wish->pixelformat, wish->width, wish->height, &capture->stream.picture);
    answer_format(capture, &capture->stream.picture, format);
    return 0;
}

static int enum_framesizes(struct context *context, struct v4l2_frmsizeenum *sizes)
{
    if (sizes->index != 0 || offered(capture_of(context), sizes->pixel_format) == NULL)
        return -EINVAL;
    sizes->type = V4L2_FRMSIZE_TYPE_STEPWISE;
    sizes_of(capture_of(context), &sizes->stepwise);
    if (sizes->stepwise.min_width == sizes->stepwise.max_width &&
        sizes->stepwise.min_height == sizes->stepwise.max_height) {
        struct v4l2_frmsize_discrete only = {sizes->stepwise.min_width, sizes->stepwise.min_height};

        sizes->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        memset(&sizes->stepwise, 0, sizeof(sizes->stepwise));
        sizes->discrete = only;
    }
    return 0;
}

static bool on_grid(uint32_t value, uint32_t min, uint32_t max, uint32_t step)
{
    return fit(value, min, max, step) == value;
}

static int enum_frameintervals(struct context *context, struct v4l2_frmivalenum *intervals)
{
    struct capture *capture = capture_of(context);
    struct v4l2_frmsize_stepwise sizes;

    sizes_of(capture, &sizes);
    if (intervals->index != 0 || offered(capture, intervals->pixel_format) == NULL ||
        !on_grid(intervals->width, sizes.min_width, sizes.max_width, sizes.step_width) ||
        !on_grid(intervals->height, sizes.min_height, sizes.max_height, sizes.step_height))
        return -EINVAL;
    intervals->type = V4L2_FRMIVAL_TYPE_CONTINUOUS;
    intervals_of(capture, &intervals->stepwise);
    if (!shorter(intervals->stepwise.min, intervals->stepwise.max)) {
        struct v4l2_fract only = intervals->stepwise.min;

        intervals->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        memset(&intervals->stepwise, 0, sizeof(intervals->stepwise));
        intervals->discrete = only;
    }
    return 0;
}

static int g_parm(struct context *context, struct buffer_queue *queue, struct v4l2_streamparm *parm)
{
    memset(&parm->parm, 0, sizeof(parm->parm));
    refresh(capture_of(context));
    parm->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
    parm->parm.capture.timeperframe = capture_of(context)->stream.interval;
    return 0;
}

static int s_parm(struct context *context, struct buffer_queue *queue, struct v4l2_streamparm *parm)
{
    struct capture *capture = capture_of(context);
    struct v4l2_fract wish = parm->parm.capture.timeperframe;

    if (wish.numerator == 0 || wish.denominator == 0)
        wish = (struct v4l2_fract){1, CAPTURE_DEFAULT_RATE};
    refresh(capture);
    capture->stream.interval = fit_interval(capture, wish);
    return g_parm(context, queue, parm);
}

static void layout(struct context *context, const struct buffer_queue *queue,
                   struct buffer_layout *layout)
{
    const struct picture *picture = &capture_of(context)->stream.picture;

    refresh(capture_of(context));
    *layout = (struct buffer_layout){.planes = picture->format->planes};
    for (unsigned i = 0; i < layout->planes; i++)
        layout->size[i] = picture->plane_size[i];
}

static bool busy(struct context *context)
{
    struct source *source = capture_of(context)->source;

    return source->impl->busy != NULL && source->impl->busy(source);
}

static bool has_event(struct context *context, uint32_t type, uint32_t id)
{
    const struct source *source = capture_of(context)->source;

    return (type == V4L2_EVENT_SOURCE_CHANGE && id == 0 && source->changes) ||
           (type == V4L2_EVENT_EOS && source->ends) ||
           (type == V4L2_EVENT_FRAME_SYNC && source->syncs);
}

/* ---- what outlives a worker ---- */

struct capture_estate {
    uint32_t fourcc, width, height;
    uint32_t stale;
    uint32_t numerator, denominator;
    struct source_position position;
};

_Static_assert(sizeof(struct capture_estate) <= CONTEXT_MAX_ESTATE, "it fits");

static size_t leave(const struct context *context, void *to)
{
    const struct capture *capture = capture_of((struct context *)(uintptr_t)context);
    const struct picture *picture = &capture->stream.picture;
    struct capture_estate *estate = to;

    *estate = (struct capture_estate){
        .fourcc = picture->format->fourcc,
        .width = picture->width,
        .height = picture->height,
        .stale = capture->stale,
        .numerator = capture->stream.interval.numerator,
        .denominator = capture->stream.interval.denominator,
    };
    if (capture->runs && capture->source->impl->leave != NULL)
        capture->source->impl->leave(capture->source, &estate->position);
    return sizeof(*estate);
}

static int resume(struct context *context, const void *from, size_t size)
{
    struct capture *capture = capture_of(context);
    struct capture_estate estate;

    if (size != sizeof(estate))
        return -EINVAL;
    memcpy(&estate, from, sizeof(estate));
    if (estate.numerator == 0 || estate.denominator == 0)
        return -EINVAL;
    fit_picture(capture, estate.fourcc, estate.width, estate.height, &capture->stream.picture);
    capture->stream.interval =
        fit_interval(capture, (struct v4l2_fract){estate.numerator, estate.denominator});
    capture->stale = estate.stale != 0;
    capture->position = estate.position;
    capture->resumes = true;
    return 0;
}

static void resumed(struct context *context)
{
    capture_of(context)->resumes = false; /* if it did not stream */
}

static const struct context_impl capture_context = {
    .enum_fmt = enum_fmt,
    .g_fmt = g_fmt,
    .try_fmt = try_fmt,
    .s_fmt = s_fmt,
    .enum_framesizes = enum_framesizes,
    .enum_frameintervals = enum_frameintervals,
    .g_parm = g_parm,
    .s_parm = s_parm,
    .layout = layout,
    .has_event = has_event,
    .busy = busy,
    .leave = leave,
    .resume = resume,
    .resumed = resumed,
};

static int stream_start(struct buffer_queue *queue)
{
    struct capture *capture = queue->data;

    const struct source_impl *impl = capture->source->impl;
    int r;

    if (capture->resumes && impl->resume != NULL)
        impl->resume(capture->source, &capture->position);
    capture->resumes = false;
    r = impl->start(capture->source, &capture->stream, queue);

    capture->runs = r == 0;
    estate_context(&capture->context);
    return r;
}

static void stream_stop(struct buffer_queue *queue)
{
    struct capture *capture = queue->data;

    capture->runs = false;
    capture->source->impl->stop(capture->source);
}

static void stream_queued(struct buffer_queue *queue)
{
    struct capture *capture = queue->data;

    if (capture->source->impl->queued != NULL)
        capture->source->impl->queued(capture->source);
}

static const struct buffer_queue_ops stream_ops = {
    .start = stream_start,
    .stop = stream_stop,
    .queued = stream_queued,
};

static struct context *open_context(struct media_kind *kind, uint32_t session)
{
    return &capture_of_kind(kind)->context;
}

static void close_context(struct media_kind *kind, struct context *context)
{
    /* The node stays. */
}

static void reset(struct media_kind *kind)
{
    struct capture *capture = capture_of_kind(kind);

    capture->stale = false;
    capture->context.record = 0;
    if (capture->context.controls != NULL)
        capture->context.controls->record = 0;
    capture->stream.interval = fit_interval(capture, (struct v4l2_fract){1, CAPTURE_DEFAULT_RATE});
    fit_picture(capture, 0, DEFAULT_WIDTH, DEFAULT_HEIGHT, &capture->stream.picture);
    if (capture->source->controls != NULL)
        control_set_reset(capture->source->controls);
}

static void serve(struct media_kind *kind)
{
    struct source *source = capture_of_kind(kind)->source;

    if (source->impl->serve != NULL)
        source->impl->serve(source);
}

static void destroy(struct media_kind *kind)
{
    struct capture *capture = capture_of_kind(kind);

    buffer_queue_clear(&capture->queue);
    capture->source->impl->destroy(capture->source);
    free(capture);
}

static const struct media_kind_ops capture_ops = {
    .open = open_context,
    .close = close_context,
    .serve = serve,
    .reset = reset,
    .destroy = destroy,
};

static uint32_t queue_type(const struct media_options *options)
{
    return options->multiplanar ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
}

struct media_kind *capture_create(const struct media_kind_host *host, struct source *source)
{
    struct capture *capture = calloc(1, sizeof(*capture));

    if (capture == NULL) {
        source->impl->destroy(source);
        errno = ENOMEM;
        return NULL;
    }
    capture->kind.ops = &capture_ops;
    capture->source = source;
    source->context = &capture->context;
    buffer_queue_init(&capture->queue, queue_type(host->options), &host->media->window,
                      &host->media->events, &stream_ops, capture);
    capture->queue.takes_user = true;
    capture->context = (struct context){
        .impl = &capture_context,
        .media = host->media,
        .input = host->options->kind != NULL ? host->options->kind : MEDIA_DEFAULT_KIND,
        .capture = &capture->queue,
        .controls = source->controls,
    };
    capture->kind.shared = &capture->context;
    if (source->controls != NULL)
        source->controls->context = &capture->context;
    reset(&capture->kind);
    return &capture->kind;
}

uint32_t capture_caps(const struct media_options *options)
{
    return options->multiplanar ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE;
}

const struct media_stream *capture_stream(const struct media_kind *kind)
{
    return &((const struct capture *)(const void *)kind)->stream;
}

void capture_source_changed(struct context *context)
{
    struct v4l2_event event = {
        .type = V4L2_EVENT_SOURCE_CHANGE,
        .u.src_change.changes = V4L2_EVENT_SRC_CH_RESOLUTION,
    };

    capture_of(context)->stale = true;
    refresh(capture_of(context));
    estate_context(context);
    subscription_raise(context, NULL, &event);
}

void capture_source_ended(struct context *context)
{
    struct v4l2_event event = {.type = V4L2_EVENT_EOS};

    subscription_raise(context, NULL, &event);
}

void capture_frame_begins(struct context *context, uint32_t sequence)
{
    struct v4l2_event event = {.type = V4L2_EVENT_FRAME_SYNC,
                               .u.frame_sync.frame_sequence = sequence};

    subscription_raise(context, NULL, &event);
}

void capture_moves(struct context *context)
{
    estate_context(context);
}
