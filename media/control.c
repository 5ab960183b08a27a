/* SPDX-License-Identifier: MIT */
#include "media/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_array(const struct control_spec *spec)
{
    return spec->dims[0] != 0;
}

bool control_is_compound(const struct control_spec *spec)
{
    return is_array(spec) || spec->type >= V4L2_CTRL_COMPOUND_TYPES;
}

bool control_has_data(const struct control_spec *spec)
{
    return control_is_compound(spec) || spec->type == V4L2_CTRL_TYPE_STRING;
}

uint32_t control_elems(const struct control_spec *spec)
{
    uint32_t elems = 1;

    for (unsigned i = 0; i < V4L2_CTRL_MAX_DIMS && spec->dims[i] != 0; i++)
        elems *= spec->dims[i];
    return elems;
}

uint32_t control_elem_size(const struct control_spec *spec)
{
    switch (spec->type) {
    case V4L2_CTRL_TYPE_INTEGER64:
        return sizeof(int64_t);
    case V4L2_CTRL_TYPE_STRING:
        return (uint32_t)spec->maximum + 1;
    case V4L2_CTRL_TYPE_U8:
        return sizeof(uint8_t);
    case V4L2_CTRL_TYPE_U16:
        return sizeof(uint16_t);
    case V4L2_CTRL_TYPE_U32:
        return sizeof(uint32_t);
    case V4L2_CTRL_TYPE_AREA:
        return sizeof(struct v4l2_area);
    default:
        return spec->type < V4L2_CTRL_COMPOUND_TYPES ? (uint32_t)sizeof(int32_t) : spec->elem_size;
    }
}

/* The number at 'at', of an array's element. */
static int64_t number_get(const struct control_spec *spec, const uint8_t *at)
{
    uint32_t size = control_elem_size(spec);
    uint32_t word = 0;
    int64_t value;

    if (size == sizeof(value)) {
        memcpy(&value, at, sizeof(value));
        return value;
    }
    memcpy(&word, at, size);
    return spec->type == V4L2_CTRL_TYPE_INTEGER ? (int64_t)(int32_t)word : (int64_t)word;
}

static void number_put(const struct control_spec *spec, uint8_t *at, int64_t value)
{
    memcpy(at, &value, control_elem_size(spec)); /* the low bytes: the wire is little endian */
}

/* The multiple of the step from the minimum on that is nearest. */
static int64_t fit_number(const struct control_spec *spec, int64_t value)
{
    uint64_t range = (uint64_t)spec->maximum - (uint64_t)spec->minimum;
    uint64_t offset, rest;

    if (value <= spec->minimum)
        return spec->minimum;
    offset = value >= spec->maximum ? range : (uint64_t)value - (uint64_t)spec->minimum;
    rest = spec->step > 1 ? offset % spec->step : 0;
    offset -= rest;
    if (rest > 0 && rest >= spec->step - rest && range - offset >= spec->step)
        offset += spec->step;
    return (int64_t)((uint64_t)spec->minimum + offset);
}

static int check_menu(const struct control_spec *spec, int64_t value)
{
    if (value < spec->minimum || value > spec->maximum)
        return -ERANGE;
    return value < 64 && ((spec->step >> value) & 1) ? -EINVAL : 0;
}

static int fit(const struct control_spec *spec, int64_t *value)
{
    switch (spec->type) {
    case V4L2_CTRL_TYPE_BOOLEAN:
        *value = *value != 0;
        return 0;
    case V4L2_CTRL_TYPE_MENU:
    case V4L2_CTRL_TYPE_INTEGER_MENU:
        return check_menu(spec, *value);
    case V4L2_CTRL_TYPE_BITMASK:
        *value &= spec->maximum;
        return 0;
    case V4L2_CTRL_TYPE_BUTTON:
    case V4L2_CTRL_TYPE_CTRL_CLASS:
        *value = 0;
        return 0;
    default:
        *value = fit_number(spec, *value);
        return 0;
    }
}

static bool is_number(const struct control_spec *spec)
{
    return spec->type < V4L2_CTRL_COMPOUND_TYPES || spec->type == V4L2_CTRL_TYPE_U8 ||
           spec->type == V4L2_CTRL_TYPE_U16 || spec->type == V4L2_CTRL_TYPE_U32;
}

static void initial_string(const struct control_spec *spec, uint8_t *to)
{
    memset(to, 0, control_elem_size(spec));
    if (spec->initial_data != NULL)
        strncpy((char *)to, spec->initial_data, (size_t)spec->maximum);
    else
        memset(to, ' ', (size_t)spec->minimum);
}

void control_initial_data(const struct control *control, uint8_t *to)
{
    const struct control_spec *spec = control->spec;
    uint32_t elems = control_elems(spec), size = control_elem_size(spec);

    for (uint32_t i = 0; i < elems; i++, to += size) {
        if (spec->type == V4L2_CTRL_TYPE_STRING)
            initial_string(spec, to);
        else if (is_number(spec))
            number_put(spec, to, spec->initial);
        else if (spec->initial_data != NULL)
            memcpy(to, spec->initial_data, size);
        else
            memset(to, 0, size);
    }
}

void control_reset(struct control *control)
{
    control->value = control->spec->initial;
    control->flags = control->spec->flags;
    control->staged = false;
    if (control->data != NULL)
        control_initial_data(control, control->data);
}

int control_init(struct control *control, const struct control_spec *spec)
{
    *control = (struct control){.spec = spec};
    if (control_has_data(spec)) {
        control->size = control_elems(spec) * control_elem_size(spec);
        control->data = calloc(2, control->size);
        if (control->data == NULL)
            return -ENOMEM;
        control->staged_data = control->data + control->size;
    }
    control_reset(control);
    return 0;
}

void control_finish(struct control *control)
{
    free(control->data);
    control->data = control->staged_data = NULL;
}

int control_stage(struct control *control, int64_t value)
{
    int r = fit(control->spec, &value);

    if (r != 0)
        return r;
    control->staged_value = value;
    control->staged = true;
    return 0;
}

/* The last byte given is the string's end, whatever it is; a byte too many is not. */
static int stage_string(struct control *control, uint32_t size)
{
    const struct control_spec *spec = control->spec;
    char *text = (char *)control->staged_data;
    size_t length;

    if (size == 0 || (size == control->size && memchr(text, 0, size) == NULL))
        return -ERANGE;
    text[size - 1] = 0;
    length = strlen(text);
    memset(text + length, 0, control->size - length);
    if (length < (uint64_t)spec->minimum)
        return -ERANGE;
    return spec->step > 1 && (length - (uint64_t)spec->minimum) % spec->step != 0 ? -ERANGE : 0;
}

static int stage_element(const struct control_spec *spec, uint8_t *at)
{
    struct v4l2_area area;
    int64_t value;
    int r;

    if (is_number(spec)) {
        value = number_get(spec, at);
        r = fit(spec, &value);
        number_put(spec, at, value);
        return r;
    }
    if (spec->type != V4L2_CTRL_TYPE_AREA)
        return 0;
    memcpy(&area, at, sizeof(area));
    return area.width == 0 || area.height == 0 ? -EINVAL : 0;
}

int control_stage_data(struct control *control, uint32_t size)
{
    const struct control_spec *spec = control->spec;
    uint32_t step = control_elem_size(spec);
    int r = 0;

    control->staged = false;
    if (size > control->size)
        size = control->size;
    if (spec->type == V4L2_CTRL_TYPE_STRING)
        r = stage_string(control, size);
    else if (size < control->size)
        r = -EFAULT;
    else
        for (uint32_t at = 0; at < size && r == 0; at += step)
            r = stage_element(spec, control->staged_data + at);
    control->staged = r == 0;
    return r;
}

bool control_staged_differs(const struct control *control)
{
    if (control->spec->type == V4L2_CTRL_TYPE_BUTTON ||
        (control->flags & V4L2_CTRL_FLAG_EXECUTE_ON_WRITE))
        return true;
    if (control->data != NULL)
        return memcmp(control->data, control->staged_data, control->size) != 0;
    return control->value != control->staged_value;
}

void control_apply(struct control *control)
{
    if (control->data != NULL)
        memcpy(control->data, control->staged_data, control->size);
    else
        control->value = control->staged_value;
    control->staged = false;
}
