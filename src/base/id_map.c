/* SPDX-License-Identifier: MIT */
#include "base/id_map.h"

#include <errno.h>

static int compare(const struct id_node *a, const struct id_node *b)
{
    return a->id < b->id ? -1 : a->id > b->id;
}

RB_PROTOTYPE(id_tree, id_node, entry, compare);
RB_GENERATE(id_tree, id_node, entry, compare);

/* The tree macros take no const tree, though finding changes nothing. */
static struct id_tree *tree_of(const struct id_map *map)
{
    return (struct id_tree *)(uintptr_t)&map->tree;
}

void id_map_init(struct id_map *map)
{
    *map = (struct id_map){0};
    RB_INIT(&map->tree);
}

int id_map_add(struct id_map *map, struct id_node *node)
{
    if (RB_INSERT(id_tree, &map->tree, node) != NULL)
        return -EEXIST;
    map->count++;
    return 0;
}

void id_map_remove(struct id_map *map, struct id_node *node)
{
    struct id_node **recent = &map->recent[node->id % ID_MAP_RECENT];

    if (*recent == node)
        *recent = NULL;
    RB_REMOVE(id_tree, &map->tree, node);
    map->count--;
}

struct id_node *id_map_search(const struct id_map *map, uint32_t id)
{
    struct id_node **recent = (struct id_node **)(uintptr_t)&map->recent[id % ID_MAP_RECENT];
    struct id_node key = {.id = id};
    struct id_node *node = RB_FIND(id_tree, tree_of(map), &key);

    if (node != NULL)
        __atomic_store_n(recent, node, __ATOMIC_RELAXED);
    return node;
}

struct id_node *id_map_first(const struct id_map *map)
{
    return RB_MIN(id_tree, tree_of(map));
}

struct id_node *id_map_next(struct id_node *node)
{
    return RB_NEXT(id_tree, NULL, node);
}
