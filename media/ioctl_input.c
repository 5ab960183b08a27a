/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/videodev2.h>

#include "media/context.h"
#include "media/ioctl.h"

int ioctl_enuminput(struct context *context, struct ioctl_call *call)
{
    struct v4l2_input *input = call->payload;

    if (context->input == NULL)
        return -ENOTTY;
    if (input->index != 0)
        return -EINVAL;
    *input = (struct v4l2_input){.type = V4L2_INPUT_TYPE_CAMERA};
    snprintf((char *)input->name, sizeof(input->name), "%s", context->input);
    return 0;
}

int ioctl_g_input(struct context *context, struct ioctl_call *call)
{
    if (context->input == NULL)
        return -ENOTTY;
    memset(call->payload, 0, sizeof(uint32_t));
    return 0;
}

int ioctl_s_input(struct context *context, struct ioctl_call *call)
{
    uint32_t input;

    if (context->input == NULL)
        return -ENOTTY;
    memcpy(&input, call->payload, sizeof(input));
    return input == 0 ? 0 : -EINVAL;
}
