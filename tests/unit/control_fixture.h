/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CONTROL_FIXTURE_H
#define TESTS_UNIT_CONTROL_FIXTURE_H

/* A camera with one control of each sort in place of its own. */
#include "control_table.h"
#include "media_test.h"

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
    assert_int_equal(control_set_init(&on->set, on->context, &control_ops, control_specs, SPECS),
                     0);
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
