/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include <linux/videodev2.h>

#include "media/ioctl.h"
#include "media/media.h"
#include "media/subscription.h"

int ioctl_subscribe_event(struct context *context, struct ioctl_call *call)
{
    const struct v4l2_event_subscription *wish = call->payload;
    int r;

    if (context->impl->has_event == NULL ||
        !context->impl->has_event(context, wish->type, wish->id))
        return -EINVAL;
    r = subscription_add(call->session, wish);
    if (r == 0 && (wish->flags & V4L2_EVENT_SUB_FL_SEND_INITIAL) &&
        context->impl->send_initial != NULL)
        context->impl->send_initial(context, call->session, wish->type, wish->id);
    return r;
}

int ioctl_unsubscribe_event(struct context *context, struct ioctl_call *call)
{
    subscription_remove(call->session, &context->media->events, call->payload);
    return 0;
}
