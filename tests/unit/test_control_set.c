/* SPDX-License-Identifier: MIT */
#include "control_fixture.h"

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
    struct control *control = control_set_find(&on->set, id);
    int r;

    memcpy(control->staged_data, bytes, size < control->size ? size : control->size);
    r = control_stage_data(control, size);
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
    const struct CMUnitTest tests[] = {
        CONTROL_TEST(test_numbers_are_fitted),
        CONTROL_TEST(test_menus_refuse),
        CONTROL_TEST(test_strings),
        CONTROL_TEST(test_arrays_and_compounds),
        CONTROL_TEST(test_all_or_none),
        CONTROL_TEST(test_classes_come_of_the_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
