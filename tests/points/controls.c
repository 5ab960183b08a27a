/* SPDX-License-Identifier: MIT */
#include "tests/points/control_query.h"

static void controls_are_in_order(struct point_guest *g)
{
    uint32_t last = 0, class = 0;

    EACH_CONTROL(g, query)
    {
        assert_true(query.id > last);
        assert_int_not_equal(query.name[0], 0);
        assert_non_null(memchr(query.name, 0, sizeof(query.name)));
        for (unsigned i = 0; i < 32; i++)
            assert_int_equal(query.reserved[i], 0);
        assert_int_equal(query.flags & V4L2_CTRL_FLAG_DISABLED, 0);
        if (is_class(&query)) { /* heads those of its class */
            assert_int_equal(query.id & 0xffff, 1);
            assert_int_equal(query.flags & V4L2_CTRL_FLAG_READ_ONLY, V4L2_CTRL_FLAG_READ_ONLY);
            assert_int_equal(query.flags & V4L2_CTRL_FLAG_WRITE_ONLY, V4L2_CTRL_FLAG_WRITE_ONLY);
            class = V4L2_CTRL_ID2WHICH(query.id);
        }
        assert_int_equal(V4L2_CTRL_ID2WHICH(query.id), class);
        last = query.id;
    }
    assert_int_equal(last > 0, (g->subject->has & POINT_CONTROLS) != 0);
}

static void ranges_make_sense(struct point_guest *g)
{
    EACH_CONTROL(g, q)
    {
        uint32_t elems = 1;

        for (unsigned i = 0; i < q.nr_of_dims; i++)
            elems *= q.dims[i];
        assert_int_equal(q.elems, elems);
        assert_true(q.elem_size > 0);
        assert_int_equal((q.flags & V4L2_CTRL_FLAG_HAS_PAYLOAD) != 0,
                         q.nr_of_dims > 0 || q.type == V4L2_CTRL_TYPE_STRING ||
                             q.type >= V4L2_CTRL_COMPOUND_TYPES);
        if (q.type == V4L2_CTRL_TYPE_STRING || is_class(&q) ||
            (q.type >= V4L2_CTRL_COMPOUND_TYPES && q.type != V4L2_CTRL_TYPE_U8 &&
             q.type != V4L2_CTRL_TYPE_U16 && q.type != V4L2_CTRL_TYPE_U32))
            continue;
        assert_true(q.minimum <= q.maximum);
        assert_true(q.default_value >= q.minimum && q.default_value <= q.maximum);
        if (q.type == V4L2_CTRL_TYPE_BOOLEAN)
            assert_true(q.minimum == 0 && q.maximum == 1 && q.step == 1);
        if (q.type == V4L2_CTRL_TYPE_INTEGER)
            assert_true(q.step > 0 && ((uint64_t)(q.default_value - q.minimum)) % q.step == 0);
        if (q.type == V4L2_CTRL_TYPE_BITMASK)
            assert_true(q.minimum == 0 && q.step == 0);
        if (is_menu(&q))
            assert_true(q.minimum >= 0 && q.step == 1);
    }
}

static void next_goes_by_sort(struct point_guest *g)
{
    struct v4l2_query_ext_ctrl plain = {.id = V4L2_CTRL_FLAG_NEXT_CTRL};
    struct v4l2_query_ext_ctrl compound = {.id = V4L2_CTRL_FLAG_NEXT_COMPOUND};
    unsigned all = 0, found = 0;

    EACH_CONTROL(g, query)
    {
        all++;
    }
    for (; ASK(g, QUERY_EXT_CTRL, &plain) == 0; found++) {
        assert_true(plain.nr_of_dims == 0 && plain.type < V4L2_CTRL_COMPOUND_TYPES);
        plain.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
    }
    for (; ASK(g, QUERY_EXT_CTRL, &compound) == 0; found++) {
        assert_true(compound.nr_of_dims > 0 || compound.type >= V4L2_CTRL_COMPOUND_TYPES);
        compound.id |= V4L2_CTRL_FLAG_NEXT_COMPOUND;
    }
    assert_int_equal(found, all);
}

static void unknown_controls(struct point_guest *g)
{
    static const uint32_t ids[] = {0, V4L2_CID_BASE + 0xfff, V4L2_CID_PRIVATE_BASE, 0x0fffffff};

    for (unsigned i = 0; i < 4; i++) {
        struct v4l2_query_ext_ctrl query = {.id = ids[i]};
        struct v4l2_queryctrl small = {.id = ids[i]};
        struct v4l2_querymenu menu = {.id = ids[i]};
        struct v4l2_control control = {.id = ids[i]};
        struct point_controls call = {.head = {.count = 1}, .one = {{.id = ids[i]}}};

        assert_int_equal(ASK(g, QUERY_EXT_CTRL, &query), EINVAL);
        assert_int_equal(ASK(g, QUERYCTRL, &small), EINVAL);
        assert_int_equal(ASK(g, QUERYMENU, &menu), EINVAL);
        assert_int_equal(ASK(g, G_CTRL, &control), EINVAL);
        assert_int_equal(ASK(g, S_CTRL, &control), EINVAL);
        assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), EINVAL);
        assert_int_equal(point_ext(g, S_EXT_CTRLS, &call), EINVAL);
        assert_int_equal(point_ext(g, TRY_EXT_CTRLS, &call), EINVAL);
    }
}

static void the_older_query_agrees(struct point_guest *g)
{
    EACH_CONTROL(g, q)
    {
        struct v4l2_queryctrl small = {.id = q.id};

        assert_int_equal(ASK(g, QUERYCTRL, &small), 0);
        assert_int_equal(small.id, q.id);
        assert_int_equal(small.type, q.type);
        assert_int_equal(small.flags, q.flags);
        assert_string_equal((char *)small.name, q.name);
        assert_int_equal(small.reserved[0] | small.reserved[1], 0);
        if (!is_small(&q))
            continue;
        assert_int_equal(small.minimum, (int32_t)q.minimum);
        assert_int_equal(small.maximum, (int32_t)q.maximum);
        assert_int_equal(small.default_value, (int32_t)q.default_value);
    }
}

static void menus_have_items(struct point_guest *g)
{
    EACH_CONTROL(g, q)
    {
        struct v4l2_querymenu menu = {.id = q.id, .index = (uint32_t)q.default_value};

        if (!is_menu(&q)) {
            assert_int_equal(ASK(g, QUERYMENU, &menu), EINVAL);
            continue;
        }
        assert_int_equal(ASK(g, QUERYMENU, &menu), 0);
        for (int64_t i = 0; i <= q.maximum + 1; i++) {
            struct v4l2_control set = {.id = q.id, .value = (int32_t)i};
            uint32_t status;

            memset(&menu, 0xff, sizeof(menu));
            menu.id = q.id;
            menu.index = (uint32_t)i;
            status = ASK(g, QUERYMENU, &menu);
            assert_true(status == 0 || status == EINVAL);
            if (i < q.minimum || i > q.maximum)
                assert_int_equal(status, EINVAL);
            if (status == 0) {
                assert_int_equal(menu.reserved, 0);
                if (q.type == V4L2_CTRL_TYPE_MENU)
                    assert_true(menu.name[0] != 0 && memchr(menu.name, 0, sizeof(menu.name)));
            }
            if (is_settable(&q)) /* what is no item cannot be set */
                assert_int_equal(ASK(g, S_CTRL, &set) == 0, status == 0);
        }
    }
}

static void values_begin_at_their_defaults(struct point_guest *g)
{
    EACH_CONTROL(g, q)
    {
        struct v4l2_control control = {.id = q.id};
        uint32_t status = ASK(g, G_CTRL, &control);

        if (!is_small(&q))
            assert_int_equal(status, EINVAL);
        else if (q.flags & V4L2_CTRL_FLAG_WRITE_ONLY)
            assert_int_equal(status, EACCES);
        else
            assert_int_equal(status, 0);
        if (status == 0 && !(q.flags & V4L2_CTRL_FLAG_VOLATILE))
            assert_int_equal(control.value, (int32_t)q.default_value);
    }
}

static void values_are_fitted(struct point_guest *g)
{
    EACH_CONTROL(g, q)
    {
        static const int32_t wishes[] = {INT32_MIN, INT32_MAX, 0, -1, 1};

        if (!is_small(&q) || !is_settable(&q))
            continue;
        for (unsigned i = 0; i < 5; i++) {
            struct v4l2_control set = {.id = q.id, .value = wishes[i]}, now = {.id = q.id};
            uint32_t status = ASK(g, S_CTRL, &set);
            bool inside = wishes[i] >= q.minimum && wishes[i] <= q.maximum;

            if (is_menu(&q) && !inside) {
                assert_int_equal(status, ERANGE);
                continue;
            }
            if (is_menu(&q) && status == EINVAL)
                continue;
            assert_int_equal(status, 0);
            if (!is_number(&q))
                continue;
            if (q.type != V4L2_CTRL_TYPE_BITMASK)
                assert_true(set.value >= q.minimum && set.value <= q.maximum);
            assert_int_equal(ASK(g, G_CTRL, &now), 0);
            assert_int_equal(now.value, set.value);
        }
    }
}

static void some_cannot_be_set(struct point_guest *g)
{
    EACH_CONTROL(g, q)
    {
        struct v4l2_control control = {.id = q.id};
        struct point_controls call = {.head = {.count = 1}, .one = {{.id = q.id}}};

        if (!(q.flags & V4L2_CTRL_FLAG_READ_ONLY) || (q.flags & V4L2_CTRL_FLAG_HAS_PAYLOAD))
            continue;
        if (is_small(&q))
            assert_int_equal(ASK(g, S_CTRL, &control), EACCES);
        assert_int_equal(point_ext(g, S_EXT_CTRLS, &call), EACCES);
        assert_int_equal(call.head.error_idx, 1);
        assert_int_equal(point_ext(g, TRY_EXT_CTRLS, &call), EACCES);
        assert_int_equal(call.head.error_idx, 0);
        if (q.flags & V4L2_CTRL_FLAG_WRITE_ONLY)
            assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), EACCES);
    }
}

POINTS(point_controls,
       {"VIDIOC_QUERY_EXT_CTRL", "NEXT goes through all by ascending id, a class before its own",
        controls_are_in_order, 0},
       {"VIDIOC_QUERY_EXT_CTRL", "ranges, defaults, sizes and flags are of the control's type",
        ranges_make_sense, 0},
       {"VIDIOC_QUERY_EXT_CTRL", "NEXT_CTRL gives what is not compound, NEXT_COMPOUND what is",
        next_goes_by_sort, 0},
       {"VIDIOC_QUERYCTRL", "EINVAL for a control that is not there, from every call",
        unknown_controls, 0},
       {"VIDIOC_QUERYCTRL", "says the same as QUERY_EXT_CTRL", the_older_query_agrees, 0},
       {"VIDIOC_QUERYMENU", "names the items that can be set, EINVAL for all others",
        menus_have_items, 0},
       {"VIDIOC_G_CTRL", "a value begins at its default; EACCES where it cannot be read",
        values_begin_at_their_defaults, 0},
       {"VIDIOC_S_CTRL", "a value is brought into range, of a menu refused with ERANGE",
        values_are_fitted, 0},
       {"VIDIOC_S_CTRL", "EACCES where it cannot be set, classes among them", some_cannot_be_set,
        0});
