/* SPDX-License-Identifier: MIT */
#include "media/control_set.h"

#include <errno.h>
#include <stdlib.h>

#include "media/estate.h"
#include "media/subscription.h"

#define CLASS_ROW(name, text)                                                                      \
    {                                                                                              \
        V4L2_CTRL_CLASS_##name | 1, V4L2_CTRL_TYPE_CTRL_CLASS, text " Controls",                   \
            .flags = CLASS_FLAGS                                                                   \
    }
#define CLASS_FLAGS (V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_WRITE_ONLY)

/* In ascending order of ids. */
static const struct control_spec classes[] = {
    CLASS_ROW(USER, "User"),
    CLASS_ROW(CODEC, "Codec"),
    CLASS_ROW(CAMERA, "Camera"),
    CLASS_ROW(JPEG, "JPEG Compression"),
    CLASS_ROW(IMAGE_SOURCE, "Image Source"),
    CLASS_ROW(IMAGE_PROC, "Image Processing"),
    CLASS_ROW(DETECT, "Detection"),
    CLASS_ROW(COLORIMETRY, "Colorimetry"),
};

#define CLASSES (sizeof(classes) / sizeof(classes[0]))

static const struct control_spec *class_of(uint32_t id)
{
    for (size_t i = 0; i < CLASSES; i++)
        if (classes[i].id == (V4L2_CTRL_ID2WHICH(id) | 1))
            return &classes[i];
    return NULL;
}

static int add(struct control_set *set, const struct control_spec *spec)
{
    int r = control_init(&set->controls[set->count], spec);

    set->count++;
    return r;
}

int control_set_init(struct control_set *set, struct context *context,
                     const struct control_set_ops *ops, const struct control_spec *specs,
                     unsigned count)
{
    const struct control_spec *last = NULL;
    int r = 0;

    *set = (struct control_set){.ops = ops, .context = context};
    set->controls = calloc(count + CLASSES, sizeof(*set->controls));
    if (set->controls == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < count && r == 0; i++) {
        const struct control_spec *class = class_of(specs[i].id);

        if (class != NULL && class != last)
            r = add(set, class);
        if (r == 0)
            r = add(set, &specs[i]);
        last = class;
    }
    return r;
}

void control_set_finish(struct control_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        control_finish(&set->controls[i]);
    free(set->controls);
    *set = (struct control_set){0};
}

void control_set_reset(struct control_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        control_reset(&set->controls[i]);
}

struct control *control_set_find(const struct control_set *set, uint32_t id)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->controls[i].spec->id == id)
            return &set->controls[i];
    return NULL;
}

struct control *control_set_next(const struct control_set *set, uint32_t id, bool plain,
                                 bool compound)
{
    for (unsigned i = 0; i < set->count; i++) {
        struct control *control = &set->controls[i];
        bool wanted = control_is_compound(control->spec) ? compound : plain;

        if (control->spec->id > id && wanted)
            return control;
    }
    return NULL;
}

int64_t control_set_value(const struct control_set *set, uint32_t id)
{
    const struct control *control = control_set_find(set, id);

    return control != NULL ? control->value : 0;
}

void control_set_refresh(struct control_set *set, struct control *control)
{
    if ((control->flags & V4L2_CTRL_FLAG_VOLATILE) && set->ops != NULL && set->ops->refresh != NULL)
        set->ops->refresh(set->context, control);
}

void control_set_event(struct control_set *set, struct control *control, uint32_t changes,
                       struct v4l2_event *event)
{
    const struct control_spec *spec = control->spec;
    bool menu = spec->type == V4L2_CTRL_TYPE_MENU || spec->type == V4L2_CTRL_TYPE_INTEGER_MENU;
    struct v4l2_event_ctrl *ctrl = &event->u.ctrl;

    *event = (struct v4l2_event){.type = V4L2_EVENT_CTRL, .id = spec->id};
    ctrl->changes = changes;
    ctrl->type = spec->type;
    ctrl->flags = control->flags;
    if (control->data != NULL)
        ctrl->flags |= V4L2_CTRL_FLAG_HAS_PAYLOAD;
    else
        ctrl->value64 = control->value;
    ctrl->minimum = (int32_t)spec->minimum;
    ctrl->maximum = (int32_t)spec->maximum;
    ctrl->step = menu ? 1 : (int32_t)spec->step;
    ctrl->default_value = (int32_t)spec->initial;
}

static void tell(struct control_set *set, struct control *control, const struct session *cause,
                 uint32_t changes)
{
    struct v4l2_event event;

    control_set_event(set, control, changes, &event);
    subscription_raise(set->context, cause, &event);
}

void control_set_put(struct control_set *set, uint32_t id, int64_t value)
{
    struct control *control = control_set_find(set, id);

    if (control == NULL || control->data != NULL || control_stage(control, value) != 0)
        return;
    if (control_staged_differs(control)) {
        control_apply(control);
        estate_controls(set);
        tell(set, control, NULL, V4L2_EVENT_CTRL_CH_VALUE);
    }
    control->staged = false;
}

void control_set_mark(struct control_set *set, uint32_t id, uint32_t flags, bool on)
{
    struct control *control = control_set_find(set, id);
    uint32_t now;

    if (control == NULL)
        return;
    now = on ? control->flags | flags : control->flags & ~flags;
    if (now == control->flags)
        return;
    control->flags = now;
    tell(set, control, NULL, V4L2_EVENT_CTRL_CH_FLAGS);
}

void control_set_drop(struct control_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        set->controls[i].staged = false;
}

static int accept_all(struct control_set *set)
{
    if (set->ops == NULL || set->ops->accept == NULL)
        return 0;
    for (unsigned i = 0; i < set->count; i++) {
        struct control *control = &set->controls[i];
        int r =
            control->staged ? set->ops->accept(set->context, control, control->staged_value) : 0;

        if (r != 0)
            return r;
    }
    return 0;
}

int control_set_commit(struct control_set *set, const struct session *cause)
{
    int r = accept_all(set);

    if (r != 0) {
        control_set_drop(set);
        return r;
    }
    /* Those that stay staged are the ones that changed. */
    for (unsigned i = 0; i < set->count; i++) {
        struct control *control = &set->controls[i];
        bool differs = control->staged && control_staged_differs(control);

        if (differs)
            control_apply(control);
        control->staged = differs;
    }
    estate_controls(set);
    for (unsigned i = 0; i < set->count; i++) {
        struct control *control = &set->controls[i];

        if (!control->staged)
            continue;
        control->staged = false;
        tell(set, control, cause, V4L2_EVENT_CTRL_CH_VALUE);
        if (set->ops != NULL && set->ops->changed != NULL)
            set->ops->changed(set->context, control);
    }
    return 0;
}
