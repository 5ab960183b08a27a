/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_CONTROL_SET_H
#define MEDIA_CONTROL_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "media/control.h"

struct session;
struct context;

/*
 * The controls of a context, with the rules that Linux's control framework gives them: values are
 * brought into range or refused, read-only ones are not set, a call with several controls sets all
 * or none, and who subscribed is told what changed.
 */

/* Who has the controls. */
struct control_set_ops {
    /* A volatile control is asked for: brings control->value up to date. NULL: there are none. */
    void (*refresh)(struct context *context, struct control *control);
    /* A value that is in range is wished for: -errno refuses it (-EBUSY while it streams). Of a
     * control with data, the bytes are control->staged_data. NULL: all are well. */
    int (*accept)(struct context *context, const struct control *control, int64_t value);
    /* A value has changed, or a button was pressed; the other controls of the same call have their
     * new values too. NULL: nobody wants to know. */
    void (*changed)(struct context *context, struct control *control);
};

struct control_set {
    const struct control_set_ops *ops;
    struct context *context;  /* borrowed */
    uint32_t record;          /* in the estate */
    struct control *controls; /* in ascending order of ids, a row for each class among them */
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
/* The first control with a greater id: of those that are compound, or plain, or either. NULL past
 * the end. */
struct control *control_set_next(const struct control_set *set, uint32_t id, bool plain,
                                 bool compound);
/* The value of a control that is there. */
int64_t control_set_value(const struct control_set *set, uint32_t id);
/* The device itself changes a value, in range, read-only or not; subscribers are told, 'changed' is
 * not called. */
void control_set_put(struct control_set *set, uint32_t id, int64_t value);
/* Puts flags (V4L2_CTRL_FLAG_GRABBED while it cannot be set, _INACTIVE while it has no effect) on a
 * control that is there, or takes them off; subscribers are told. */
void control_set_mark(struct control_set *set, uint32_t id, uint32_t flags, bool on);

/* Brings a volatile control up to date. */
void control_set_refresh(struct control_set *set, struct control *control);
/* What was staged takes effect, all of it or none: 0, or what 'accept' said. 'cause' is the session
 * that wished for it. Nothing is staged any more. */
int control_set_commit(struct control_set *set, const struct session *cause);
/* Nothing is staged any more. */
void control_set_drop(struct control_set *set);
/* Describes a control's state as V4L2_EVENT_CTRL does, with the V4L2_EVENT_CTRL_CH_* given. */
void control_set_event(struct control_set *set, struct control *control, uint32_t changes,
                       struct v4l2_event *event);

#endif
