/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <linux/videodev2.h>

#include "media/context.h"
#include "media/estate.h"
#include "media/ioctl.h"
#include "media/session.h"

/* It has set something, if it was well. */
static int set(struct context *context, int result)
{
    if (result == 0)
        estate_context(context);
    return result;
}

int ioctl_enum_fmt(struct context *context, struct ioctl_call *call)
{
    struct v4l2_fmtdesc *desc = call->payload;
    struct buffer_queue *queue = context_queue(context, desc->type);

    if (queue == NULL)
        return -EINVAL;
    *desc = (struct v4l2_fmtdesc){.index = desc->index, .type = desc->type};
    return context->impl->enum_fmt(context, queue, desc);
}

int ioctl_g_fmt(struct context *context, struct ioctl_call *call)
{
    struct v4l2_format *format = call->payload;
    struct buffer_queue *queue = context_queue(context, format->type);

    if (queue == NULL)
        return -EINVAL;
    memset(&format->fmt, 0, sizeof(format->fmt));
    return context->impl->g_fmt(context, queue, format);
}

int ioctl_try_fmt(struct context *context, struct ioctl_call *call)
{
    struct v4l2_format *format = call->payload;
    struct buffer_queue *queue = context_queue(context, format->type);

    return queue != NULL ? context->impl->try_fmt(context, queue, format) : -EINVAL;
}

int ioctl_s_fmt(struct context *context, struct ioctl_call *call)
{
    struct v4l2_format *format = call->payload;
    struct buffer_queue *queue = context_queue(context, format->type);

    if (queue == NULL)
        return -EINVAL;
    /* The buffers have the size of the old format, whoever owns them. */
    if (queue->count > 0)
        return -EBUSY;
    return set(context, context->impl->s_fmt(context, queue, format));
}

int ioctl_enum_framesizes(struct context *context, struct ioctl_call *call)
{
    struct v4l2_frmsizeenum *sizes = call->payload;

    if (context->impl->enum_framesizes == NULL)
        return -ENOTTY;
    *sizes = (struct v4l2_frmsizeenum){.index = sizes->index, .pixel_format = sizes->pixel_format};
    return context->impl->enum_framesizes(context, sizes);
}

int ioctl_enum_frameintervals(struct context *context, struct ioctl_call *call)
{
    struct v4l2_frmivalenum *intervals = call->payload;

    if (context->impl->enum_frameintervals == NULL)
        return -ENOTTY;
    *intervals = (struct v4l2_frmivalenum){.index = intervals->index,
                                           .pixel_format = intervals->pixel_format,
                                           .width = intervals->width,
                                           .height = intervals->height};
    return context->impl->enum_frameintervals(context, intervals);
}

int ioctl_g_parm(struct context *context, struct ioctl_call *call)
{
    struct v4l2_streamparm *parm = call->payload;
    struct buffer_queue *queue = context_queue(context, parm->type);

    if (context->impl->g_parm == NULL)
        return -ENOTTY;
    return queue != NULL ? context->impl->g_parm(context, queue, parm) : -EINVAL;
}

int ioctl_s_parm(struct context *context, struct ioctl_call *call)
{
    struct v4l2_streamparm *parm = call->payload;
    struct buffer_queue *queue = context_queue(context, parm->type);

    if (context->impl->s_parm == NULL)
        return -ENOTTY;
    if (queue == NULL)
        return -EINVAL;
    if (buffer_queue_check_owner(queue, call->session->id.id) != 0 || queue->streaming)
        return -EBUSY;
    return set(context, context->impl->s_parm(context, queue, parm));
}

int ioctl_g_selection(struct context *context, struct ioctl_call *call)
{
    if (context->impl->g_selection == NULL)
        return -ENOTTY;
    return context->impl->g_selection(context, call->payload);
}

int ioctl_s_selection(struct context *context, struct ioctl_call *call)
{
    if (context->impl->s_selection == NULL)
        return -ENOTTY;
    return set(context, context->impl->s_selection(context, call->payload));
}
