/* SPDX-License-Identifier: MIT */
#include "media_test.h"

#include "media/control_set.h"

#define GRID (V4L2_CID_DETECT_CLASS_BASE + 3)
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
    {V4L2_CID_HFLIP, V4L2_CTRL_TYPE_BOOLEAN, "Flip", 0, 1, 1, 0},
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

static int setup(void **state)
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

static int teardown(void **state)
{
    struct on_device *on = *state;

    on->context->controls = on->before;
    control_set_finish(&on->set);
    *state = on->f;
    free(on);
    return media_teardown(state);
}

static int64_t fitted(struct on_device *on, uint32_t id, int64_t wish)
{
    struct control *control = control_set_find(&on->set, id);

    assert_int_equal(control_stage(control, wish), 0);
    assert_int_equal(control_set_commit(&on->set, NULL), 0);
    return control->value;
}

static void test_numbers_are_fitted(void **state)
{
    struct on_device *on = *state;

    assert_int_equal(control_set_value(&on->set, V4L2_CID_BRIGHTNESS), 7);
    assert_int_equal(fitted(on, V4L2_CID_BRIGHTNESS, -1000), -50);
    assert_int_equal(fitted(on, V4L2_CID_BRIGHTNESS, 1000), 50);
    assert_int_equal(fitted(on, V4L2_CID_BRIGHTNESS, 51), 50);
    assert_int_equal(fitted(on, V4L2_CID_BRIGHTNESS, 14), 10);
    assert_int_equal(fitted(on, V4L2_CID_BRIGHTNESS, 15), 20);
    assert_int_equal(fitted(on, V4L2_CID_BRIGHTNESS, -46), -50);
    assert_int_equal(fitted(on, V4L2_CID_HFLIP, -7), 1);
    assert_int_equal(fitted(on, LONG, INT64_MIN), INT64_MIN);
    assert_int_equal(fitted(on, LONG, INT64_MAX), INT64_MAX); /* 2^64 - 1 is a multiple of 3 */
    assert_int_equal(fitted(on, LONG, INT64_MAX - 1), INT64_MAX);
    assert_int_equal(fitted(on, LONG, INT64_MAX - 2), INT64_MAX - 3);
    assert_int_equal(changes, 9); /* 50 was set twice, and so was INT64_MAX */
}

static void test_menus_refuse(void **state)
{
    struct on_device *on = *state;
    struct control *menu = control_set_find(&on->set, ITEMS);

    assert_int_equal(control_stage(menu, 4), -ERANGE);
    assert_int_equal(control_stage(menu, -1), -ERANGE);
    assert_int_equal(control_stage(menu, 2), -EINVAL);
    assert_int_equal(fitted(on, ITEMS, 3), 3);
    assert_int_equal(control_stage(control_set_find(&on->set, RATES), 3), -ERANGE);
}

static int stage_bytes(struct on_device *on, uint32_t id, const void *bytes, uint32_t size)
{
    int r = control_stage_data(control_set_find(&on->set, id), bytes, size);

    return r != 0 ? r : control_set_commit(&on->set, NULL);
}

static void test_strings(void **state)
{
    struct on_device *on = *state;
    struct control *title = control_set_find(&on->set, TITLE);

    assert_int_equal(title->size, 9);
    assert_string_equal((char *)title->data, "none");
    assert_int_equal(stage_bytes(on, TITLE, "", 0), -ERANGE);
    assert_int_equal(stage_bytes(on, TITLE, "", 1), -ERANGE);    /* shorter than 2 */
    assert_int_equal(stage_bytes(on, TITLE, "abc", 4), -ERANGE); /* no multiple of 2 */
    assert_int_equal(stage_bytes(on, TITLE, "abcdefghi", 9), -ERANGE);
    assert_int_equal(stage_bytes(on, TITLE, "abcdefghijkl", 12), -ERANGE);
    assert_string_equal((char *)title->data, "none");
    assert_int_equal(stage_bytes(on, TITLE, "abcdefgh", 9), 0);
    assert_string_equal((char *)title->data, "abcdefgh");
    assert_int_equal(stage_bytes(on, TITLE, "xyz", 3), 0); /* its last byte is the end */
    assert_memory_equal(title->data, "xy\0\0\0\0\0\0", 9);
}

static void test_arrays_and_compounds(void **state)
{
    struct on_device *on = *state;
    struct control *grid = control_set_find(&on->set, GRID);
    const uint16_t first[6] = {5, 5, 5, 5, 5, 5}, last[6] = {1, 2, 300, 300, 0, 300};
    uint16_t wish[6] = {1, 2, 300, 301, 0, 65535};
    struct v4l2_area area = {0, 1};

    assert_int_equal(grid->size, 12);
    assert_memory_equal(grid->data, first, 12);
    assert_int_equal(stage_bytes(on, GRID, wish, 12), 0);
    assert_memory_equal(grid->data, last, 12);
    assert_int_equal(stage_bytes(on, GRID, wish, 12), 0);
    assert_int_equal(changes, 1); /* the second time it was the same */
    assert_int_equal(stage_bytes(on, GRID, wish, 11), -EFAULT);
    assert_int_equal(stage_bytes(on, PLACE, &area, sizeof(area)), -EINVAL);
    area.width = 9;
    assert_int_equal(stage_bytes(on, PLACE, &area, sizeof(area)), 0);
    assert_memory_equal(control_set_find(&on->set, PLACE)->data, &area, sizeof(area));
    control_set_reset(&on->set);
    assert_memory_equal(grid->data, first, 12);
    assert_int_equal(control_set_find(&on->set, PLACE)->data[0], 3);
}

/* One of two is refused: neither is set. */
static void test_all_or_none(void **state)
{
    struct on_device *on = *state;
    struct control *brightness = control_set_find(&on->set, V4L2_CID_BRIGHTNESS);
    struct control *items_control = control_set_find(&on->set, ITEMS);

    refused = ITEMS;
    assert_int_equal(control_stage(brightness, 50), 0);
    assert_int_equal(control_stage(items_control, 0), 0);
    assert_int_equal(control_set_commit(&on->set, NULL), -EBUSY);
    assert_int_equal(brightness->value, 7);
    assert_int_equal(items_control->value, 1);
    assert_int_equal(changes, 0);
    refused = 0;
    assert_int_equal(control_set_commit(&on->set, NULL), 0); /* nothing is staged any more */
    assert_int_equal(changes, 0);
    assert_int_equal(refusals, 1);
}

static void test_classes_come_of_the_ids(void **state)
{
    struct on_device *on = *state;
    const uint32_t rows[] = {V4L2_CID_USER_CLASS, V4L2_CID_CODEC_CLASS, V4L2_CID_CAMERA_CLASS,
                             V4L2_CID_DETECT_CLASS};
    uint32_t id = 0, found = 0, compound = 0;

    assert_int_equal(on->set.count, SPECS + 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(control_set_find(&on->set, rows[i])->spec->type,
                         V4L2_CTRL_TYPE_CTRL_CLASS);
    for (struct control *c; (c = control_set_next(&on->set, id, true, false)); found++)
        id = c->spec->id;
    assert_int_equal(found, SPECS + 4 - 2);
    id = 0;
    for (struct control *c; (c = control_set_next(&on->set, id, false, true)); compound++)
        id = c->spec->id;
    assert_int_equal(compound, 2);
    assert_null(control_set_next(&on->set, GRID, true, true));
}

int main(void)
{
#define ON_DEVICE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_DEVICE(test_numbers_are_fitted),
        ON_DEVICE(test_menus_refuse),
        ON_DEVICE(test_strings),
        ON_DEVICE(test_arrays_and_compounds),
        ON_DEVICE(test_all_or_none),
        ON_DEVICE(test_classes_come_of_the_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
