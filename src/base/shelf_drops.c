/* SPDX-License-Identifier: MIT */
#include "base/shelf_drops.h"

#include <assert.h>

void shelf_drops_init(struct shelf_drops *drops, struct shelf *shelf)
{
    *drops = (struct shelf_drops){.shelf = shelf};
}

bool shelf_drops_is_full(const struct shelf_drops *drops)
{
    return drops->count == SHELF_DROPS_MAX;
}

void shelf_drops_add(struct shelf_drops *drops, uint64_t *key)
{
    if (*key == 0)
        return;
    assert(drops->count < SHELF_DROPS_MAX);
    drops->keys[drops->count++] = *key;
    *key = 0;
}

void shelf_drops_carry_out_all(struct shelf_drops *drops)
{
    for (unsigned i = 0; i < drops->count; i++)
        shelf_drop(drops->shelf, drops->keys[i]);
    drops->count = 0;
}
