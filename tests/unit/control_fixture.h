/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CONTROL_FIXTURE_H
#define TESTS_UNIT_CONTROL_FIXTURE_H

/* A camera with one control of each sort in place of its own. */
#include "media_test.h"

#include "media/control_set.h"

#define GRID (V4L2_CID_DETECT_CLASS_BASE + 3)
#define BITS (V4L2_CID_USER_BASE | 0xf000)
#define BUTTON (V4L2_CTRL_FLAG_WRITE_ONLY | V4L2_CTRL_FLAG_EXECUTE_ON_WRITE)
#define ITEMS (V4L2_CID_CODEC_BASE + 200)
#define RATES (V4L2_CID_CODEC_BASE + 201)
#define TITLE (V4L2_CID_CAMERA_CLASS_BASE + 200)
#define PLACE (V4L2_CID_CAMERA_CLASS_BASE + 201)
#define LONG (V4L2_CID_CAMERA_CLASS_BASE + 202)

static const char *const items[] = {"a", "b", "c", "d"};
static const int64_t rates[] = {25, 30, 60};

static const struct control_spec specs[] = {
    {V4L2_CID_BRIGHTNESS, V4L2_CTRL_TYPE_INTEGER, "Brightness", -50, 51, 10, 7},
    {V4L2_CID_CONTRAST, V4L2_CTRL_TYPE_INTEGER, "Contrast", 0, 255, 1, 128,
     V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_VOLATILE},
    {V4L2_CID_DO_WHITE_BALANCE, V4L2_CTRL_TYPE_BUTTON, "Press", .flags = BUTTON},
    {V4L2_CID_HFLIP, V4L2_CTRL_TYPE_BOOLEAN, "Flip", 0, 1, 1, 0},
    {BITS, V4L2_CTRL_TYPE_BITMASK, "Bits", 0, 0x80000005, 0, 1},
    {ITEMS, V4L2_CTRL_TYPE_MENU, "Items", 0, 3, 1u << 2, 1, .menu = items},
    {RATES, V4L2_CTRL_TYPE_INTEGER_MENU, "Rates", 0, 2, 0, 0, .integer_menu = rates},
    {TITLE, V4L2_CTRL_TYPE_STRING, "Title", 2, 8, 2, 0, .initial_data = "none"},
    {PLACE, V4L2_CTRL_TYPE_AREA, "Place", .initial_data = &(struct v4l2_area){3, 4}},
    {LONG, V4L2_CTRL_TYPE_INTEGER64, "Long", INT64_MIN, INT64_MAX, 3, -1},
    {GRID, V4L2_CTRL_TYPE_U16, "Grid", 0, 300, 1, 5, .dims = {2, 3}},
};

#define SPECS (sizeof(specs) / sizeof(specs[0]))

static unsigned changes, refusals;
static uint32_t refused;

static void refresh(struct context *context, struct control *control)
{
    control->value++;
}

static int accept_value(struct context *context, const struct control *control, int64_t value)
{
    if (control->spec->id != refused)
        return 0;
    refusals++;
    return -EBUSY;
}

static void changed(struct context *context, struct control *control)
{
    changes++;
}

static const struct control_set_ops ops = {refresh, accept_value, changed};

/* On a device, for its sessions. */
struct on_device {
    struct media_fixture *f;
    struct context *context;
    struct control_set *before;
    struct control_set set;
};

static inline int control_setup(void **state)
{
    struct on_device *on = calloc(1, sizeof(*on));

    media_setup_arena(state);
    on->f = *state;
    on->context = on->f->media->kind->ops->open(on->f->media->kind, 0);
    on->before = on->context->controls;
    assert_int_equal(control_set_init(&on->set, on->context, &ops, specs, SPECS), 0);
    on->context->controls = &on->set;
    changes = refusals = refused = 0;
    *state = on;
    return 0;
}

static inline int control_teardown(void **state)
{
    struct on_device *on = *state;

    on->context->controls = on->before;
    control_set_finish(&on->set);
    *state = on->f;
    free(on);
    return media_teardown(state);
}

#define CONTROL_TEST(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, control_setup, control_teardown)

#endif
