/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include <linux/videodev2.h>

#include "media/context.h"
#include "media/ioctl.h"
#include "media/media.h"
#include "media/subscription.h"

/* The control that events of this type and id are about, or NULL. */
static struct control *control_of(const struct context *context,
                                  const struct v4l2_event_subscription *wish)
{
    if (wish->type != V4L2_EVENT_CTRL || context->controls == NULL)
        return NULL;
    return control_set_find(context->controls, wish->id);
}

static void send_initial(struct context *context, struct session *session,
                         const struct v4l2_event_subscription *wish)
{
    struct control *control = control_of(context, wish);
    uint32_t changes = V4L2_EVENT_CTRL_CH_FLAGS;
    struct v4l2_event event;

    if (control == NULL) {
        if (context->impl->send_initial != NULL)
            context->impl->send_initial(context, session, wish->type, wish->id);
        return;
    }
    if (control->spec->type == V4L2_CTRL_TYPE_CTRL_CLASS)
        return;
    if ((control->flags & V4L2_CTRL_FLAG_WRITE_ONLY) == 0)
        changes |= V4L2_EVENT_CTRL_CH_VALUE;
    control_set_refresh(context->controls, control);
    control_set_event(context->controls, control, changes, &event);
    subscription_raise_one(session, &context->media->events, &event);
}

int ioctl_subscribe_event(struct context *context, struct ioctl_call *call)
{
    const struct v4l2_event_subscription *wish = call->payload;
    int r;

    if (control_of(context, wish) == NULL &&
        (wish->type == V4L2_EVENT_CTRL || context->impl->has_event == NULL ||
         !context->impl->has_event(context, wish->type, wish->id)))
        return -EINVAL;
    if (subscription_has(call->session, wish)) /* what it began with was sent then */
        return 0;
    r = subscription_add(call->session, wish);
    if (r == 0 && (wish->flags & V4L2_EVENT_SUB_FL_SEND_INITIAL))
        send_initial(context, call->session, wish);
    return r;
}

int ioctl_unsubscribe_event(struct context *context, struct ioctl_call *call)
{
    subscription_remove(call->session, &context->media->events, call->payload);
    return 0;
}
