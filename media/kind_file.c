/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "media/capture.h"
#include "media/file_options.h"
#include "media/file_stream.h"
#include "media/media.h"
#include "media/picture_copy.h"

/* A camera whose frames come from a file, a FIFO or a socket. */
struct kind_file {
    struct source source;
    struct file_stream stream;
};

static struct kind_file *file_of(struct source *source)
{
    return (struct kind_file *)(void *)((char *)source - offsetof(struct kind_file, source));
}

/* What can be made of the file's own format, that one apart. */
static const uint32_t made[] = {
    V4L2_PIX_FMT_NV12,  V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_YUYV,
    V4L2_PIX_FMT_RGB24, V4L2_PIX_FMT_NV12M,  V4L2_PIX_FMT_YUV420M,
};

static bool can_make(const struct kind_file *file, const struct pixel_format *format)
{
    if (format->planes > 1 && !file->stream.options->multiplanar)
        return false;
    return format != file->stream.shape.picture.format &&
           (file->stream.reader->scales ||
            picture_copy_can(file->stream.shape.picture.format, format));
}

static const struct pixel_format *file_format(struct source *source, unsigned index)
{
    const struct kind_file *file = file_of(source);

    if (index == 0)
        return file->stream.shape.picture.format;
    for (unsigned i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        const struct pixel_format *format = pixel_format_find(made[i]);

        if (can_make(file, format) && --index == 0)
            return format;
    }
    return NULL;
}

static void file_sizes(struct source *source, struct v4l2_frmsize_stepwise *sizes)
{
    const struct picture *picture = &file_of(source)->stream.shape.picture;

    *sizes = (struct v4l2_frmsize_stepwise){picture->width,  picture->width,  PICTURE_STEP,
                                            picture->height, picture->height, PICTURE_STEP};
}

/* The file's own, unless a person has said another. */
static struct v4l2_fract interval_of(const struct kind_file *file)
{
    if (file->stream.options->rate.numerator != 0)
        return (struct v4l2_fract){file->stream.options->rate.denominator,
                                   file->stream.options->rate.numerator};
    if (file->stream.shape.interval.numerator != 0)
        return file->stream.shape.interval;
    return (struct v4l2_fract){1, CAPTURE_DEFAULT_RATE};
}

static void file_intervals(struct source *source, struct v4l2_frmival_stepwise *intervals)
{
    struct v4l2_fract only = interval_of(file_of(source));

    *intervals = (struct v4l2_frmival_stepwise){only, only, {1, 1}};
}

static int file_start(struct source *source, const struct media_stream *stream,
                      struct buffer_queue *queue)
{
    return file_stream_start(&file_of(source)->stream, stream, queue);
}

static void file_serve(struct source *source)
{
    file_stream_serve(&file_of(source)->stream);
}

static void file_stop(struct source *source)
{
    file_stream_stop(&file_of(source)->stream);
}

static void file_queued(struct source *source)
{
    file_stream_advance(&file_of(source)->stream);
}

static bool file_busy(struct source *source)
{
    return job_busy(&file_of(source)->stream.job);
}

static void file_leave(const struct source *source, struct source_position *position)
{
    file_stream_leave(&file_of((struct source *)(uintptr_t)source)->stream, position);
}

static void file_resume(struct source *source, const struct source_position *position)
{
    file_stream_resume(&file_of(source)->stream, position);
}

static void file_destroy(struct source *source)
{
    struct kind_file *file = file_of(source);

    file_stream_finish(&file->stream);
    free(file);
}

static const struct source_impl file_source = {
    .format = file_format,
    .sizes = file_sizes,
    .intervals = file_intervals,
    .serve = file_serve,
    .start = file_start,
    .stop = file_stop,
    .queued = file_queued,
    .busy = file_busy,
    .leave = file_leave,
    .resume = file_resume,
    .destroy = file_destroy,
};

static struct media_kind *file_create(const struct media_kind_host *host)
{
    const struct media_options *options = host->options;
    const char *wrong = file_options_wrong(options);
    struct kind_file *file;
    int r;

    if (wrong != NULL) {
        log_error("%s", wrong);
        errno = EINVAL;
        return NULL;
    }
    file = calloc(1, sizeof(*file));
    if (file == NULL)
        return NULL;
    file->source = (struct source){.impl = &file_source, .changes = true, .syncs = true};
    r = file_stream_init(&file->stream, &file->source, host->media, options);
    if (r != 0) {
        file_destroy(&file->source);
        errno = -r;
        return NULL;
    }
    file->source.ends = !file->stream.reader->stream && !options->loop;
    return capture_create(host, &file->source);
}

const struct media_kind_impl kind_file_impl = {
    .name = "file",
    .description = "a camera whose frames come from a file, a FIFO or a unix socket",
    .check = file_options_check,
    .caps = capture_caps,
    .create = file_create,
};
