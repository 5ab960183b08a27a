/* SPDX-License-Identifier: MIT */
#include "media/context.h"

#include "media/media.h"

struct buffer_queue *context_queue(const struct context *context, uint32_t type)
{
    if (context->capture != NULL && context->capture->type == type)
        return context->capture;
    if (context->output != NULL && context->output->type == type)
        return context->output;
    return NULL;
}

static struct plane *plane_in(const struct buffer_queue *queue, uint32_t session, uint32_t offset)
{
    if (queue == NULL || !queue->owned || queue->owner != session)
        return NULL;
    return buffer_queue_plane(queue, offset);
}

struct plane *context_plane(struct context *context, uint32_t session, uint32_t offset)
{
    struct plane *plane = plane_in(context->capture, session, offset);

    if (plane == NULL)
        plane = plane_in(context->output, session, offset);
    if (plane == NULL && context->impl->plane != NULL)
        plane = context->impl->plane(context, offset);
    return plane;
}

void context_forsake(struct context *context, uint32_t session)
{
    if (context->capture != NULL)
        buffer_queue_forsake(context->capture, session);
    if (context->output != NULL)
        buffer_queue_forsake(context->output, session);
}

void context_settled(struct context *context)
{
    context->media->waiter->settled(context->media);
}

void context_answer(struct context *context, int result, size_t tail_answer)
{
    context->media->waiter->answered(context->media, result, tail_answer);
}

void context_started(struct context *context, int result)
{
    context->media->waiter->started(context->media, result);
}
