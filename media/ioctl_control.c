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

/* There are no controls yet: none is found, as a driver with an empty list of them would say. */
int ioctl_no_control(struct context *context, struct ioctl_call *call)
{
    return -EINVAL;
}

/* 'error_idx' equal to the count says that nothing was applied; TRY names the first bad control. */
static int ext_ctrls(struct ioctl_call *call, bool defaults, uint32_t error_idx)
{
    struct v4l2_ext_controls *controls = call->payload;
    size_t size = (size_t)controls->count * sizeof(struct v4l2_ext_control);

    controls->reserved[0] = 0;
    controls->error_idx = error_idx;
    call->tail_answer = size < call->tail_size ? size : call->tail_size;
    if (controls->count > 0)
        return -EINVAL;
    /* An empty call asks whether a class of controls is there. */
    if (controls->which == V4L2_CTRL_WHICH_CUR_VAL ||
        (defaults && controls->which == V4L2_CTRL_WHICH_DEF_VAL))
        return 0;
    return -EINVAL;
}

int ioctl_ext_ctrls_get(struct context *context, struct ioctl_call *call)
{
    return ext_ctrls(call, true, ((struct v4l2_ext_controls *)call->payload)->count);
}

int ioctl_ext_ctrls_set(struct context *context, struct ioctl_call *call)
{
    return ext_ctrls(call, false, ((struct v4l2_ext_controls *)call->payload)->count);
}

int ioctl_ext_ctrls_try(struct context *context, struct ioctl_call *call)
{
    return ext_ctrls(call, false, 0);
}
