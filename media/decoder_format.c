/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "media/decoder_context.h"

#define DEFAULT_WIDTH 1280u
#define DEFAULT_HEIGHT 720u
/* A packet is seldom larger than a third of its picture. */
#define LEAST_SIZE 65536u
#define DEFAULT_SIZE 1048576u
#define MOST_SIZE 33554432u

/* What a picture is written as: of 8 bits, and of more. */
static const uint32_t formats_8[] = {V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_NV12M,
                                     V4L2_PIX_FMT_YUV420M};
static const uint32_t formats_10[] = {V4L2_PIX_FMT_P010};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct decoder_context *decoder_context_of(struct context *context)
{
    return M2M_OF(m2m_of(context), struct decoder_context);
}

static bool is_multiplanar(const struct decoder_context *context)
{
    return V4L2_TYPE_IS_MULTIPLANAR(context->m2m.capture.type);
}

static bool is_output(const struct decoder_context *context, const struct buffer_queue *queue)
{
    return queue == &context->m2m.output;
}

/* The format number 'index' that the capture queue can have now, NULL past the end: all, until the
 * stream is known. */
static const struct pixel_format *offered_at(const struct decoder_context *context, unsigned index)
{
    unsigned count = is_multiplanar(context) ? COUNT(formats_8) : 2;

    if (!context->known || context->stream.bits == 8) {
        if (index < count)
            return pixel_format_find(formats_8[index]);
        if (context->known)
            return NULL;
        index -= count;
    }
    return index < COUNT(formats_10) ? pixel_format_find(formats_10[index]) : NULL;
}

/* The one wished for, or the first one that there is. */
static const struct pixel_format *fit_format(const struct decoder_context *context, uint32_t fourcc)
{
    const struct pixel_format *format;

    for (unsigned i = 0; (format = offered_at(context, i)) != NULL; i++)
        if (format->fourcc == fourcc)
            return format;
    return offered_at(context, 0);
}

static uint32_t even(uint32_t value)
{
    return value + value % 2;
}

static void fit_picture(const struct decoder_context *context, uint32_t fourcc,
                        struct picture *picture)
{
    picture_init(picture, fit_format(context, fourcc), even(context->stream.width),
                 even(context->stream.height));
}

void decoder_format_learn(struct decoder_context *context, const struct decoder_format *stream)
{
    context->known = true;
    context->stream = *stream;
    fit_picture(context, context->wish, &context->picture);
}

/* Nothing is known of the stream but what the guest says of it. */
static void forget_stream(struct decoder_context *context)
{
    context->known = false;
    context->stream = (struct decoder_format){
        .width = even(context->width), .height = even(context->height), .bits = 8};
    fit_picture(context, context->wish, &context->picture);
}

/* Motion-JPEG's colours are those of JFIF and no others. */
static const struct colours jpeg_colours = {V4L2_COLORSPACE_SRGB, V4L2_YCBCR_ENC_601,
                                            V4L2_QUANTIZATION_FULL_RANGE, V4L2_XFER_FUNC_SRGB};

static const struct colours *fixed_colours(const struct decoder_codec *codec)
{
    return codec->fourcc == V4L2_PIX_FMT_MJPEG ? &jpeg_colours : NULL;
}

void decoder_format_reset(struct decoder_context *context)
{
    const struct colours *fixed;

    decoder_select(&context->decoder,
                   decoder_codec_offered(context->decoder.av, context->codecs, 0));
    fixed = fixed_colours(context->decoder.codec);
    context->width = DEFAULT_WIDTH;
    context->height = DEFAULT_HEIGHT;
    context->size = DEFAULT_SIZE;
    context->colours = fixed != NULL ? *fixed : colours_default;
    context->wish = 0;
    forget_stream(context);
}

int decoder_enum_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_fmtdesc *desc)
{
    struct decoder_context *context = decoder_context_of(base);
    const struct decoder_codec *codec;
    const struct pixel_format *format;

    if (is_output(context, queue)) {
        codec = decoder_codec_offered(context->decoder.av, context->codecs, desc->index);
        if (codec == NULL)
            return -EINVAL;
        desc->pixelformat = codec->fourcc;
        desc->flags = V4L2_FMT_FLAG_COMPRESSED | V4L2_FMT_FLAG_DYN_RESOLUTION;
        snprintf((char *)desc->description, sizeof(desc->description), "%s", codec->description);
        return 0;
    }
    format = offered_at(context, desc->index);
    if (format == NULL)
        return -EINVAL;
    desc->pixelformat = format->fourcc;
    snprintf((char *)desc->description, sizeof(desc->description), "%s", format->description);
    return 0;
}

/* ---- the output queue ---- */

/* A format of compressed data: not quite what struct picture describes. */
struct packed_format {
    const struct decoder_codec *codec;
    uint32_t width, height, size;
    struct colours colours;
};

static uint32_t clamp(uint32_t value, uint32_t min, uint32_t max)
{
    return value < min ? min : value > max ? max : value;
}

static void answer_packed(const struct packed_format *packed, bool multiplanar,
                          struct v4l2_format *format)
{
    struct v4l2_pix_format_mplane *mp = &format->fmt.pix_mp;
    struct v4l2_pix_format *pix = &format->fmt.pix;

    memset(&format->fmt, 0, sizeof(format->fmt));
    if (multiplanar) {
        mp->width = packed->width;
        mp->height = packed->height;
        mp->pixelformat = packed->codec->fourcc;
        mp->field = V4L2_FIELD_NONE;
        mp->num_planes = 1;
        mp->plane_fmt[0].sizeimage = packed->size;
    } else {
        pix->width = packed->width;
        pix->height = packed->height;
        pix->pixelformat = packed->codec->fourcc;
        pix->field = V4L2_FIELD_NONE;
        pix->sizeimage = packed->size;
        pix->priv = V4L2_PIX_FMT_PRIV_MAGIC;
    }
    colours_put(&packed->colours, format, multiplanar);
}

/* The nearest thing to what the guest wishes. */
static void fit_packed(const struct decoder_context *context, const struct v4l2_format *format,
                       struct packed_format *packed)
{
    const struct v4l2_pix_format *pix = &format->fmt.pix; /* begins as the other does */
    bool multiplanar = is_multiplanar(context);
    uint32_t size = multiplanar ? format->fmt.pix_mp.plane_fmt[0].sizeimage : pix->sizeimage;

    packed->codec = decoder_codec_find(context->decoder.av, context->codecs, pix->pixelformat);
    if (packed->codec == NULL)
        packed->codec = context->decoder.codec;
    packed->width = clamp(pix->width, PICTURE_STEP, DECODER_MAX_SIDE);
    packed->height = clamp(pix->height, PICTURE_STEP, DECODER_MAX_SIDE);
    if (pix->width == 0 || pix->height == 0) {
        packed->width = DEFAULT_WIDTH;
        packed->height = DEFAULT_HEIGHT;
    }
    packed->size = clamp(size != 0 ? size : DEFAULT_SIZE, LEAST_SIZE, MOST_SIZE);
    packed->colours = colours_of(format, multiplanar);
    if (packed->colours.colorspace == 0)
        packed->colours = colours_default;
    if (fixed_colours(packed->codec) != NULL)
        packed->colours = *fixed_colours(packed->codec);
}

static void set_packed(struct decoder_context *context, const struct packed_format *packed)
{
    context->width = packed->width;
    context->height = packed->height;
    context->size = packed->size;
    context->colours = packed->colours;
    decoder_select(&context->decoder, packed->codec);
    forget_stream(context);
}

/* ---- the capture queue ---- */

/* Codecs may write behind what they show. */
static uint32_t padded_size(const struct picture *picture, unsigned plane)
{
    if (picture->format->layout != PIXEL_YUV420)
        return picture->plane_size[plane];
    return picture->plane_size[plane] + DECODER_SLOTS_MARGIN(picture->bytes_per_line[plane]);
}

static void answer_picture(const struct decoder_context *context, const struct picture *picture,
                           struct v4l2_format *format)
{
    struct colours colours = colours_or(&context->stream.colours, &context->colours);

    memset(&format->fmt, 0, sizeof(format->fmt));
    if (is_multiplanar(context))
        picture_to_pix_mp(picture, &format->fmt.pix_mp);
    else
        picture_to_pix(picture, &format->fmt.pix);
    for (unsigned i = 0; i < picture->format->planes; i++)
        *(is_multiplanar(context) ? &format->fmt.pix_mp.plane_fmt[i].sizeimage
                                  : &format->fmt.pix.sizeimage) = padded_size(picture, i);
    colours_put(&colours, format, is_multiplanar(context));
}

/* ---- both ---- */

int decoder_g_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_format *format)
{
    struct decoder_context *context = decoder_context_of(base);
    struct packed_format packed = {context->decoder.codec, context->width, context->height,
                                   context->size, context->colours};

    if (is_output(context, queue))
        answer_packed(&packed, is_multiplanar(context), format);
    else
        answer_picture(context, &context->picture, format);
    return 0;
}

int decoder_try_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_format *format)
{
    struct decoder_context *context = decoder_context_of(base);
    struct packed_format packed;
    struct picture picture;

    if (is_output(context, queue)) {
        fit_packed(context, format, &packed);
        answer_packed(&packed, is_multiplanar(context), format);
    } else {
        fit_picture(context, format->fmt.pix.pixelformat, &picture);
        answer_picture(context, &picture, format);
    }
    return 0;
}

int decoder_s_fmt(struct context *base, struct buffer_queue *queue, struct v4l2_format *format)
{
    struct decoder_context *context = decoder_context_of(base);
    struct packed_format packed;

    if (is_output(context, queue)) {
        fit_packed(context, format, &packed);
        set_packed(context, &packed);
        answer_packed(&packed, is_multiplanar(context), format);
    } else {
        context->wish = format->fmt.pix.pixelformat;
        fit_picture(context, context->wish, &context->picture);
        answer_picture(context, &context->picture, format);
    }
    return 0;
}

int decoder_enum_framesizes(struct context *base, struct v4l2_frmsizeenum *sizes)
{
    struct decoder_context *context = decoder_context_of(base);
    bool found =
        decoder_codec_find(context->decoder.av, context->codecs, sizes->pixel_format) != NULL;
    const struct pixel_format *format;

    for (unsigned i = 0; !found && (format = offered_at(context, i)) != NULL; i++)
        found = format->fourcc == sizes->pixel_format;
    if (!found || sizes->index != 0)
        return -EINVAL;
    sizes->type = V4L2_FRMSIZE_TYPE_STEPWISE;
    sizes->stepwise = (struct v4l2_frmsize_stepwise){PICTURE_STEP, DECODER_MAX_SIDE, PICTURE_STEP,
                                                     PICTURE_STEP, DECODER_MAX_SIDE, PICTURE_STEP};
    return 0;
}

void decoder_layout(struct context *base, const struct buffer_queue *queue,
                    struct buffer_layout *layout)
{
    struct decoder_context *context = decoder_context_of(base);

    *layout = (struct buffer_layout){.planes = 1};
    layout->size[0] = context->size;
    if (is_output(context, queue))
        return;
    layout->planes = context->picture.format->planes;
    for (unsigned i = 0; i < layout->planes; i++)
        layout->size[i] = padded_size(&context->picture, i);
}

/* What is to be seen lies at the upper left of the buffer's picture, and can be nowhere else. */
int decoder_g_selection(struct context *base, struct v4l2_selection *selection)
{
    struct decoder_context *context = decoder_context_of(base);

    if (selection->type != V4L2_BUF_TYPE_VIDEO_CAPTURE &&
        selection->type != V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE)
        return -EINVAL;
    switch (selection->target) {
    case V4L2_SEL_TGT_CROP:
    case V4L2_SEL_TGT_CROP_DEFAULT:
    case V4L2_SEL_TGT_COMPOSE:
    case V4L2_SEL_TGT_COMPOSE_DEFAULT:
        selection->r = (struct v4l2_rect){0, 0, context->stream.width, context->stream.height};
        return 0;
    case V4L2_SEL_TGT_CROP_BOUNDS:
    case V4L2_SEL_TGT_COMPOSE_BOUNDS:
    case V4L2_SEL_TGT_COMPOSE_PADDED:
        selection->r = (struct v4l2_rect){0, 0, context->picture.width, context->picture.height};
        return 0;
    default:
        return -EINVAL;
    }
}

static bool contains(const struct v4l2_rect *outer, const struct v4l2_rect *inner)
{
    return outer->left <= inner->left && outer->top <= inner->top &&
           (int64_t)outer->left + outer->width >= (int64_t)inner->left + inner->width &&
           (int64_t)outer->top + outer->height >= (int64_t)inner->top + inner->height;
}

int decoder_s_selection(struct context *base, struct v4l2_selection *selection)
{
    struct v4l2_rect wish = selection->r;
    int r;

    if (selection->target != V4L2_SEL_TGT_CROP && selection->target != V4L2_SEL_TGT_COMPOSE)
        return -EINVAL;
    r = decoder_g_selection(base, selection);
    if (r != 0)
        return r;
    if (((selection->flags & V4L2_SEL_FLAG_GE) && !contains(&selection->r, &wish)) ||
        ((selection->flags & V4L2_SEL_FLAG_LE) && !contains(&wish, &selection->r)))
        return -ERANGE;
    return 0;
}
