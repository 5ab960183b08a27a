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
    uint32_t id;
    RB_ENTRY(id_node) entry; // id_map::tree
};

RB_HEAD(id_tree, id_node);

struct id_map {
    struct id_tree tree;
    size_t count;
};

#define ID_MAP_OF(node, type, member)                                                              \
    ((node) == NULL ? NULL : (type *)(void *)((char *)(node)-offsetof(type, member)))

void id_map_init(struct id_map *map);
/* Adds 'node' under node->id. Returns 0, or -EEXIST if the id is taken. */
int id_map_add(struct id_map *map, struct id_node *node);
void id_map_remove(struct id_map *map, struct id_node *node);
/* The node with that id, or NULL. */
struct id_node *id_map_find(const struct id_map *map, uint32_t id);
/* The node with the lowest id, or NULL. */
struct id_node *id_map_first(const struct id_map *map);
/* The node with the next higher id, or NULL. */
struct id_node *id_map_next(struct id_node *node);

#endif
