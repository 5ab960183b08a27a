/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>

#include "base/id_map.h"

struct thing {
    int value;
    struct id_node node;
};

static void things_are_found_by_id(void **state)
{
    struct thing a = {.value = 1, .node.id = 5};
    struct thing b = {.value = 2, .node.id = UINT32_MAX};
    struct thing c = {.value = 3, .node.id = 0};
    struct thing twin = {.value = 4, .node.id = 5};
    struct id_map map;

    id_map_init(&map);
    assert_null(id_map_find(&map, 5));
    assert_null(id_map_first(&map));
    assert_null(ID_MAP_OF(id_map_find(&map, 5), struct thing, node));
    assert_int_equal(id_map_add(&map, &a.node), 0);
    assert_int_equal(id_map_add(&map, &b.node), 0);
    assert_int_equal(id_map_add(&map, &c.node), 0);
    assert_int_equal(id_map_add(&map, &twin.node), -EEXIST);
    assert_int_equal(map.count, 3);
    assert_ptr_equal(ID_MAP_OF(id_map_find(&map, 5), struct thing, node), &a);
    assert_ptr_equal(id_map_find(&map, UINT32_MAX), &b.node);
    assert_null(id_map_find(&map, 6));
    assert_ptr_equal(id_map_first(&map), &c.node);
    assert_ptr_equal(id_map_next(&c.node), &a.node);
    assert_ptr_equal(id_map_next(&a.node), &b.node);
    assert_null(id_map_next(&b.node));
    id_map_remove(&map, &a.node);
    assert_int_equal(map.count, 2);
    assert_null(id_map_find(&map, 5));
    assert_int_equal(id_map_add(&map, &twin.node), 0);
    assert_ptr_equal(id_map_find(&map, 5), &twin.node);
}

/* What was asked for last is found at once: but not what is gone, nor another in its place. */
static void what_is_gone_is_not_found_again(void **state)
{
    struct id_node a = {.id = 5}, b = {.id = 5 + ID_MAP_RECENT}, again = {.id = 5};
    struct id_map map;

    id_map_init(&map);
    assert_int_equal(id_map_add(&map, &a), 0);
    assert_int_equal(id_map_add(&map, &b), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_ptr_equal(id_map_find(&map, 5), &a);
        assert_ptr_equal(id_map_find(&map, b.id), &b);
        assert_null(id_map_find(&map, 5 + 2 * ID_MAP_RECENT));
    }
    id_map_remove(&map, &a); /* b was asked for behind it */
    assert_null(id_map_find(&map, 5));
    assert_ptr_equal(id_map_find(&map, b.id), &b);
    assert_int_equal(id_map_add(&map, &again), 0);
    assert_ptr_equal(id_map_find(&map, 5), &again);
    id_map_remove(&map, &again);
    assert_null(id_map_find(&map, 5));
    assert_ptr_equal(id_map_find(&map, b.id), &b);
}

#define MANY 2000u

static void many_ids_stay_in_order(void **state)
{
    static struct id_node nodes[MANY];
    struct id_map map;
    uint32_t last = 0;
    size_t seen = 0;

    id_map_init(&map);
    for (uint32_t i = 0; i < MANY; i++) {
        nodes[i].id = (i * 7919u) % MANY * 3u; /* every multiple of 3 once, in a wild order */
        assert_int_equal(id_map_add(&map, &nodes[i]), 0);
    }
    for (struct id_node *node = id_map_first(&map); node != NULL; node = id_map_next(node)) {
        assert_true(seen == 0 || node->id > last);
        last = node->id;
        seen++;
    }
    assert_int_equal(seen, MANY);
    for (uint32_t i = 0; i < MANY; i += 2)
        id_map_remove(&map, &nodes[i]);
    for (uint32_t i = 0; i < MANY; i++)
        assert_ptr_equal(id_map_find(&map, nodes[i].id), i % 2 == 0 ? NULL : &nodes[i]);
    assert_int_equal(map.count, MANY / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(things_are_found_by_id),
        FD_TEST(what_is_gone_is_not_found_again),
        FD_TEST(many_ids_stay_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
