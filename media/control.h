/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_CONTROL_H
#define MEDIA_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/videodev2.h>

/* What a control is: a row of a kind's table, in ascending order of ids, without the class rows
 * (V4L2_CTRL_TYPE_CTRL_CLASS), which are made from the ids. */
struct control_spec {
    uint32_t id;              /* V4L2_CID_* */
    uint32_t type;            /* enum v4l2_ctrl_type */
    const char *name;         /* at most 31 bytes */
    int64_t minimum, maximum; /* of a string: bytes without its end */
    uint64_t step;            /* of a menu: the mask of what is left out, bit n for item n */
    int64_t initial;
    uint32_t flags;                    /* V4L2_CTRL_FLAG_READ_ONLY, _VOLATILE, _SLIDER, ... */
    const char *const *menu;           /* of a menu: from item 0 to 'maximum' */
    const int64_t *integer_menu;       /* of an integer menu */
    uint32_t dims[V4L2_CTRL_MAX_DIMS]; /* of an array; all 0: a single value */
    uint32_t elem_size;                /* of a compound control: bytes; else 0 */
    const void *initial_data;          /* of a compound control: one element; of a string: the
                                          string; NULL: zeros, or the shortest string of blanks */
};

struct control {
    const struct control_spec *spec;
    int64_t value; /* of a single number: the one in force */
    uint8_t *data; /* owned; of every other: its bytes as on the wire, 'size' of them; else NULL */
    uint32_t size;
    uint32_t flags; /* of the spec, and those that come and go: GRABBED, INACTIVE */
    /* What a call wishes, in range, until it is applied to all of the call's controls or none. */
    bool staged;
    int64_t staged_value;
    uint8_t *staged_data; /* owned; as 'data' */
};

/* 'spec' is borrowed. 0 or -ENOMEM; needs an end either way. */
int control_init(struct control *control, const struct control_spec *spec);
void control_finish(struct control *control);
/* The initial value, and the flags of the spec. */
void control_reset(struct control *control);

/* Whether it is none of those that a single number describes: a string, an array, a compound. */
bool control_has_data(const struct control_spec *spec);
/* Whether NEXT_CTRL alone passes it over: an array or a compound. */
bool control_is_compound(const struct control_spec *spec);
/* The number of its elements, 1 if it is no array, and the bytes of each. */
uint32_t control_elems(const struct control_spec *spec);
uint32_t control_elem_size(const struct control_spec *spec);
/* Writes the initial value of a control with data, all its bytes. */
void control_initial_data(const struct control *control, uint8_t *to);

/* Wishes for a number: brings it into range. -ERANGE: a menu has no such item; -EINVAL: that item
 * is left out. */
int control_stage(struct control *control, int64_t value);
/* Wishes for the first 'size' bytes of staged_data: a string of up to all its bytes, or else all
 * of an array or compound. Brings every number of an array into range. -ERANGE: a string of the
 * wrong length; -EFAULT: too few bytes; -EINVAL, -ERANGE as above. */
int control_stage_data(struct control *control, uint32_t size);
/* Whether the wish is another value than the one in force. A button is always pressed. */
bool control_staged_differs(const struct control *control);
/* The wish is the value now. */
void control_apply(struct control *control);

#endif
