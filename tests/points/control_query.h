/* SPDX-License-Identifier: MIT */
#ifndef TESTS_POINTS_CONTROL_QUERY_H
#define TESTS_POINTS_CONTROL_QUERY_H

/* Going through a node's controls. */
#include "tests/points/points.h"

#define NEXT (V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND)

/* The first control after 'id', of either sort. */
static inline bool next_control(struct point_guest *g, uint32_t id,
                                struct v4l2_query_ext_ctrl *query)
{
    memset(query, 0xff, sizeof(*query));
    query->id = id | NEXT;
    return ASK(g, QUERY_EXT_CTRL, query) == 0;
}

#define EACH_CONTROL(g, query)                                                                     \
    for (struct v4l2_query_ext_ctrl query = {0}; next_control(g, query.id, &query);)

static inline bool is_menu(const struct v4l2_query_ext_ctrl *q)
{
    return q->type == V4L2_CTRL_TYPE_MENU || q->type == V4L2_CTRL_TYPE_INTEGER_MENU;
}

static inline bool is_class(const struct v4l2_query_ext_ctrl *q)
{
    return q->type == V4L2_CTRL_TYPE_CTRL_CLASS;
}

/* Whether the older calls, with 32 bits, take it. */
static inline bool is_small(const struct v4l2_query_ext_ctrl *q)
{
    return !(q->flags & V4L2_CTRL_FLAG_HAS_PAYLOAD) && q->type != V4L2_CTRL_TYPE_INTEGER64;
}

static inline bool is_settable(const struct v4l2_query_ext_ctrl *q)
{
    return !(q->flags & (V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_GRABBED)) && !is_class(q);
}

static inline bool is_number(const struct v4l2_query_ext_ctrl *q)
{
    return !(q->flags & V4L2_CTRL_FLAG_HAS_PAYLOAD) && q->type != V4L2_CTRL_TYPE_BUTTON &&
           !is_class(q);
}

#endif
