/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "media/codec_list.h"
#include "media/encoder_context.h"

#define DEFAULT_WIDTH 1280u
#define DEFAULT_HEIGHT 720u
/* A capture buffer's, whatever the picture and the wish. */
#define LEAST_ROOM 65536u
#define MOST_ROOM (64u << 20)

static const struct {
    uint32_t fourcc;
    const char *description;
} coded_formats[] = {
    {V4L2_PIX_FMT_H264, "H.264"},
    {V4L2_PIX_FMT_VP8, "VP8"},
    {V4L2_PIX_FMT_MJPEG, "Motion-JPEG"},
};

/* Those of several planes of memory come last: the single-planar API has no room for them. */
static const uint32_t raw_formats[] = {
    V4L2_PIX_FMT_NV12,  V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_YUYV,    V4L2_PIX_FMT_UYVY,
    V4L2_PIX_FMT_RGB24, V4L2_PIX_FMT_NV12M,  V4L2_PIX_FMT_YUV420M,
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SINGLE_PLANAR_FORMATS 5u

static bool is_multiplanar(const struct encoder_context *context)
{
    return V4L2_TYPE_IS_MULTIPLANAR(context->m2m.capture.type);
}

static bool is_capture(const struct encoder_context *context, const struct buffer_queue *queue)
{
    return queue == &context->m2m.capture;
}

uint32_t encoder_format_coded(const struct av_library *av, const char *list, unsigned index)
{
    for (unsigned i = 0; i < COUNT(coded_formats); i++)
        if (codec_list_has(list, coded_formats[i].fourcc) &&
            encoder_name(av, coded_formats[i].fourcc) != NULL && index-- == 0)
            return coded_formats[i].fourcc;
    return 0;
}

bool encoder_format_jpeg_alone(const struct av_library *av, const char *list)
{
    return encoder_format_coded(av, list, 0) == V4L2_PIX_FMT_MJPEG &&
           encoder_format_coded(av, list, 1) == 0;
}

const char *encoder_format_name(uint32_t coded)
{
    for (unsigned i = 0; i < COUNT(coded_formats); i++)
        if (coded_formats[i].fourcc == coded)
            return coded_formats[i].description;
    return "nothing";
}

static const struct pixel_format *raw_at(const struct encoder_context *context, unsigned index)
{
    unsigned count = is_multiplanar(context) ? COUNT(raw_formats) : SINGLE_PLANAR_FORMATS;

    return index < count ? pixel_format_find(raw_formats[index]) : NULL;
}

/* The one wished for, or the first one that there is. */
static const struct pixel_format *fit_raw(const struct encoder_context *context, uint32_t fourcc)
{
    const struct pixel_format *format;

    for (unsigned i = 0; (format = raw_at(context, i)) != NULL; i++)
        if (format->fourcc == fourcc)
            return format;
    return raw_at(context, 0);
}

/* The one wished for, or the one in force. */
static uint32_t fit_coded(const struct encoder_context *context, uint32_t fourcc)
{
    uint32_t coded;

    for (unsigned i = 0; (coded = encoder_format_coded(context->av, context->codecs, i)) != 0; i++)
        if (coded == fourcc)
            return coded;
    return context->coded;
}

/* What raw pictures are taken for when the guest does not say: those that become JPEGs for JPEG's,
 * in limited range. */
static struct colours usual_colours(uint32_t coded, const struct picture *raw)
{
    if (coded == V4L2_PIX_FMT_MJPEG || raw->format->layout == PIXEL_RGB24)
        return (struct colours){V4L2_COLORSPACE_SRGB, V4L2_YCBCR_ENC_601,
                                V4L2_QUANTIZATION_LIM_RANGE, V4L2_XFER_FUNC_SRGB};
    return colours_default;
}

/* The raw pictures' if they become 'coded': if they are what was usual, they follow. */
static struct colours raw_colours(const struct encoder_context *context, uint32_t coded)
{
    struct colours usual = usual_colours(context->coded, &context->raw);

    return memcmp(&usual, &context->colours, sizeof(usual)) == 0
               ? usual_colours(coded, &context->raw)
               : context->colours;
}

/* Those of the stream: a JPEG's are always the same, others' are the raw pictures'. */
static struct colours coded_colours(const struct encoder_context *context, uint32_t coded)
{
    if (coded == V4L2_PIX_FMT_MJPEG)
        return (struct colours){.colorspace = V4L2_COLORSPACE_JPEG};
    return raw_colours(context, coded);
}

static uint32_t clamp(uint32_t value, uint32_t min, uint32_t max)
{
    return value < min ? min : value > max ? max : value;
}

/* Up, so that what the guest has fits. */
static uint32_t fit_side(uint32_t side)
{
    side = clamp(side, ENCODER_MIN_SIDE, ENCODER_MAX_SIDE);
    return side + side % 2;
}

/* A byte for each pixel: a picture that takes more is lost, with a word in the log. */
static uint32_t fit_room(const struct encoder_context *context, uint32_t wish)
{
    uint32_t pixels = context->crop.width * context->crop.height;

    return clamp(wish, pixels < LEAST_ROOM ? LEAST_ROOM : pixels, MOST_ROOM);
}

static void set_raw(struct encoder_context *context, const struct picture *raw)
{
    context->raw = *raw;
    context->crop = (struct v4l2_rect){0, 0, raw->width, raw->height};
    context->room = fit_room(context, context->wished_room);
}

void encoder_format_reset(struct encoder_context *context)
{
    struct picture raw;

    context->coded = encoder_format_coded(context->av, context->codecs, 0);
    context->wished_room = 0;
    picture_init(&raw, raw_at(context, 0), DEFAULT_WIDTH, DEFAULT_HEIGHT);
    set_raw(context, &raw);
    context->colours = usual_colours(context->coded, &context->raw);
    context->raw_interval = ENCODER_DEFAULT_INTERVAL;
    context->coded_interval = context->raw_interval;
}

struct colours encoder_format_colours(const struct encoder_context *context)
{
    struct colours c = context->colours;

    if (c.ycbcr_enc == V4L2_YCBCR_ENC_DEFAULT)
        c.ycbcr_enc = V4L2_MAP_YCBCR_ENC_DEFAULT(c.colorspace);
    if (c.xfer_func == V4L2_XFER_FUNC_DEFAULT)
        c.xfer_func = V4L2_MAP_XFER_FUNC_DEFAULT(c.colorspace);
    /* What RGB becomes: decoders that do not read headers take it for that. */
    if (context->raw.format->layout == PIXEL_RGB24)
        c.quantization = V4L2_QUANTIZATION_LIM_RANGE;
    else if (c.quantization == V4L2_QUANTIZATION_DEFAULT)
        c.quantization = V4L2_MAP_QUANTIZATION_DEFAULT(false, c.colorspace, c.ycbcr_enc);
    return c;
}

int encoder_enum_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_fmtdesc *desc)
{
    struct encoder_context *context = encoder_context_of(base);
    const struct pixel_format *format;

    if (is_capture(context, queue)) {
        desc->pixelformat = encoder_format_coded(context->av, context->codecs, desc->index);
        if (desc->pixelformat == 0)
            return -EINVAL;
        desc->flags = V4L2_FMT_FLAG_COMPRESSED;
        if (!context->jpeg_alone)
            desc->flags |= V4L2_FMT_FLAG_ENC_CAP_FRAME_INTERVAL;
        snprintf((char *)desc->description, sizeof(desc->description), "%s",
                 encoder_format_name(desc->pixelformat));
        return 0;
    }
    format = raw_at(context, desc->index);
    if (format == NULL)
        return -EINVAL;
    desc->pixelformat = format->fourcc;
    snprintf((char *)desc->description, sizeof(desc->description), "%s", format->description);
    return 0;
}

/* ---- the capture queue's format ---- */

static void answer_coded(const struct encoder_context *context, uint32_t coded, uint32_t room,
                         struct v4l2_format *format)
{
    struct v4l2_pix_format_mplane *mp = &format->fmt.pix_mp;
    struct v4l2_pix_format *pix = &format->fmt.pix;
    struct colours colours = coded_colours(context, coded);

    memset(&format->fmt, 0, sizeof(format->fmt));
    if (is_multiplanar(context)) {
        mp->width = context->crop.width;
        mp->height = context->crop.height;
        mp->pixelformat = coded;
        mp->field = V4L2_FIELD_NONE;
        mp->num_planes = 1;
        mp->plane_fmt[0].sizeimage = room;
    } else {
        pix->width = context->crop.width;
        pix->height = context->crop.height;
        pix->pixelformat = coded;
        pix->field = V4L2_FIELD_NONE;
        pix->sizeimage = room;
        pix->priv = V4L2_PIX_FMT_PRIV_MAGIC;
    }
    colours_put(&colours, format, is_multiplanar(context));
}

/* Returns the bytes that a buffer is wished to have. */
static uint32_t try_coded(const struct encoder_context *context, struct v4l2_format *format,
                          uint32_t *coded)
{
    uint32_t wish = is_multiplanar(context) ? format->fmt.pix_mp.plane_fmt[0].sizeimage
                                            : format->fmt.pix.sizeimage;

    *coded = fit_coded(context, format->fmt.pix.pixelformat);
    answer_coded(context, *coded, fit_room(context, wish), format);
    return wish;
}

/* ---- the output queue's format ---- */

static void answer_raw(const struct encoder_context *context, const struct picture *raw,
                       struct v4l2_format *format)
{
    memset(&format->fmt, 0, sizeof(format->fmt));
    if (is_multiplanar(context))
        picture_to_pix_mp(raw, &format->fmt.pix_mp);
    else
        picture_to_pix(raw, &format->fmt.pix);
}

_Static_assert(offsetof(struct v4l2_pix_format, pixelformat) ==
                   offsetof(struct v4l2_pix_format_mplane, pixelformat),
               "read as one");

static void try_raw(const struct encoder_context *context, struct v4l2_format *format,
                    struct picture *raw, struct colours *colours)
{
    bool multiplanar = is_multiplanar(context);
    const struct v4l2_pix_format *wish = &format->fmt.pix;

    *colours = colours_of(format, multiplanar);
    if (!multiplanar && wish->priv != V4L2_PIX_FMT_PRIV_MAGIC)
        *colours = (struct colours){.colorspace = colours->colorspace};
    picture_init(raw, fit_raw(context, wish->pixelformat), fit_side(wish->width),
                 fit_side(wish->height));
    answer_raw(context, raw, format);
    if (colours->colorspace == V4L2_COLORSPACE_DEFAULT)
        *colours = usual_colours(context->coded, raw);
    colours_put(colours, format, multiplanar);
}

/* ---- ioctls ---- */

int encoder_g_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_format *format)
{
    struct encoder_context *context = encoder_context_of(base);

    if (is_capture(context, queue)) {
        answer_coded(context, context->coded, context->room, format);
        return 0;
    }
    answer_raw(context, &context->raw, format);
    colours_put(&context->colours, format, is_multiplanar(context));
    return 0;
}

int encoder_try_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_format *format)
{
    struct encoder_context *context = encoder_context_of(base);
    struct colours colours;
    struct picture raw;
    uint32_t coded;

    if (is_capture(context, queue))
        try_coded(context, format, &coded);
    else
        try_raw(context, format, &raw, &colours);
    return 0;
}

int encoder_s_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_format *format)
{
    struct encoder_context *context = encoder_context_of(base);
    struct picture raw;
    uint32_t coded;

    if (is_capture(context, queue)) {
        /* The output queue's formats hang on this one. */
        if (context->m2m.output.count > 0)
            return -EBUSY;
        context->wished_room = try_coded(context, format, &coded);
        context->room = fit_room(context, context->wished_room);
        context->colours = raw_colours(context, coded);
        context->coded = coded;
        return 0;
    }
    try_raw(context, format, &raw, &context->colours);
    set_raw(context, &raw);
    return 0;
}

static bool is_offered(const struct encoder_context *context, uint32_t fourcc)
{
    return fit_coded(context, fourcc) == fourcc || fit_raw(context, fourcc)->fourcc == fourcc;
}

int encoder_enum_framesizes(struct context *base, struct v4l2_frmsizeenum *sizes)
{
    if (sizes->index != 0 || !is_offered(encoder_context_of(base), sizes->pixel_format))
        return -EINVAL;
    sizes->type = V4L2_FRMSIZE_TYPE_STEPWISE;
    sizes->stepwise = (struct v4l2_frmsize_stepwise){ENCODER_MIN_SIDE, ENCODER_MAX_SIDE, 2,
                                                     ENCODER_MIN_SIDE, ENCODER_MAX_SIDE, 2};
    return 0;
}

int encoder_enum_frameintervals(struct context *base, struct v4l2_frmivalenum *intervals)
{
    if (intervals->index != 0 || !is_offered(encoder_context_of(base), intervals->pixel_format) ||
        fit_side(intervals->width) != intervals->width ||
        fit_side(intervals->height) != intervals->height)
        return -EINVAL;
    intervals->type = V4L2_FRMIVAL_TYPE_CONTINUOUS;
    intervals->stepwise =
        (struct v4l2_frmival_stepwise){ENCODER_SHORTEST_INTERVAL, ENCODER_LONGEST_INTERVAL, {1, 1}};
    return 0;
}

void encoder_layout(struct context *base, const struct buffer_queue *queue,
                    struct buffer_layout *layout)
{
    struct encoder_context *context = encoder_context_of(base);

    if (is_capture(context, queue)) {
        *layout = (struct buffer_layout){.planes = 1, .size = {context->room}};
        return;
    }
    *layout = (struct buffer_layout){.planes = context->raw.format->planes};
    for (unsigned i = 0; i < layout->planes; i++)
        layout->size[i] = context->raw.plane_size[i];
}
