/* SPDX-License-Identifier: MIT */
#include "tests/points/points.h"

#define NEXT (V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND)

/* The first control after 'id', of either sort. */
static bool next_control(struct point_guest *g, uint32_t id, struct v4l2_query_ext_ctrl *query)
{
    memset(query, 0xff, sizeof(*query));
    query->id = id | NEXT;
    return ASK(g, QUERY_EXT_CTRL, query) == 0;
}

#define EACH_CONTROL(g, query)                                                                     \
    for (struct v4l2_query_ext_ctrl query = {0}; next_control(g, query.id, &query);)

static bool is_menu(const struct v4l2_query_ext_ctrl *q)
{
    return q->type == V4L2_CTRL_TYPE_MENU || q->type == V4L2_CTRL_TYPE_INTEGER_MENU;
}

static bool is_class(const struct v4l2_query_ext_ctrl *q)
{
    return q->type == V4L2_CTRL_TYPE_CTRL_CLASS;
}

/* Whether the older calls, with 32 bits, take it. */
static bool is_small(const struct v4l2_query_ext_ctrl *q)
{
    return !(q->flags & V4L2_CTRL_FLAG_HAS_PAYLOAD) && q->type != V4L2_CTRL_TYPE_INTEGER64;
}

static bool is_settable(const struct v4l2_query_ext_ctrl *q)
{
    return !(q->flags & (V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_GRABBED)) && !is_class(q);
}

static bool is_number(const struct v4l2_query_ext_ctrl *q)
{
    return !(q->flags & V4L2_CTRL_FLAG_HAS_PAYLOAD) && q->type != V4L2_CTRL_TYPE_BUTTON &&
           !is_class(q);
}

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

static void defaults_can_be_read(struct point_guest *g)
{
    EACH_CONTROL(g, q)
    {
        struct point_controls call = {.head = {.count = 1, .which = V4L2_CTRL_WHICH_DEF_VAL},
                                      .one = {{.id = q.id}}};

        if (!is_number(&q) || (q.flags & V4L2_CTRL_FLAG_WRITE_ONLY))
            continue;
        assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), 0);
        if (q.type == V4L2_CTRL_TYPE_INTEGER64)
            assert_true(call.one[0].value64 == q.default_value);
        else
            assert_int_equal(call.one[0].value, (int32_t)q.default_value);
        assert_int_equal(point_ext(g, S_EXT_CTRLS, &call), EINVAL);
        assert_int_equal(point_ext(g, TRY_EXT_CTRLS, &call), EINVAL);
        call.head.which = V4L2_CTRL_WHICH_REQUEST_VAL; /* there are no requests */
        assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), EINVAL);
        assert_int_equal(point_ext(g, S_EXT_CTRLS, &call), EINVAL);
    }
}

static void data_say_their_size(struct point_guest *g)
{
    EACH_CONTROL(g, q)
    {
        struct point_controls call = {.head = {.count = 1}, .one = {{.id = q.id}}};
        uint32_t size = q.elems * q.elem_size;
        uint8_t *now, *again;

        if (!(q.flags & V4L2_CTRL_FLAG_HAS_PAYLOAD) || (q.flags & V4L2_CTRL_FLAG_WRITE_ONLY))
            continue;
        now = calloc(2, size);
        again = now + size;
        assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), ENOSPC);
        assert_int_equal(call.one[0].size, size);
        call.data[0] = now;
        assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), 0);
        if (is_settable(&q)) { /* what was read can be written */
            memcpy(again, now, size);
            call.one[0].size = size;
            call.data[0] = again;
            assert_int_equal(point_ext(g, S_EXT_CTRLS, &call), 0);
            assert_memory_equal(again, now, size);
            call.one[0].size = q.type == V4L2_CTRL_TYPE_STRING ? size : size - 1;
            if (q.type != V4L2_CTRL_TYPE_STRING)
                assert_int_equal(point_ext(g, S_EXT_CTRLS, &call), EFAULT);
        }
        free(now);
    }
}

/* A number that can be set, with another value than it has; id 0 if there is none. */
static struct v4l2_ext_control changeable(struct point_guest *g, int32_t *before)
{
    EACH_CONTROL(g, q)
    {
        struct v4l2_control now = {.id = q.id};

        if (!is_small(&q) || !is_settable(&q) || is_menu(&q) || !is_number(&q) ||
            q.type == V4L2_CTRL_TYPE_BITMASK || q.minimum == q.maximum)
            continue;
        assert_int_equal(ASK(g, G_CTRL, &now), 0);
        *before = now.value;
        return (struct v4l2_ext_control){
            .id = q.id,
            .value = (int32_t)(now.value == q.minimum ? q.maximum : q.minimum),
        };
    }
    return (struct v4l2_ext_control){0};
}

static void trying_sets_nothing(struct point_guest *g)
{
    int32_t before;
    struct point_controls call = {.head = {.count = 1}};
    struct v4l2_control now;

    call.one[0] = changeable(g, &before);
    if (call.one[0].id == 0)
        return;
    now.id = call.one[0].id;
    assert_int_equal(point_ext(g, TRY_EXT_CTRLS, &call), 0);
    assert_int_equal(ASK(g, G_CTRL, &now), 0);
    assert_int_equal(now.value, before);
    assert_int_equal(point_ext(g, S_EXT_CTRLS, &call), 0);
    assert_int_equal(ASK(g, G_CTRL, &now), 0);
    assert_int_equal(now.value, call.one[0].value);
}

static void all_are_set_or_none(struct point_guest *g)
{
    int32_t before;
    struct point_controls call = {.head = {.count = 2}};
    struct v4l2_control now;

    call.one[0] = changeable(g, &before);
    if (call.one[0].id == 0)
        return;
    now.id = call.one[0].id;
    call.one[1].id = V4L2_CID_BASE + 0xfff; /* there is no such */
    assert_int_equal(point_ext(g, S_EXT_CTRLS, &call), EINVAL);
    assert_int_equal(call.head.error_idx, 2);
    assert_int_equal(point_ext(g, TRY_EXT_CTRLS, &call), EINVAL);
    assert_int_equal(call.head.error_idx, 1);
    assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), EINVAL);
    assert_int_equal(call.head.error_idx, 2);
    assert_int_equal(ASK(g, G_CTRL, &now), 0);
    assert_int_equal(now.value, before);
}

static void classes_are_kept_apart(struct point_guest *g)
{
    struct point_controls call = {0};

    assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), 0);
    assert_int_equal(point_ext(g, S_EXT_CTRLS, &call), 0);
    assert_int_equal(point_ext(g, TRY_EXT_CTRLS, &call), 0);
    call.head.which = V4L2_CTRL_CLASS_FM_TX; /* not there */
    assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), EINVAL);
    EACH_CONTROL(g, q)
    {
        call = (struct point_controls){.head = {.which = V4L2_CTRL_ID2WHICH(q.id)}};
        assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), 0);
        if (!is_number(&q) || (q.flags & V4L2_CTRL_FLAG_WRITE_ONLY))
            continue;
        call = (struct point_controls){.head = {.count = 1, .which = V4L2_CTRL_ID2WHICH(q.id)},
                                       .one = {{.id = q.id}}};
        assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), 0);
        call.head.which = V4L2_CTRL_CLASS_FM_TX;
        assert_int_equal(point_ext(g, G_EXT_CTRLS, &call), EINVAL);
    }
}

static void too_many_controls(struct point_guest *g)
{
    static const uint8_t codes[] = {G_EXT_CTRLS, S_EXT_CTRLS, TRY_EXT_CTRLS};

    for (unsigned i = 0; i < 3; i++) {
        struct v4l2_ext_controls head = {.count = 0x10000000};

        assert_int_equal(media_ioctl_raw(g->f, g->session, codes[i], &head, sizeof(head)), EINVAL);
        assert_int_equal(head.count, 0x10000000);
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
        0},
       {"VIDIOC_G_EXT_CTRLS", "WHICH_DEF_VAL reads the defaults; they cannot be set",
        defaults_can_be_read, 0},
       {"VIDIOC_G_EXT_CTRLS", "ENOSPC says how large the data are; EFAULT for fewer to set",
        data_say_their_size, 0},
       {"VIDIOC_TRY_EXT_CTRLS", "sets nothing", trying_sets_nothing, 0},
       {"VIDIOC_S_EXT_CTRLS", "sets all or none; error_idx says count, from TRY the bad one",
        all_are_set_or_none, 0},
       {"VIDIOC_S_EXT_CTRLS", "all are of the class that 'which' names; a count of 0 asks for it",
        classes_are_kept_apart, 0},
       {"VIDIOC_S_EXT_CTRLS", "EINVAL for more controls than there are bytes", too_many_controls,
        0});
