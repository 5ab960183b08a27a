/* SPDX-License-Identifier: MIT */
#ifndef BASE_SHELF_DROPS_H
#define BASE_SHELF_DROPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shelf.h"

#define SHELF_DROPS_MAX 64u

/* Keys of a shelf whose records are erased, but not before the next commit: then they are dropped.
 */
struct shelf_drops {
    struct shelf *shelf; /* borrowed, or NULL */
    unsigned count;
    uint64_t keys[SHELF_DROPS_MAX];
};

void shelf_drops_init(struct shelf_drops *drops, struct shelf *shelf);
/* Whether it takes no more: commit, and carry out what there is. */
bool shelf_drops_is_full(const struct shelf_drops *drops);
/* It is to be dropped; nothing for 0. Sets *key to 0. Not when it is full. */
void shelf_drops_add(struct shelf_drops *drops, uint64_t *key);
/* The records are erased: drops all, of which there mostly are none. */
void shelf_drops_carry_out_all(struct shelf_drops *drops);
static inline void shelf_drops_carry_out(struct shelf_drops *drops)
{
    if (drops->count > 0)
        shelf_drops_carry_out_all(drops);
}

#endif
