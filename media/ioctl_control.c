/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/videodev2.h>

#include "media/context.h"
#include "media/ioctl.h"

#define NEXT_FLAGS (V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND)

/* The control that an id with flags means, or NULL. */
static struct control *control_meant(const struct context *context, uint32_t id)
{
    const struct control_set *set = context->controls;

    if (set == NULL)
        return NULL;
    if ((id & NEXT_FLAGS) == 0)
        return control_set_find(set, id);
    return control_set_next(set, id & ~NEXT_FLAGS, (id & V4L2_CTRL_FLAG_NEXT_CTRL) != 0,
                            (id & V4L2_CTRL_FLAG_NEXT_COMPOUND) != 0);
}

static bool is_menu(const struct control_spec *spec)
{
    return spec->type == V4L2_CTRL_TYPE_MENU || spec->type == V4L2_CTRL_TYPE_INTEGER_MENU;
}

static uint32_t shown_flags(const struct control *control)
{
    return control->flags | (control->data != NULL ? V4L2_CTRL_FLAG_HAS_PAYLOAD : 0);
}

int ioctl_query_ext_ctrl(struct context *context, struct ioctl_call *call)
{
    struct v4l2_query_ext_ctrl *query = call->payload;
    const struct control *control = control_meant(context, query->id);
    const struct control_spec *spec;

    if (control == NULL)
        return -EINVAL;
    spec = control->spec;
    *query = (struct v4l2_query_ext_ctrl){
        .id = spec->id,
        .type = spec->type,
        .minimum = spec->minimum,
        .maximum = spec->maximum,
        .step = is_menu(spec) ? 1 : spec->step,
        .default_value = spec->initial,
        .flags = shown_flags(control),
        .elem_size = control_elem_size(spec),
        .elems = control_elems(spec),
    };
    snprintf(query->name, sizeof(query->name), "%s", spec->name);
    while (query->nr_of_dims < V4L2_CTRL_MAX_DIMS && spec->dims[query->nr_of_dims] != 0) {
        query->dims[query->nr_of_dims] = spec->dims[query->nr_of_dims];
        query->nr_of_dims++;
    }
    return 0;
}

/* Whether the range fits the older call; the others are shown with none. */
static bool has_small_range(const struct control_spec *spec)
{
    return !control_is_compound(spec) && spec->type != V4L2_CTRL_TYPE_INTEGER64;
}

int ioctl_queryctrl(struct context *context, struct ioctl_call *call)
{
    struct v4l2_queryctrl *query = call->payload;
    const struct control *control = control_meant(context, query->id);
    const struct control_spec *spec;

    if (control == NULL)
        return -EINVAL;
    spec = control->spec;
    *query = (struct v4l2_queryctrl){
        .id = spec->id,
        .type = spec->type,
        .flags = shown_flags(control),
    };
    snprintf((char *)query->name, sizeof(query->name), "%s", spec->name);
    if (has_small_range(spec)) {
        query->minimum = (int32_t)spec->minimum;
        query->maximum = (int32_t)spec->maximum;
        query->step = is_menu(spec) ? 1 : (int32_t)spec->step;
        query->default_value = (int32_t)spec->initial;
    }
    return 0;
}

int ioctl_querymenu(struct context *context, struct ioctl_call *call)
{
    struct v4l2_querymenu *query = call->payload;
    const struct control *control = control_meant(context, query->id & ~NEXT_FLAGS);
    const struct control_spec *spec;

    if (control == NULL || !is_menu(control->spec))
        return -EINVAL;
    spec = control->spec;
    if (query->index < spec->minimum || query->index > spec->maximum ||
        (query->index < 64 && ((spec->step >> query->index) & 1)))
        return -EINVAL;
    *query = (struct v4l2_querymenu){.id = spec->id, .index = query->index};
    if (spec->type == V4L2_CTRL_TYPE_INTEGER_MENU)
        query->value = spec->integer_menu[query->index];
    else
        snprintf((char *)query->name, sizeof(query->name), "%s", spec->menu[query->index]);
    return 0;
}

/* The control of the older calls, which take 32 bits: NULL for every other. */
static struct control *small_control(const struct context *context, uint32_t id)
{
    struct control *control = control_meant(context, id & ~NEXT_FLAGS);

    if (control == NULL || control->data != NULL || control->spec->type == V4L2_CTRL_TYPE_INTEGER64)
        return NULL;
    return control;
}

int ioctl_g_ctrl(struct context *context, struct ioctl_call *call)
{
    struct v4l2_control *wish = call->payload;
    struct control *control = small_control(context, wish->id);

    if (control == NULL)
        return -EINVAL;
    if (control->flags & V4L2_CTRL_FLAG_WRITE_ONLY)
        return -EACCES;
    control_set_refresh(context->controls, control);
    wish->value = (int32_t)control->value;
    return 0;
}

int ioctl_s_ctrl(struct context *context, struct ioctl_call *call)
{
    struct v4l2_control *wish = call->payload;
    struct control *control = small_control(context, wish->id);
    int r;

    if (control == NULL)
        return -EINVAL;
    if (control->flags & V4L2_CTRL_FLAG_READ_ONLY)
        return -EACCES;
    if (control->flags & V4L2_CTRL_FLAG_GRABBED)
        return -EBUSY;
    r = control_stage(control, wish->value);
    if (r == 0)
        r = control_set_commit(context->controls, call->session);
    if (r == 0)
        wish->value = (int32_t)control->value;
    return r;
}
