/* SPDX-License-Identifier: MIT */
#ifndef BASE_RANGE_SET_H
#define BASE_RANGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bsd/sys/tree.h>

/*
 * Ranges [start, start + size) of 64-bit numbers that do not overlap, ordered by start. Arithmetic
 * only. The caller embeds a struct range in what the range stands for, and keeps it alive while it
 * is in.
 */
struct range {
    uint64_t start;
    uint64_t size;         /* not 0 */
    RB_ENTRY(range) entry; // range_set::tree
};

RB_HEAD(range_tree, range);

struct range_set {
    struct range_tree tree;
    size_t count;
    uint64_t bytes; /* the sum of all sizes */
};

void range_set_init(struct range_set *set);
/* Adds 'range'. Returns 0; -EINVAL for size 0 or start + size over 64 bits; -EEXIST on overlap. */
int range_set_add(struct range_set *set, struct range *range);
void range_set_remove(struct range_set *set, struct range *range);
/* The range that holds 'point', or NULL. */
struct range *range_set_at(const struct range_set *set, uint64_t point);
/* The lowest range that overlaps [start, start + size), or NULL. */
struct range *range_set_overlap(const struct range_set *set, uint64_t start, uint64_t size);
struct range *range_set_first(const struct range_set *set);
struct range *range_set_next(struct range *range);
/* The lowest start of 'size' free numbers in [0, limit), a multiple of 'align' (a power of two).
 * Returns whether there is one. */
bool range_set_find_free(const struct range_set *set, uint64_t size, uint64_t align, uint64_t limit,
                         uint64_t *start);

#endif
