/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "media/context.h"
#include "media/ioctl.h"

int ioctl_decoder_cmd(struct context *context, struct ioctl_call *call)
{
    if (context->impl->decoder_cmd == NULL)
        return -ENOTTY;
    return context->impl->decoder_cmd(context, call->payload, false);
}

int ioctl_try_decoder_cmd(struct context *context, struct ioctl_call *call)
{
    if (context->impl->decoder_cmd == NULL)
        return -ENOTTY;
    return context->impl->decoder_cmd(context, call->payload, true);
}

int ioctl_encoder_cmd(struct context *context, struct ioctl_call *call)
{
    if (context->impl->encoder_cmd == NULL)
        return -ENOTTY;
    return context->impl->encoder_cmd(context, call->payload, false);
}

int ioctl_try_encoder_cmd(struct context *context, struct ioctl_call *call)
{
    if (context->impl->encoder_cmd == NULL)
        return -ENOTTY;
    return context->impl->encoder_cmd(context, call->payload, true);
}
