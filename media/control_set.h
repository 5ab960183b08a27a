/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_CONTROL_SET_H
#define MEDIA_CONTROL_SET_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

struct session;
struct context;

/*
 * The controls of a context, with the rules that Linux's control framework gives them: values are
 * brought into range or refused, read-only ones are not set, a call with several controls sets all
 * or none, and who subscribed is told what changed.
 */

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
};

struct control {
    const struct control_spec *spec;
    int64_t value; /* of a single number: the one in force */
    uint8_t *data; /* owned; of every other: its bytes as on the wire, 'size' of them; else NULL */
    uint32_t size;
};

/* Who has the controls. */
struct control_set_ops {
    /* A volatile control is asked for: brings control->value up to date. NULL: there are none. */
    void (*refresh)(struct context *context, struct control *control);
    /* A value that is in range is wished for: -errno refuses it (-EBUSY while it streams). NULL:
     * all are well. */
    int (*accept)(struct context *context, const struct control *control, int64_t value);
    /* A value has changed. NULL: nobody wants to know. */
    void (*changed)(struct context *context, struct control *control);
};

struct control_set {
    const struct control_set_ops *ops;
    struct context *context; /* borrowed */
    struct control *controls;
    unsigned count;
};

/* Sets of 'count' rows ('specs' is borrowed), with their initial values. 0 or -ENOMEM. */
int control_set_init(struct control_set *set, struct context *context,
                     const struct control_set_ops *ops, const struct control_spec *specs,
                     unsigned count);
/* Also after a failed init. */
void control_set_finish(struct control_set *set);
/* All values are the initial ones again; nobody is told. */
void control_set_reset(struct control_set *set);

/* The control of that id, or NULL. */
struct control *control_set_find(const struct control_set *set, uint32_t id);
/* The value of a control that is there. */
int64_t control_set_value(const struct control_set *set, uint32_t id);
/* The device itself changes a value, in range, read-only or not; subscribers are told, 'changed' is
 * not called. */
void control_set_put(struct control_set *set, uint32_t id, int64_t value);

#endif
