/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <linux/videodev2.h>

#include "media/context.h"
#include "media/ioctl.h"
#include "media/media.h"
#include "media/scatter.h"

/* Controls of one call; those with data are spread over guest memory. */
struct ext_call {
    struct control_set *set;
    struct guest_memory *memory;
    struct v4l2_ext_controls *head;
    struct v4l2_ext_control *controls; /* head->count of them */
    struct scatter places;
};

/* The controls come back whatever happens: a driver wants to see error_idx and sizes. */
static int begin(struct context *context, struct ioctl_call *call, struct ext_call *ext)
{
    static struct control_set none;
    struct v4l2_ext_controls *head = call->payload;
    size_t size = (size_t)head->count * sizeof(struct v4l2_ext_control);

    head->error_idx = head->count;
    head->reserved[0] = 0;
    call->tail_answer = size < call->tail_size ? size : call->tail_size;
    if (head->count > V4L2_CID_MAX_CTRLS || size > call->tail_size)
        return -EINVAL;
    *ext = (struct ext_call){
        .set = context->controls != NULL ? context->controls : &none,
        .memory = context->media->device.host->memory,
        .head = head,
        .controls = call->tail,
        .places = {(const uint8_t *)call->tail + size,
                   (call->tail_size - size) / sizeof(struct virtio_media_sg)},
    };
    for (uint32_t i = 0; i < head->count; i++)
        ext->controls[i].reserved2[0] = 0;
    return 0;
}

/* The control number 'i' of the call; NULL: there is none, or it is of another class than asked. */
static struct control *control_at(const struct ext_call *ext, uint32_t i)
{
    uint32_t id = ext->controls[i].id, which = ext->head->which;

    if (which != V4L2_CTRL_WHICH_CUR_VAL && which != V4L2_CTRL_WHICH_DEF_VAL &&
        V4L2_CTRL_ID2WHICH(id) != which)
        return NULL;
    return control_set_find(ext->set, id);
}

/* A call without controls asks whether their class is there. */
static int check_class(const struct ext_call *ext, bool defaults)
{
    uint32_t which = ext->head->which;

    if (which == V4L2_CTRL_WHICH_CUR_VAL || (defaults && which == V4L2_CTRL_WHICH_DEF_VAL))
        return 0;
    return control_set_find(ext->set, V4L2_CTRL_ID2WHICH(which) | 1) != NULL ? 0 : -EINVAL;
}

static bool is_string(const struct control *control)
{
    return control->spec->type == V4L2_CTRL_TYPE_STRING;
}

/* Whether the room that the driver has for a control's data is large enough; strings are looked at
 * when their length is known. */
static bool has_room(const struct control *control, const struct v4l2_ext_control *wish)
{
    return control->data == NULL || is_string(control) || wish->size >= control->size;
}

static int check_get(struct ext_call *ext)
{
    for (uint32_t i = 0; i < ext->head->count; i++) {
        struct v4l2_ext_control *wish = &ext->controls[i];
        const struct control *control = control_at(ext, i);

        if (control == NULL)
            return -EINVAL;
        if (!has_room(control, wish)) {
            wish->size = control->size;
            return -ENOSPC;
        }
    }
    for (uint32_t i = 0; i < ext->head->count; i++)
        if (control_at(ext, i)->flags & V4L2_CTRL_FLAG_WRITE_ONLY)
            return -EACCES;
    return 0;
}

/* Writes a control's data to where the driver wants them. */
static int put_data(struct ext_call *ext, struct v4l2_ext_control *wish,
                    const struct control *control, const uint8_t *data, const struct scatter *place)
{
    uint32_t size = control->size;

    if (is_string(control)) {
        size = (uint32_t)strlen((const char *)data) + 1;
        if (wish->size < size) {
            wish->size = control->size;
            return -ENOSPC;
        }
    } else {
        wish->size = size;
    }
    return scatter_write(place, ext->memory, data, size) ? 0 : -EFAULT;
}

static int get_one(struct ext_call *ext, uint32_t i)
{
    struct v4l2_ext_control *wish = &ext->controls[i];
    struct control *control = control_at(ext, i);
    bool defaults = ext->head->which == V4L2_CTRL_WHICH_DEF_VAL;
    struct scatter place;
    int64_t value;

    if (!scatter_take(&ext->places, wish->size, &place))
        return -EFAULT;
    if (!defaults)
        control_set_refresh(ext->set, control);
    if (control->data != NULL) {
        if (defaults)
            control_initial_data(control, control->staged_data);
        return put_data(ext, wish, control, defaults ? control->staged_data : control->data,
                        &place);
    }
    value = defaults ? control->spec->initial : control->value;
    if (control->spec->type == V4L2_CTRL_TYPE_INTEGER64)
        wish->value64 = value;
    else
        wish->value = (int32_t)value;
    return 0;
}

int ioctl_g_ext_ctrls(struct context *context, struct ioctl_call *call)
{
    struct ext_call ext;
    int r = begin(context, call, &ext);

    if (r == 0)
        r = ext.head->count == 0 ? check_class(&ext, true) : check_get(&ext);
    for (uint32_t i = 0; r == 0 && i < ext.head->count; i++) {
        r = get_one(&ext, i);
        if (r != 0)
            ext.head->error_idx = i;
    }
    return r;
}

/* Brings the wish for control number 'i' into range. */
static int stage_one(struct ext_call *ext, uint32_t i, bool set)
{
    struct v4l2_ext_control *wish = &ext->controls[i];
    struct control *control = control_at(ext, i);
    struct scatter place;

    if (!scatter_take(&ext->places, wish->size, &place))
        return -EFAULT;
    if (control->flags & V4L2_CTRL_FLAG_READ_ONLY)
        return -EACCES;
    if (set && (control->flags & V4L2_CTRL_FLAG_GRABBED))
        return -EBUSY;
    if (control->data != NULL) {
        uint32_t size = wish->size < control->size ? wish->size : control->size;

        if (!scatter_read(&place, ext->memory, control->staged_data, size))
            return -EFAULT;
        return control_stage_data(control, wish->size);
    }
    if (control->spec->type == V4L2_CTRL_TYPE_INTEGER64)
        return control_stage(control, wish->value64);
    return control_stage(control, wish->value);
}

static int check_and_stage(struct ext_call *ext, bool set)
{
    for (uint32_t i = 0; i < ext->head->count; i++) {
        const struct control *control = control_at(ext, i);

        ext->head->error_idx = i;
        if (control == NULL)
            return -EINVAL;
        if (!has_room(control, &ext->controls[i]))
            return -EFAULT;
    }
    for (uint32_t i = 0; i < ext->head->count; i++) {
        int r = stage_one(ext, i, set);

        ext->head->error_idx = i;
        if (r != 0)
            return r;
    }
    ext->head->error_idx = ext->head->count;
    return 0;
}

/* The driver is shown what became of its wishes. */
static int show_staged(struct ext_call *ext)
{
    for (uint32_t i = 0; i < ext->head->count; i++) {
        struct v4l2_ext_control *wish = &ext->controls[i];
        struct control *control = control_at(ext, i);
        struct scatter place;
        int r = 0;

        if (!scatter_take(&ext->places, wish->size, &place))
            return -EFAULT;
        if (control->data != NULL)
            r = put_data(ext, wish, control, control->staged_data, &place);
        else if (control->spec->type == V4L2_CTRL_TYPE_INTEGER64)
            wish->value64 = control->staged_value;
        else
            wish->value = (int32_t)control->staged_value;
        if (r != 0)
            return r;
    }
    return 0;
}

static int set_or_try(struct context *context, struct ioctl_call *call, bool set)
{
    struct ext_call ext;
    struct scatter places;
    int r = begin(context, call, &ext);

    if (r != 0)
        return r;
    if (ext.head->which == V4L2_CTRL_WHICH_DEF_VAL) /* a default cannot be set */
        return -EINVAL;
    if (ext.head->count == 0)
        return check_class(&ext, false);
    places = ext.places;
    r = check_and_stage(&ext, set);
    ext.places = places;
    if (r == 0)
        r = show_staged(&ext);
    if (r == 0 && set)
        r = control_set_commit(ext.set, call->session);
    control_set_drop(ext.set);
    /* So a driver tells that nothing was set. */
    if (r != 0 && set)
        ext.head->error_idx = ext.head->count;
    return r;
}

int ioctl_s_ext_ctrls(struct context *context, struct ioctl_call *call)
{
    return set_or_try(context, call, true);
}

int ioctl_try_ext_ctrls(struct context *context, struct ioctl_call *call)
{
    return set_or_try(context, call, false);
}
