/* SPDX-License-Identifier: MIT */
#include "base/range_set.h"

#include <errno.h>

#include "base/units.h"

static int compare(const struct range *a, const struct range *b)
{
    return a->start < b->start ? -1 : a->start > b->start;
}

RB_PROTOTYPE(range_tree, range, entry, compare);
RB_GENERATE(range_tree, range, entry, compare);

/* The tree macros take no const tree, though finding changes nothing. */
static struct range_tree *tree_of(const struct range_set *set)
{
    return (struct range_tree *)(uintptr_t)&set->tree;
}

void range_set_init(struct range_set *set)
{
    *set = (struct range_set){0};
    RB_INIT(&set->tree);
}

/* The range with the highest start that is not above 'point', or NULL. */
static struct range *floor_of(const struct range_set *set, uint64_t point)
{
    struct range *at = RB_ROOT(&set->tree);
    struct range *best = NULL;

    while (at != NULL) {
        if (at->start > point) {
            at = RB_LEFT(at, entry);
        } else {
            best = at;
            at = RB_RIGHT(at, entry);
        }
    }
    return best;
}

int range_set_add(struct range_set *set, struct range *range)
{
    if (range->size == 0 || range->start > UINT64_MAX - range->size)
        return -EINVAL;
    if (range_set_overlap(set, range->start, range->size) != NULL)
        return -EEXIST;
    RB_INSERT(range_tree, &set->tree, range);
    set->count++;
    set->bytes += range->size;
    return 0;
}

void range_set_remove(struct range_set *set, struct range *range)
{
    RB_REMOVE(range_tree, &set->tree, range);
    set->count--;
    set->bytes -= range->size;
}

struct range *range_set_at(const struct range_set *set, uint64_t point)
{
    struct range *range = floor_of(set, point);

    return range != NULL && point - range->start < range->size ? range : NULL;
}

struct range *range_set_overlap(const struct range_set *set, uint64_t start, uint64_t size)
{
    struct range *at = RB_ROOT(&set->tree);
    struct range *below = NULL, *above = NULL; /* the nearest, on the way down */

    while (at != NULL) {
        if (at->start > start) {
            above = at;
            at = RB_LEFT(at, entry);
        } else {
            below = at;
            at = RB_RIGHT(at, entry);
        }
    }
    if (size == 0)
        return NULL;
    if (below != NULL && start - below->start < below->size)
        return below;
    return above != NULL && above->start - start < size ? above : NULL;
}

struct range *range_set_first(const struct range_set *set)
{
    return RB_MIN(range_tree, tree_of(set));
}

struct range *range_set_next(struct range *range)
{
    return RB_NEXT(range_tree, NULL, range);
}

bool range_set_find_free(const struct range_set *set, uint64_t size, uint64_t align, uint64_t limit,
                         uint64_t *start)
{
    struct range *range = range_set_first(set);
    uint64_t at = 0;

    if (size == 0 || align == 0)
        return false;
    for (;;) {
        uint64_t end = range != NULL && range->start < limit ? range->start : limit;

        if (!units_round_up(at, align, &at))
            return false;
        if (at <= end && size <= end - at) {
            *start = at;
            return true;
        }
        if (range == NULL || range->start >= limit)
            return false;
        at = range->start + range->size;
        range = range_set_next(range);
    }
}
