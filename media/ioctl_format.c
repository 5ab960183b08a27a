/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/videodev2.h>

#include "media/ioctl.h"
#include "media/media.h"

static const struct pixel_format *offered(struct media *media, uint32_t fourcc)
{
    const struct pixel_format *format;

    for (unsigned i = 0; (format = media->kind->impl->format(media->kind, i)) != NULL; i++)
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

int ioctl_fit_format(struct media *media, const struct v4l2_format *wish, struct picture *picture)
{
    const struct pixel_format *format;
    struct v4l2_frmsize_stepwise sizes;

    if (wish->type != media->queue.type)
        return -EINVAL;
    /* Both APIs have width, height and pixelformat in the same places. */
    format = offered(media, wish->fmt.pix.pixelformat);
    if (format == NULL)
        format = media->kind->impl->format(media->kind, 0);
    media->kind->impl->sizes(media->kind, &sizes);
    picture_init(picture, format,
                 fit(wish->fmt.pix.width, sizes.min_width, sizes.max_width, sizes.step_width),
                 fit(wish->fmt.pix.height, sizes.min_height, sizes.max_height, sizes.step_height));
    return 0;
}

_Static_assert(offsetof(struct v4l2_pix_format, pixelformat) ==
                   offsetof(struct v4l2_pix_format_mplane, pixelformat),
               "read as one");

static void answer_format(const struct media *media, const struct picture *picture,
                          struct v4l2_format *format)
{
    memset(&format->fmt, 0, sizeof(format->fmt));
    if (V4L2_TYPE_IS_MULTIPLANAR(media->queue.type))
        picture_to_pix_mp(picture, &format->fmt.pix_mp);
    else
        picture_to_pix(picture, &format->fmt.pix);
}

int ioctl_enum_fmt(struct media *media, struct ioctl_call *call)
{
    struct v4l2_fmtdesc *desc = call->payload;
    const struct pixel_format *format = media->kind->impl->format(media->kind, desc->index);

    if (desc->type != media->queue.type || format == NULL)
        return -EINVAL;
    *desc = (struct v4l2_fmtdesc){
        .index = desc->index, .type = desc->type, .pixelformat = format->fourcc};
    snprintf((char *)desc->description, sizeof(desc->description), "%s", format->description);
    return 0;
}

int ioctl_g_fmt(struct media *media, struct ioctl_call *call)
{
    struct v4l2_format *format = call->payload;

    if (format->type != media->queue.type)
        return -EINVAL;
    answer_format(media, &media->stream.picture, format);
    return 0;
}

int ioctl_try_fmt(struct media *media, struct ioctl_call *call)
{
    struct v4l2_format *format = call->payload;
    struct picture picture;
    int r = ioctl_fit_format(media, format, &picture);

    if (r == 0)
        answer_format(media, &picture, format);
    return r;
}

int ioctl_s_fmt(struct media *media, struct ioctl_call *call)
{
    struct v4l2_format *format = call->payload;
    struct picture picture;
    int r = ioctl_fit_format(media, format, &picture);

    if (r != 0)
        return r;
    /* The buffers have the size of the old format, whoever owns them. */
    if (media->queue.count > 0)
        return -EBUSY;
    media->stream.picture = picture;
    answer_format(media, &picture, format);
    return 0;
}

int ioctl_enum_framesizes(struct media *media, struct ioctl_call *call)
{
    struct v4l2_frmsizeenum *sizes = call->payload;

    if (sizes->index != 0 || offered(media, sizes->pixel_format) == NULL)
        return -EINVAL;
    *sizes = (struct v4l2_frmsizeenum){.pixel_format = sizes->pixel_format,
                                       .type = V4L2_FRMSIZE_TYPE_STEPWISE};
    media->kind->impl->sizes(media->kind, &sizes->stepwise);
    return 0;
}

static bool on_grid(uint32_t value, uint32_t min, uint32_t max, uint32_t step)
{
    return fit(value, min, max, step) == value;
}

int ioctl_enum_frameintervals(struct media *media, struct ioctl_call *call)
{
    struct v4l2_frmivalenum *intervals = call->payload;
    struct v4l2_frmsize_stepwise sizes;

    media->kind->impl->sizes(media->kind, &sizes);
    if (intervals->index != 0 || offered(media, intervals->pixel_format) == NULL ||
        !on_grid(intervals->width, sizes.min_width, sizes.max_width, sizes.step_width) ||
        !on_grid(intervals->height, sizes.min_height, sizes.max_height, sizes.step_height))
        return -EINVAL;
    *intervals = (struct v4l2_frmivalenum){.pixel_format = intervals->pixel_format,
                                           .width = intervals->width,
                                           .height = intervals->height,
                                           .type = V4L2_FRMIVAL_TYPE_CONTINUOUS};
    media->kind->impl->intervals(media->kind, &intervals->stepwise);
    return 0;
}

static void answer_parm(const struct media *media, struct v4l2_streamparm *parm)
{
    memset(&parm->parm, 0, sizeof(parm->parm));
    parm->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
    parm->parm.capture.timeperframe = media->stream.interval;
}

int ioctl_g_parm(struct media *media, struct ioctl_call *call)
{
    struct v4l2_streamparm *parm = call->payload;

    if (parm->type != media->queue.type)
        return -EINVAL;
    answer_parm(media, parm);
    return 0;
}

/* Whether a is shorter than b. */
static bool shorter(struct v4l2_fract a, struct v4l2_fract b)
{
    return (uint64_t)a.numerator * b.denominator < (uint64_t)b.numerator * a.denominator;
}

int ioctl_s_parm(struct media *media, struct ioctl_call *call)
{
    struct v4l2_streamparm *parm = call->payload;
    struct v4l2_fract wish = parm->parm.capture.timeperframe;
    struct v4l2_frmival_stepwise can;
    int r = buffer_queue_check_owner(&media->queue, call->session->id.id);

    if (parm->type != media->queue.type)
        return -EINVAL;
    if (r != 0 || media->queue.streaming)
        return -EBUSY;
    media->kind->impl->intervals(media->kind, &can);
    if (wish.numerator == 0 || wish.denominator == 0)
        wish = (struct v4l2_fract){1, MEDIA_DEFAULT_RATE};
    else if (shorter(wish, can.min))
        wish = can.min;
    else if (shorter(can.max, wish))
        wish = can.max;
    media->stream.interval = wish;
    answer_parm(media, parm);
    return 0;
}
