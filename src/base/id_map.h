/* SPDX-License-Identifier: MIT */
#ifndef BASE_ID_MAP_H
#define BASE_ID_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <bsd/sys/tree.h>

/*
 * Things by 32-bit id. The caller embeds a struct id_node and keeps it alive while it is in the
 * map; ID_MAP_OF turns the node back into the thing.
 */
struct id_node {
    /* id_map::tree; without the hole at its end, 'id' makes 32 bytes of the node and not 40 */
    RB_ENTRY(id_node) __attribute__((packed, aligned(4))) entry;
    uint32_t id;
} __attribute__((aligned(8)));

_Static_assert(sizeof(struct id_node) == 3 * sizeof(void *) + 8, "a node has no holes");

RB_HEAD(id_tree, id_node);

/* A driver works on few of its things at a time, and its ids mostly follow each other. */
#define ID_MAP_RECENT 64u

struct id_map {
    struct id_tree tree;
    size_t count;
    struct id_node
        *recent[ID_MAP_RECENT]; /* by the id's low bits: the last one asked for, or NULL */
};

#define ID_MAP_OF(node, type, member)                                                              \
    ((node) == NULL ? NULL : (type *)(void *)((char *)(node)-offsetof(type, member)))

void id_map_init(struct id_map *map);
/* Adds 'node' under node->id. Returns 0, or -EEXIST if the id is taken. */
int id_map_add(struct id_map *map, struct id_node *node);
void id_map_remove(struct id_map *map, struct id_node *node);
/* id_map_find where it was not asked for just before. */
struct id_node *id_map_search(const struct id_map *map, uint32_t id);

/* The node with that id, or NULL. Several threads may look at once while none changes the map. */
static inline struct id_node *id_map_find(const struct id_map *map, uint32_t id)
{
    struct id_node *node = __atomic_load_n(&map->recent[id % ID_MAP_RECENT], __ATOMIC_RELAXED);

    return node != NULL && node->id == id ? node : id_map_search(map, id);
}

/* The node with the lowest id, or NULL. */
struct id_node *id_map_first(const struct id_map *map);
/* The node with the next higher id, or NULL. */
struct id_node *id_map_next(struct id_node *node);

#endif
