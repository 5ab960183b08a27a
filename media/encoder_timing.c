/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "media/encoder_context.h"

/* ---- intervals ---- */

/* Whether a is shorter than b. */
static bool shorter(struct v4l2_fract a, struct v4l2_fract b)
{
    return (uint64_t)a.numerator * b.denominator < (uint64_t)b.numerator * a.denominator;
}

/* FFmpeg counts with 32 bits: fractions of large numbers lose a little. */
#define MOST 1000000u

static struct v4l2_fract fit_interval(struct v4l2_fract wish)
{
    const struct v4l2_fract shortest = ENCODER_SHORTEST_INTERVAL;
    const struct v4l2_fract longest = ENCODER_LONGEST_INTERVAL;

    if (wish.numerator == 0 || wish.denominator == 0)
        return ENCODER_DEFAULT_INTERVAL;
    if (shorter(wish, shortest))
        return shortest;
    if (shorter(longest, wish))
        return longest;
    while (wish.numerator > MOST || wish.denominator > MOST) {
        wish.numerator = wish.numerator / 2 + wish.numerator % 2;
        wish.denominator = wish.denominator / 2 + wish.denominator % 2;
    }
    return wish;
}

int encoder_g_parm(struct context *base, struct buffer_queue *queue, struct v4l2_streamparm *parm)
{
    struct encoder_context *context = encoder_context_of(base);

    memset(&parm->parm, 0, sizeof(parm->parm));
    if (queue == &context->m2m.output) {
        parm->parm.output.capability = V4L2_CAP_TIMEPERFRAME;
        parm->parm.output.timeperframe = context->raw_interval;
    } else {
        parm->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        parm->parm.capture.timeperframe = context->coded_interval;
    }
    return 0;
}

int encoder_s_parm(struct context *base, struct buffer_queue *queue, struct v4l2_streamparm *parm)
{
    struct encoder_context *context = encoder_context_of(base);

    if (queue == &context->m2m.output) {
        context->raw_interval = fit_interval(parm->parm.output.timeperframe);
        context->coded_interval = context->raw_interval;
    } else {
        context->coded_interval = fit_interval(parm->parm.capture.timeperframe);
    }
    return encoder_g_parm(base, queue, parm);
}

/* ---- what of the picture is encoded ---- */

static bool is_output(const struct v4l2_selection *selection)
{
    /* Linux gives drivers the single-planar type for both. */
    return selection->type == V4L2_BUF_TYPE_VIDEO_OUTPUT ||
           selection->type == V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
}

int encoder_g_selection(struct context *base, struct v4l2_selection *selection)
{
    struct encoder_context *context = encoder_context_of(base);

    if (!is_output(selection))
        return -EINVAL;
    switch (selection->target) {
    case V4L2_SEL_TGT_CROP:
        selection->r = context->crop;
        return 0;
    case V4L2_SEL_TGT_CROP_DEFAULT:
    case V4L2_SEL_TGT_CROP_BOUNDS:
        selection->r = (struct v4l2_rect){0, 0, context->raw.width, context->raw.height};
        return 0;
    default:
        return -EINVAL;
    }
}

/* An even length of at most 'max', not shorter or longer than wished if the flags forbid it. 0 or
 * -ERANGE. */
static int fit_length(uint32_t wish, uint32_t max, uint32_t flags, uint32_t *length)
{
    uint32_t fitting = wish;

    if (fitting > max)
        fitting = max;
    if (fitting < ENCODER_MIN_SIDE)
        fitting = ENCODER_MIN_SIDE;
    if (fitting % 2 != 0)
        fitting += flags & V4L2_SEL_FLAG_GE ? 1 : -1u;
    if ((flags & V4L2_SEL_FLAG_GE && fitting < wish) ||
        (flags & V4L2_SEL_FLAG_LE && fitting > wish))
        return -ERANGE;
    *length = fitting;
    return 0;
}

static int32_t fit_offset(int32_t wish, uint32_t most)
{
    uint32_t offset = wish < 0 ? 0 : (uint32_t)wish & ~1u;

    return (int32_t)(offset < most ? offset : most);
}

int encoder_s_selection(struct context *base, struct v4l2_selection *selection)
{
    struct encoder_context *context = encoder_context_of(base);
    struct v4l2_rect fit;
    int r;

    if (!is_output(selection) || selection->target != V4L2_SEL_TGT_CROP)
        return -EINVAL;
    if (context->m2m.output.streaming)
        return -EBUSY;
    r = fit_length(selection->r.width, context->raw.width, selection->flags, &fit.width);
    if (r == 0)
        r = fit_length(selection->r.height, context->raw.height, selection->flags, &fit.height);
    if (r != 0)
        return r;
    fit.left = fit_offset(selection->r.left, context->raw.width - fit.width);
    fit.top = fit_offset(selection->r.top, context->raw.height - fit.height);
    context->crop = fit;
    selection->r = fit;
    return 0;
}
