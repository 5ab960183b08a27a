/* SPDX-License-Identifier: MIT */
#include "tests/points/control_query.h"

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
    struct v4l2_control now = {0};

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
    struct v4l2_control now = {0};

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

POINTS(point_ext_controls,
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
