/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CONTROL_TABLE_H
#define TESTS_UNIT_CONTROL_TABLE_H

/* One control of each sort. Needs no test library, so that a fuzzer can use it. */
#include <errno.h>

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

static const struct control_spec control_specs[] = {
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

#define SPECS (sizeof(control_specs) / sizeof(control_specs[0]))

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

static const struct control_set_ops control_ops = {refresh, accept_value, changed};

#endif
